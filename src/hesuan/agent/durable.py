"""Files that are either wholly there or not there at all, also after a power cut.

Standard library only: the supervisor of a run imports this and must stay small.
"""

from __future__ import annotations

import json
import os
from pathlib import Path


def sync_directory(path: Path) -> None:
    """Makes the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Writes a file under its name in one step: temporary file, fsync, rename, fsync of the directory."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


def write_json(path: Path, value: object) -> None:
    """Writes a value as readable JSON, durably."""
    write(path, (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode())


def read_json(path: Path) -> dict[str, object] | None:
    """The object in a file, or None where there is no such file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    value = json.loads(data)
    assert isinstance(value, dict), f"{path} does not hold an object"
    return value
