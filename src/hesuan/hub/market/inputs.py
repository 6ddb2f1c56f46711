"""The input files that a work order names: read, and frozen with what they are when quotes are asked for.

A user writes ``{"file": ID, "path": "data/a.csv"}``; the order carries size and SHA-256 beside them, so that
what runs is what was quoted, whatever becomes of the file meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hesuan.errors import Faults, InputFault, declare
from hesuan.hub.files import selectors as files
from hesuan.wire import inputs as paths
from hesuan.wire.canonical import Json
from hesuan.wire.ids import is_id

NOT_USABLE = declare(
    "work.file_not_usable",
    en="There is no complete file {file} of this organisation with this content. Send it first"
    " (`hesuan file add`), wholly.",
    zh="本组织没有内容相符且已传完的文件 {file}。请先完整上传（`hesuan file add`）。",
)
_SAID = {"file", "path"}
_FROZEN = {"sha256", "size_bytes"}


@dataclass(frozen=True, slots=True)
class Input:
    """A file and where the run finds it below its input folder; frozen once ``sha256`` is known."""

    file: str
    path: str
    sha256: str = ""
    size_bytes: int = 0

    def document(self) -> dict[str, Json]:
        """As a quote repeats it."""
        return {"file": self.file, **self.for_agent()}

    def for_agent(self) -> dict[str, Json]:
        """What the site needs to know."""
        frozen: dict[str, Json] = {"sha256": self.sha256, "size_bytes": self.size_bytes}
        return {"path": self.path, **(frozen if self.sha256 else {})}


def are_inputs(value: object) -> bool:
    """Whether a value is a list of inputs as a work order or a quote writes them."""
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= paths.MOST:
        return False
    return all(_is_input(one) for one in value) and not paths.clash([one["path"] for one in value])


def _is_input(one: Any) -> bool:
    if not isinstance(one, Mapping) or set(one) not in (_SAID, _SAID | _FROZEN):
        return False
    digest, size = one.get("sha256", "0" * 64), one.get("size_bytes", 1)
    hashed = isinstance(digest, str) and len(digest) == 64 and set(digest) <= set("0123456789abcdef")
    return is_id(one["file"]) and paths.is_path(one["path"]) and hashed and type(size) is int and size > 0


def read(value: Sequence[Any]) -> tuple[Input, ...]:
    """The inputs of a value that :func:`are_inputs` has found to be some."""
    return tuple(Input(**one) for one in value)


def frozen(given: Sequence[Input], organisation_id: str) -> tuple[Input, ...]:
    """The inputs with what their files are now.

    Raises:
        Faults: ``work.file_not_usable``, each with its place; a stranger's file, an unknown and an incomplete
            one are told alike.
    """
    known = files.complete(organisation_id, [one.file for one in given])
    made, faults = [], []
    for place, one in enumerate(given):
        row = known.get(one.file)
        said = (one.sha256, one.size_bytes)
        if row is None or (one.sha256 and said != (row.sha256, row.size_bytes)):
            faults.append(InputFault(NOT_USABLE, where=f"work.inputs.{place}.file", file=one.file))
        else:
            made.append(replace(one, sha256=row.sha256, size_bytes=row.size_bytes))
    if faults:
        raise Faults(faults)
    return tuple(made)
