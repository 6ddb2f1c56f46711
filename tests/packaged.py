"""A packaged application of a few lines, for what is done with applications and not by them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.people import Person

from hesuan.agent import manifests
from hesuan.agent.manifests import Manifest
from hesuan.hub.files import publishing
from hesuan.hub.files import services as stored
from hesuan.hub.files.models import App

MANIFEST = """
name = "{name}"
version = "{version}"
work_unit = "sum"
chips = ["cpu"]

[title]
en = "Adder"
zh = "加法"

[summary]
en = "Adds."
zh = "求和。"

[run]
command = ["{{python}}", "{{app}}/run.py", "{{units}}", "{{output}}"]
max_units = 1000

[benchmark]
command = ["{{python}}", "{{app}}/run.py", "{{units}}", "{{output}}"]
sizes = [1, 2, 3]
repeat = 1
time_limit_s = 60

[check]
name = "right"
result = "right"
at_least = 1
"""
SMALLEST = {"app.toml": b'name = "adder"\nversion = "1"\nwork_unit = "sum"\n'}
"""What the hub needs of an application; no site could run it."""
PROGRAM = """
import json, pathlib, sys
from adder.sums import total
units, output = int(sys.argv[1]), pathlib.Path(sys.argv[2])
print("the sum is", total(units))
(output / "result.json").write_text(json.dumps({"right": 1, "sum": total(units)}))
"""


def make_app(at: Path, *, name: str = "adder", version: str = "1", padding: int = 0) -> Manifest:
    """Writes the application's folder below ``at``: four files, of which one is empty, and some padding."""
    folder = at / name
    (folder / "adder").mkdir(parents=True)
    (folder / "app.toml").write_text(MANIFEST.format(name=name, version=version))
    (folder / "run.py").write_text(PROGRAM)
    (folder / "adder" / "__init__.py").touch()
    (folder / "adder" / "sums.py").write_text("def total(units):\n    return sum(range(units + 1))\n")
    if padding:
        (folder / "padding.bin").write_bytes(bytes(range(250)) * (padding // 250))
    return manifests.load(folder)


def contents(manifest: Manifest) -> dict[str, bytes]:
    """Path below the folder → content."""
    return {one.path: (manifest.folder / one.path).read_bytes() for one in manifests.listed(manifest.folder)}


def send(person: Person, files: Mapping[str, bytes]) -> list[publishing.Placed]:
    """Files, sent to a person's organisation, with their places."""
    return [(path, _sent(person, content) if content else None) for path, content in sorted(files.items())]


def publish(person: Person, files: Mapping[str, bytes]) -> App:
    """An application of these files, published by a person for their organisation."""
    placed, whose = send(person, files), person.organisation.id
    return publishing.publish(actor=person.actor, organisation_id=whose, files=placed)


def body(person: Person, files: Mapping[str, bytes]) -> dict[str, Any]:
    """What is sent to ``/api/v1/apps`` to publish these files."""
    placed = [{"path": path, "file": file} for path, file in send(person, files)]
    return {"organisation": person.organisation.id, "files": placed}


def _sent(person: Person, content: bytes) -> str:
    begun = stored.begin(
        actor=person.actor,
        organisation_id=person.organisation.id,
        name="a",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    stored.append(actor=person.actor, file_id=begun.id, offset=0, content=content)
    return str(begun.id)
