"""A packaged application as a list of its files: what publisher, hub and site all check alike.

An application is named by the digest of its content, and that digest is taken over this list. So a list that
has the digest of an order is the list that was ordered, whoever hands it over; and each file in it is checked
by the SHA-256 that stands there. A list says names, sizes and content, and nothing of modes: an application
that was delivered is made of plain files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from hesuan.errors import InputFault, declare
from hesuan.wire.canonical import Json, digest
from hesuan.wire.inputs import LONGEST_PATH, clash, is_path

MANIFEST = "app.toml"
IGNORED = ("__pycache__", "*.pyc", ".DS_Store", ".mypy_cache", ".ruff_cache", ".pytest_cache")
"""Left behind by tools; no part of an application and never copied."""
MOST_FILES = 1000
MOST_FILE_BYTES = 64 << 20
MOST_BYTES = 256 << 20
EMPTY = hashlib.sha256().hexdigest()
"""The SHA-256 of a file without content; nobody has to fetch it."""

TOO_MANY = declare(
    "app.too_many_files",
    en="The application has {count} files; {limit} is the limit of one that is delivered.",
    zh="该应用有 {count} 个文件；可下发的应用至多 {limit} 个。",
)
FILE_TOO_LARGE = declare(
    "app.file_too_large",
    en="`{path}` has {size_bytes} bytes; a file of a delivered application has at most {limit_bytes}.",
    zh="“{path}”为 {size_bytes} 字节；可下发应用的单个文件至多 {limit_bytes} 字节。",
)
TOO_LARGE = declare(
    "app.too_large",
    en="The application has {size_bytes} bytes; {limit_bytes} is the limit of one that is delivered.",
    zh="该应用共 {size_bytes} 字节；可下发的应用至多 {limit_bytes} 字节。",
)
BAD_PATH = declare(
    "app.path_unusable",
    en="`{path}` is no place in an application's folder: a relative path of 1 to {most} bytes without `..`,"
    " and none of what tools leave behind ({ignored}).",
    zh="“{path}”不是应用文件夹中的位置：须为 1 至 {most} 字节、不含“..”的相对路径，"
    "且不是工具遗留的文件（{ignored}）。",
)
PATHS_CLASH = declare(
    "app.paths_clash",
    en="Of the {count} paths two are alike, or one is a folder on the way to another.",
    zh="{count} 个路径中有两个相同，或其中一个是另一个途经的文件夹。",
)
NO_MANIFEST = declare(
    "app.no_manifest",
    en="There is no {file} in this folder, so it is no packaged application.",
    zh="该文件夹中没有 {file}，不是封装应用。",
)
BAD_FILE = declare(
    "app.file_unusable",
    en="File {number} of the application's list is {found}; `path`, `sha256` (64 hexadecimal digits) and"
    " `size_bytes` (a whole number from 0) are needed.",
    zh="应用清单第 {number} 个文件为 {found}；须有 path、sha256（64 位十六进制）与 size_bytes（非负整数）。",
)

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SHA256 = re.compile("[0-9a-f]{64}")
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class AppFile:
    """One file of an application: its place below the folder, and its content's size and SHA-256."""

    path: str
    size_bytes: int
    sha256: str

    def document(self) -> dict[str, Json]:
        """The file as it travels."""
        return {"path": self.path, "size_bytes": self.size_bytes, "sha256": self.sha256}


def is_name(name: object) -> bool:
    """Whether a text is an application's name, which is its folder's name too."""
    return isinstance(name, str) and len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def is_ignored(path: str) -> bool:
    """Whether a relative path lies in, or is, what tools leave behind."""
    return any(fnmatch(part, pattern) for part in path.split("/") for pattern in IGNORED)


def folder_digest(files: Iterable[AppFile]) -> str:
    """The digest of an application's content: relative names, sizes and SHA-256 of all its files."""
    entries: list[Json] = [
        [one.path, one.size_bytes, one.sha256] for one in sorted(files, key=lambda one: one.path.split("/"))
    ]
    return digest({"files": entries})


def faults(files: Sequence[AppFile]) -> list[InputFault]:
    """Everything that keeps an application from being delivered, with both numbers of each bound."""
    found = []
    if len(files) > MOST_FILES:
        found.append(InputFault(TOO_MANY, where="files", count=len(files), limit=MOST_FILES))
    for place, one in enumerate(files):
        if not is_path(one.path) or is_ignored(one.path):
            facts = {"path": ascii(one.path)[1:-1][:LONGEST_PATH], "ignored": ", ".join(IGNORED)}
            found.append(InputFault(BAD_PATH, where=f"files.{place}.path", most=LONGEST_PATH, **facts))
        elif one.size_bytes > MOST_FILE_BYTES:
            where, size = f"files.{place}", one.size_bytes
            limit = MOST_FILE_BYTES
            found.append(
                InputFault(FILE_TOO_LARGE, where=where, path=one.path, size_bytes=size, limit_bytes=limit)
            )
    together = sum(one.size_bytes for one in files)
    if together > MOST_BYTES:
        found.append(InputFault(TOO_LARGE, where="files", size_bytes=together, limit_bytes=MOST_BYTES))
    paths = [one.path for one in files]
    if clash(paths):
        found.append(InputFault(PATHS_CLASH, where="files", count=len(paths)))
    if MANIFEST not in paths:
        found.append(InputFault(NO_MANIFEST, where="files", file=MANIFEST))
    return found


def read(listed: object) -> tuple[AppFile, ...]:
    """A list of files as it travelled, its shape checked and nothing else; see :func:`faults`.

    Raises:
        InputFault: ``app.file_unusable``.
    """
    if not isinstance(listed, list):
        raise InputFault(BAD_FILE, where="files", number=0, found=ascii(listed)[:80])
    for number, one in enumerate(listed, start=1):
        if not _is_file(one):
            raise InputFault(BAD_FILE, where=f"files.{number - 1}", number=number, found=ascii(one)[:80])
    return tuple(AppFile(one["path"], one["size_bytes"], one["sha256"]) for one in listed)


def _is_file(one: object) -> bool:
    if not isinstance(one, dict) or set(one) != {"path", "sha256", "size_bytes"}:
        return False
    size, sha256 = one["size_bytes"], one["sha256"]
    whole = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    named = isinstance(one["path"], str) and isinstance(sha256, str)
    return whole and named and _SHA256.fullmatch(sha256) is not None
