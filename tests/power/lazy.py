"""Cuts the power of processes that write through ``lazy.c``: what they had not synced is taken back.

For every file, sectors of 512 bytes that were written and not synced are each found new or old by chance, as
after a disk that had got to some of them; so is the file's length. A sector is never torn in itself: disks
promise that much.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("lazy.c")
SECTOR = 512
WRITTEN, SYNCED, GONE = 1, 2, 3
_HEAD = struct.Struct("=IIQQQ")


@dataclass(frozen=True, slots=True)
class Write:
    """One write that may be taken back: what it covered, and how long the file was."""

    offset: int
    old: bytes
    size: int


def build(folder: Path) -> Path:
    """The library, compiled.

    Raises:
        CalledProcessError: the compiler refused it.
    """
    library = folder / "lazy.so"
    command = ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True)
    return library


def environment(library: Path, folder: Path, journal: Path) -> Mapping[str, str]:
    """What a process needs so that its writes below a folder can be taken back."""
    return {"LD_PRELOAD": str(library), "LAZY_FOLDER": str(folder.resolve()), "LAZY_JOURNAL": str(journal)}


def cut(folder: Path, journal: Path, chance: random.Random) -> int:
    """Leaves the files below a folder as a power cut might have; every process that wrote is dead.

    Returns:
        How many sectors were lost.
    """
    unsynced = dict(pending(journal.read_bytes()))
    lost = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and (writes := unsynced.get(path.stat().st_ino)):
            lost += _take_back(path, writes, chance)
    os.truncate(journal, 0)
    return lost


def pending(journal: bytes) -> Iterator[tuple[int, list[Write]]]:
    """By file (its inode): the writes after its last sync, oldest first."""
    waiting: dict[int, list[Write]] = defaultdict(list)
    at = 0
    while at + _HEAD.size <= len(journal):
        kind, length, inode, offset, size = _HEAD.unpack_from(journal, at)
        at += _HEAD.size
        old = journal[at : at + length]
        at += length
        if len(old) < length:
            break  # died as it noted this one, so it never wrote it
        if kind == WRITTEN:
            waiting[inode].append(Write(offset, old, size))
        else:
            waiting.pop(inode, None)
    yield from waiting.items()


def _take_back(path: Path, writes: list[Write], chance: random.Random) -> int:
    new = path.read_bytes()
    old = bytearray(new)
    for write in reversed(writes):
        old[write.offset : write.offset + len(write.old)] = write.old
        del old[write.size :]
        old.extend(bytes(write.size - len(old)))
    size = chance.choice([len(old), len(new)])
    found, lost = bytearray(), 0
    for at in range(0, size, SECTOR):
        width = min(SECTOR, size - at)
        was, became = (
            bytes(old[at : at + width]).ljust(width, b"\0"),
            new[at : at + width].ljust(width, b"\0"),
        )
        is_lost = was != became and chance.random() < 0.5
        lost += is_lost
        found += was if is_lost else became
    path.write_bytes(found)
    return lost + (size != len(new))
