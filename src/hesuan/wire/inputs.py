"""Where a run's input files lie below its input folder: paths that hub and agent both check alike."""

from __future__ import annotations

from collections.abc import Collection

MOST = 64
"""How many files one run may be given."""
LONGEST_PATH = 200
_FORBIDDEN = set('\\:*?"<>|')
"""What one of the common file systems takes for something else than a letter of a name."""


def is_path(path: object) -> bool:
    """Whether a text names a place below a folder and in no way one outside: relative, without ``..``."""
    if not isinstance(path, str) or not 0 < len(path) <= LONGEST_PATH or not path.isprintable():
        return False
    if len(path.encode()) > LONGEST_PATH or _FORBIDDEN & set(path):
        return False
    return all(part.strip() == part and part not in ("", ".", "..") for part in path.split("/"))


def clash(paths: Collection[str]) -> bool:
    """Whether two of some paths are the same, or one is a folder on the way to another."""
    folders = {"/".join(path.split("/")[:depth]) for path in paths for depth in range(1, path.count("/") + 1)}
    return len(set(paths)) < len(paths) or bool(folders & set(paths))
