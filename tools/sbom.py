"""``make sbom``: what Hesuan is made of, as a CycloneDX 1.6 document, from the lock files and nothing else.

No installation and no network is asked: name, version and hashes are the locked ones, so that the list says
what ``pip install --require-hashes`` will take, not what happens to lie on this machine. The licence of a
package is not in a lock file: ``requirements/licences.txt`` has it, and ``tests/house`` compares that with
what is installed. The document carries no time and no random number: the same files give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {
    "bare": "the planner, the policy engine and `hesuan verify`",
    "demo": "the platform",
    "dev": "the tests",
}
"""Lock file → for what it is."""
PACKAGE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)", re.M)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    """One line of a lock file."""

    name: str
    version: str
    sha256: tuple[str, ...]


def read(text: str) -> list[Locked]:
    """The packages of one lock file, in its order."""
    starts = list(PACKAGE.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return [
        Locked(
            re.sub(r"[-_.]+", "-", match["name"]).lower(),
            match["version"],
            tuple(HASH.findall(text[match.end() : end])),
        )
        for match, end in zip(starts, ends, strict=True)
    ]


@cache
def licences() -> dict[str, str]:
    """Package → SPDX expression."""
    lines = (ROOT / "requirements" / "licences.txt").read_text().splitlines()
    said = (line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    return dict(said)


def document(locks: dict[str, list[Locked]], version: str) -> dict[str, Any]:
    """The CycloneDX document of some lock files; a package that several of them hold stands once."""
    homes: dict[Locked, list[str]] = {}
    for lock, packages in locks.items():
        for package in packages:
            homes.setdefault(package, []).append(lock)
    components = [_component(package, homes[package]) for package in sorted(homes, key=_order)]
    own = f"pkg:pypi/hesuan@{version}"
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "hesuan",
                "version": version,
                "purl": own,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
    }
    told = json.dumps(body, sort_keys=True)
    return {**body, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, told)}"}


def _component(package: Locked, homes: list[str]) -> dict[str, Any]:
    purl = f"pkg:pypi/{package.name}@{package.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "licenses": [{"expression": licences()[package.name]}],
        "scope": "excluded" if homes == ["dev"] else "required",
        "properties": [{"name": "hesuan:lock", "value": f"requirements/{home}.txt"} for home in homes],
        # A lock file holds the hash of every file of a release; CycloneDX's own place for them is this one.
        "externalReferences": [
            {
                "type": "distribution",
                "url": purl,
                "hashes": [{"alg": "SHA-256", "content": one} for one in package.sha256],
            }
        ],
    }


def _order(package: Locked) -> tuple[str, str]:
    return package.name, package.version


def of_this_repository() -> dict[str, Any]:
    """The document of the lock files here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locks = {lock: read((ROOT / "requirements" / f"{lock}.txt").read_text()) for lock in LOCKS}
    return document(locks, project["version"])


def main(arguments: list[str]) -> int:
    """Prints the document, or writes it to a file."""
    parser = argparse.ArgumentParser(prog="make sbom", description="CycloneDX 1.6 from the lock files.")
    parser.add_argument("--output", type=Path, help="a file; else standard output")
    words = parser.parse_args(arguments)
    text = json.dumps(of_this_repository(), indent=2, sort_keys=True) + "\n"
    if words.output is None:
        print(text, end="")
    else:
        words.output.parent.mkdir(parents=True, exist_ok=True)
        words.output.write_text(text)
        print(f"{words.output}: {len(json.loads(text)['components'])} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
