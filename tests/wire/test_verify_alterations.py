"""T16: ten thousand alterations of a log's files, and ``hesuan verify`` finds every one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.wire import logs

from hesuan.wire import tiles, verify_log
from hesuan.wire.verdict import Result

COUNT = 600
ENTRIES = logs.leaves(COUNT)
MUTATIONS = 10_000
SMALL = 270
"""Leaves of the log that is altered ten thousand times: two bundles, a level above, partial tiles."""


class Memory:
    """A log's files in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def needed() -> list[str]:
    """The files that the newest checkpoint rests on."""
    bundles = [tiles.bundle_path(index, width) for index, width in tiles.bundles_of(SMALL)]
    return ["checkpoint", "key", *bundles, *(tile.path for tile in tiles.tiles_of(SMALL))]


def flip(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def mutate(files: dict[str, bytes], rng: random.Random) -> dict[str, bytes]:
    """One alteration of one file: a bit, a byte lost or gained, a leaf dropped, swapped or doubled."""
    path = rng.choice(needed())
    data, kind = files[path], rng.randrange(6)
    if kind >= 3 and path.startswith("tile/entries"):
        width = int(path.rpartition("/")[2]) if ".p/" in path else 256
        entries = tiles.unpack_bundle(data, width, path=path)
        one, two = rng.sample(range(width), 2)
        if kind == 3:
            del entries[one]
        elif kind == 4:
            entries[one], entries[two] = entries[two], entries[one]
        else:
            entries[one] = entries[two]
        changed = tiles.pack_bundle(entries)
    elif kind == 1:
        place = rng.randrange(len(data))
        changed = data[:place] + data[place + 1 :]
    elif kind == 2:
        place = rng.randrange(len(data) + 1)
        changed = data[:place] + rng.randbytes(1) + data[place:]
    else:
        changed = flip(data, rng)
    return {**files, path: changed}


def test_ten_thousand_alterations_are_all_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a policy, so that the key beside the log is under attack as well."""
    logs.write(tmp_path, ENTRIES[:SMALL])
    files = files_of(tmp_path)
    sound = Memory(files)
    assert verify_log.verify_log(sound).result is Result.SOUND
    _remember_what_was_hashed(monkeypatch)
    rng, missed = random.Random(20_261_121), []  # type: ignore[var-annotated]
    for number in range(MUTATIONS):
        altered = mutate(files, rng)
        if altered == files:
            continue
        if verify_log.verify_log(Memory(altered)).result is Result.SOUND:
            missed.append((number, [path for path in files if files[path] != altered[path]]))
    assert missed == []


def _remember_what_was_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes give the same hashes and leaves: 10,000 logs that differ in one file share the rest."""
    hashes, leaves = tiles.leaf_hashes, verify_log.read_leaf
    known: dict[tuple[bytes, ...], list[bytes]] = {}
    read: dict[bytes, object] = {}

    def remembered(entries: list[bytes]) -> list[bytes]:
        key = tuple(entries)
        if key not in known:
            if len(known) > 64:
                known.clear()
            known[key] = hashes(entries)
        return known[key]

    def remembered_leaf(raw: bytes) -> object:
        if raw not in read:
            if len(read) > 5_000:
                read.clear()
            read[raw] = leaves(raw)
        return read[raw]

    monkeypatch.setattr(tiles, "leaf_hashes", remembered)
    monkeypatch.setattr(verify_log, "read_leaf", remembered_leaf)


def test_a_verifier_that_does_not_hash_the_entries_misses_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: trusting tiles for what the bundles say."""
    logs.write(tmp_path, ENTRIES, 100, 256, 300, COUNT)
    files = files_of(tmp_path)
    bundle = tiles.bundle_path(2, COUNT % 256)
    entries = tiles.unpack_bundle(files[bundle], COUNT % 256, path=bundle)
    entries[5] = entries[5].replace(b'"a":400', b'"a":399')
    altered = {**files, bundle: tiles.pack_bundle(entries)}
    assert verify_log.verify_log(Memory(altered)).result is Result.TAMPERED
    stored = tiles.split_tile(files[tiles.Tile(0, 2, COUNT % 256).path], COUNT % 256, path="")
    hashed = tiles.leaf_hashes
    monkeypatch.setattr(tiles, "leaf_hashes", lambda some: stored if some[0] == entries[0] else hashed(some))
    assert verify_log.verify_log(Memory(altered)).result is Result.SOUND
