"""A log as a folder of static files: read from a disk or the web, written by one writer.

Order of writing: bundles, tiles, all of them on the disk, and only then the checkpoint, by a rename that
happens whole or not at all. Whoever reads a checkpoint finds everything under it; a writer that was killed
begins again at the last checkpoint and writes the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from hesuan.errors import InputFault, Refused, declare
from hesuan.wire import checkpoint as notes
from hesuan.wire.tiles import (
    CHECKPOINT,
    WIDTH,
    Edge,
    Tile,
    bundle_path,
    leaf_hashes,
    pack_bundle,
    split_tile,
    unpack_bundle,
)

SYNC_EACH_MAX = 64
"""Above so many new files one sync of the whole disk is quicker than one for each."""

FOLDER_DIFFERS = declare(
    "folder.differs",
    en="The folder {folder} holds {size} leaves whose root is {found}; its checkpoint signs {signed}."
    " Nothing was written. Compare it with a copy before anything else.",
    zh="目录 {folder} 含 {size} 条，其根为 {found}；其检查点所签为 {signed}。"
    "未写入任何内容。请先与副本比对。",
)
NOT_THIS_LOG = declare(
    "folder.not_this_checkpoint",
    en="The folder {folder} comes to size {size} and root {found}; the checkpoint to publish says"
    " size {signed_size} and root {signed}. It was not published.",
    zh="目录 {folder} 的规模为 {size}、根为 {found}；待发布的检查点为规模 {signed_size}、"
    "根 {signed}。未发布。",
)


class Files(Protocol):
    """The files of a log, wherever they lie."""

    def read(self, path: str) -> bytes | None:
        """The bytes at a path below the log's prefix; ``None`` when there is nothing.

        Raises:
            Unavailable: it did not answer.
        """


class Disk:
    """A log's files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or ``None``."""
        try:
            return (self.folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def partial_tiles(self) -> Iterator[str]:
        """Paths of all partial tiles and bundles that lie there, old ones too."""
        for parent in sorted((self.folder / "tile").rglob("*.p")):
            for file in sorted(parent.iterdir()):
                yield file.relative_to(self.folder).as_posix()


class Writer:
    """The one writer of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = Disk(folder)
        self._written: list[Path] = []
        note = self.note()
        signed = _read(note) if note else None
        self._edge, self._entries = self._resume(signed.size if signed else 0)
        if signed and self._edge.root() != signed.root:
            found, root = self._edge.root().hex(), signed.root.hex()
            raise Refused(FOLDER_DIFFERS, folder=str(folder), size=signed.size, found=found, signed=root)

    @property
    def size(self) -> int:
        """Leaves written, published or not."""
        return self._edge.size

    @property
    def root(self) -> bytes:
        """Root over the leaves written."""
        return self._edge.root()

    def note(self) -> str | None:
        """The published checkpoint, if any."""
        data = self._files.read(CHECKPOINT)
        return None if data is None else data.decode()

    def append(self, leaves: Iterable[bytes]) -> None:
        """Writes leaves, with their bundles and tiles; nobody sees them before :meth:`publish`."""
        for leaf in leaves:
            self._entries.append(leaf)
            if len(self._entries) == WIDTH:
                self._flush_bundle()
        if self._entries:
            done = self._edge.size % WIDTH
            self._edge.extend(leaf_hashes(self._entries[done:]))
            self._write(bundle_path(self.size // WIDTH, len(self._entries)), pack_bundle(self._entries))
        for tile, hashes in self._edge.partial():
            self._write_tile(tile, hashes)

    def publish(self, note: str) -> None:
        """Makes a checkpoint of what was written visible, once all of it is on the disk.

        Raises:
            Refused: ``folder.not_this_checkpoint``.
        """
        signed = _read(note)
        if (signed.size, signed.root) != (self.size, self.root):
            raise Refused(
                NOT_THIS_LOG,
                folder=str(self.folder),
                size=self.size,
                found=self.root.hex(),
                signed_size=signed.size,
                signed=signed.root.hex(),
            )
        self._sync()
        self._write(CHECKPOINT, note.encode())
        self._sync()

    def _flush_bundle(self) -> None:
        """A full bundle, and every tile that its leaves fill."""
        index, done = self.size // WIDTH, self.size % WIDTH
        self._write(bundle_path(index), pack_bundle(self._entries))
        for tile, hashes in self._edge.extend(leaf_hashes(self._entries[done:])):
            self._write_tile(tile, hashes)
        self._entries = []

    def _write_tile(self, tile: Tile, hashes: Sequence[bytes]) -> None:
        self._write(tile.path, b"".join(hashes))

    def _write(self, path: str, data: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.new")
        draft.write_bytes(data)
        if path == CHECKPOINT:
            _sync_file(draft)
        draft.replace(file)
        self._written.append(file)

    def _sync(self) -> None:
        if len(self._written) > SYNC_EACH_MAX:
            os.sync()
        else:
            for file in self._written:
                _sync_file(file)
            for folder in {parent for file in self._written for parent in (file.parent, file.parent.parent)}:
                _sync_file(folder)
        self._written = []

    def _resume(self, size: int) -> tuple[Edge, list[bytes]]:
        rows, level = [], 0
        while size >> 8 * level:
            hashes = size >> 8 * level
            width = hashes % WIDTH
            tile = Tile(level, hashes // WIDTH, width or WIDTH)
            rows.append(split_tile(self._must(tile.path), width, path=tile.path) if width else [])
            level += 1
        width = size % WIDTH
        path = bundle_path(size // WIDTH, width or WIDTH)
        return Edge(rows), unpack_bundle(self._must(path), width, path=path) if width else []

    def _must(self, path: str) -> bytes:
        data = self._files.read(path)
        return b"" if data is None else data


def _read(note: str) -> notes.Checkpoint:
    """A checkpoint whose signature was checked by whoever made or fetched it."""
    text, _ = notes.split_note(note)
    return notes.parse_checkpoint(text)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_note(files: Files) -> str | None:
    """The checkpoint of a log's files.

    Raises:
        InputFault: ``checkpoint.not_a_note``, when it is not text.
        Unavailable: it did not answer.
    """
    data = files.read(CHECKPOINT)
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InputFault(notes.NOT_A_NOTE, what="it is not UTF-8") from None
