"""Software stacks, chip by chip: what the centre's operator writes in ``site.toml``, and what a file says.

::

    [stacks."Ascend 910C"]
    pytorch = "2.5.1"
    CANN = {version = "8.0.RC3", file = "/shared/cann/ascend_toolkit_install.info"}

What is written is *declared*. It is *observed* only where the operator names a file of the toolkit itself
that has its version, and this machine can read it: no program of a toolkit is started, no place is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hesuan.agent.survey import line
from hesuan.toml_table import Table
from hesuan.wire.canonical import Json

LARGEST_BYTES = 64 << 10
MOST_PARTS, MOST_STACKS = 50, 100
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+_-]{0,99}")
_SETTING = re.compile(r"^\s*version\s*=\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """A framework or a toolkit; ``version`` is the operator's word, None where only a file is named."""

    name: str
    version: str | None
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """What stands on one kind of chip, by the catalogue's name of it."""

    chip: str
    parts: tuple[Part, ...]


def read(table: Table) -> tuple[Stack, ...]:
    """The table ``[stacks]`` of a ``site.toml``; its faults go to the document."""
    return tuple(_stack(chip, table.table(chip)) for chip in list(table.values)[:MOST_STACKS])


def body(stacks: Iterable[Stack]) -> list[Json]:
    """The key ``stacks`` of an inventory, the files read now."""
    return [
        {"chip": line(stack.chip, 100) or "?", "parts": [_part(one) for one in stack.parts]}
        for stack in stacks
    ]


def version_in(text: str) -> str | None:
    """The version that a toolkit's own file says; None where it is none of the forms known.

    One line with nothing else (DTK's ``.info/version``); ``version=8.0.RC3`` (CANN's ``…_install.info``);
    JSON with ``version``, or with it under the toolkit's name (CUDA's ``version.json``: ``cuda``).
    """
    words = text.split()
    if len(words) == 1 and _VERSION.fullmatch(words[0]):
        return words[0]
    if found := _SETTING.search(text):
        return found[1] if _VERSION.fullmatch(found[1]) else None
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return _in_json(document)


def _in_json(document: object) -> str | None:
    if not isinstance(document, Mapping):
        return None
    inner = document.get("cuda")
    for place in (document, inner):
        said = place.get("version") if isinstance(place, Mapping) else None
        if isinstance(said, str) and _VERSION.fullmatch(said):
            return said
    return None


def _stack(chip: str, table: Table) -> Stack:
    parts = []
    for name, value in list(table.values.items())[:MOST_PARTS]:
        if isinstance(value, Mapping):
            inner = table.table(name)
            version, file = inner.text("version", ""), inner.text("file", "")
            inner.close()
        else:
            version, file = table.text(name), ""
        parts.append(Part(name, version or None, Path(file) if file else None))
    return Stack(chip, tuple(parts))


def _part(part: Part) -> dict[str, Json]:
    found = _read_file(part.file) if part.file else None
    return {
        "name": line(part.name, 100) or "?",
        "version": line(part.version or "", 100) or None,
        "observed": found,
        "read_from": line(str(part.file), 300) if found else "",
    }


def _read_file(path: Path) -> str | None:
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST_BYTES + 1)
    except OSError:
        return None
    return version_in(data.decode(errors="replace")) if len(data) <= LARGEST_BYTES else None
