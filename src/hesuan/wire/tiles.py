"""The files of a log: C2SP tlog-tiles, paths and contents, so that any web server can serve it.

A tile holds up to 256 consecutive hashes of one level; level 0 holds the hashes of leaves, and each hash
above is the root of a full tile below. A bundle holds the same 256 leaves, each with its length in front. The
rightmost tile of a level is partial, and a partial one is never hashed into the level above.

Source: https://c2sp.org/tlog-tiles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hesuan.errors import InputFault, declare
from hesuan.wire.merkle import EMPTY_ROOT, HASH_BYTES, parent_hash

WIDTH = 256
"""Hashes in a full tile, leaves in a full bundle."""
LEVELS = 64
MAX_ENTRY_BYTES = 65_535
CHECKPOINT = "checkpoint"

NOT_A_BUNDLE = declare(
    "tiles.not_a_bundle",
    en="{path} is not a bundle of {width} entries: {what}.",
    zh="{path} 不是含 {width} 个条目的条目包：{what}。",
)
NOT_A_TILE = declare(
    "tiles.not_a_tile",
    en="{path} has {found} bytes; a tile of {width} hashes has {expected}.",
    zh="{path} 有 {found} 字节；含 {width} 个哈希的瓦片应有 {expected} 字节。",
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile by its place: level, index within the level, and how many hashes it holds."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies below the log's prefix."""
        return f"tile/{self.level}/{_place(self.index, self.width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Where a bundle of entries lies below the log's prefix."""
    return f"tile/entries/{_place(index, width)}"


def _place(index: int, width: int) -> str:
    assert index >= 0 and 1 <= width <= WIDTH
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    place = "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])
    return place if width == WIDTH else f"{place}.p/{width}"


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree of ``size`` leaves, level by level, left to right."""
    for level in range(LEVELS):
        hashes = size >> 8 * level
        if not hashes:
            return
        for index in range(hashes // WIDTH):
            yield Tile(level, index)
        if hashes % WIDTH:
            yield Tile(level, hashes // WIDTH, hashes % WIDTH)


def bundles_of(size: int) -> Iterator[tuple[int, int]]:
    """``(index, width)`` of every bundle of a log of ``size`` leaves."""
    for tile in tiles_of(size):
        if tile.level:
            return
        yield tile.index, tile.width


def pack_bundle(entries: Sequence[bytes]) -> bytes:
    """The bytes of a bundle: each entry behind its length, 16 bits, big-endian."""
    assert 0 < len(entries) <= WIDTH and all(len(entry) <= MAX_ENTRY_BYTES for entry in entries)
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack_bundle(data: bytes, width: int, *, path: str) -> list[bytes]:
    """The entries of a bundle, which must be ``width`` and fill it to the byte.

    Raises:
        InputFault: ``tiles.not_a_bundle``.
    """
    entries, place, end = [], 0, len(data)
    while place + 2 <= end:
        start = place + 2
        place = start + (data[place] << 8 | data[place + 1])
        entries.append(data[start:place])
    if place != end:
        raise InputFault(NOT_A_BUNDLE, path=path, width=width, what=f"it ends inside entry {len(entries)}")
    if len(entries) != width:
        raise InputFault(NOT_A_BUNDLE, path=path, width=width, what=f"{len(entries)} entries")
    return entries


def split_tile(data: bytes, width: int, *, path: str) -> list[bytes]:
    """The hashes of a tile.

    Raises:
        InputFault: ``tiles.not_a_tile``.
    """
    if len(data) != width * HASH_BYTES:
        raise InputFault(NOT_A_TILE, path=path, found=len(data), width=width, expected=width * HASH_BYTES)
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]


def leaf_hashes(entries: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 hashes of some leaves; a loop of its own because a long log spends its time here."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def full_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes, such as those of a full tile."""
    assert hashes and len(hashes) & (len(hashes) - 1) == 0
    sha256, row = hashlib.sha256, list(hashes)
    while len(row) > 1:
        row = [sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]


class Edge:
    """The right edge of a log in tiles: for each level the hashes that fill no tile yet."""

    def __init__(self, rows: Sequence[Sequence[bytes]] = ()) -> None:
        self.rows: list[list[bytes]] = [list(row) for row in rows]

    @property
    def size(self) -> int:
        """Leaves so far."""
        return sum(len(row) << 8 * level for level, row in enumerate(self.rows))

    def extend(self, hashes: Sequence[bytes]) -> list[tuple[Tile, list[bytes]]]:
        """Takes in leaf hashes; returns every tile they fill, lowest level first, with its hashes."""
        filled: list[tuple[Tile, list[bytes]]] = []
        start = self.size
        for place, value in enumerate(hashes):
            self._add(0, value, start + place, filled)
        return filled

    def _add(self, level: int, value: bytes, index: int, filled: list[tuple[Tile, list[bytes]]]) -> None:
        if level == len(self.rows):
            self.rows.append([])
        row = self.rows[level]
        row.append(value)
        if len(row) == WIDTH:
            filled.append((Tile(level, index // WIDTH), row))
            self.rows[level] = []
            self._add(level + 1, full_root(row), index // WIDTH, filled)

    def partial(self) -> list[tuple[Tile, list[bytes]]]:
        """The partial tiles of the present size."""
        size = self.size
        return [
            (Tile(level, size >> 8 * level + 8, len(row)), row) for level, row in enumerate(self.rows) if row
        ]

    def root(self) -> bytes:
        """MTH of the leaves so far."""
        value: bytes | None = None
        for row in self.rows:
            value = _row_root(row, value)
        return EMPTY_ROOT if value is None else value


def _row_root(row: Sequence[bytes], right: bytes | None) -> bytes | None:
    """Root over a partial tile and what stands to its right at lower levels."""
    end = len(row)
    while end:
        count = end & -end
        left = full_root(row[end - count : end])
        right = left if right is None else parent_hash(left, right)
        end -= count
    return right
