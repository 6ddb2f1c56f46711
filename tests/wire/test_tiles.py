"""C2SP tlog-tiles: the specification's own examples, and every size against RFC 6962."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.wire import logs

from hesuan.errors import InputFault, Refused
from hesuan.wire import merkle, tiles
from hesuan.wire.folder import Disk, Writer, read_note


def test_the_specifications_path_example() -> None:
    assert tiles.Tile(0, 1_234_067).path == "tile/0/x001/x234/067"
    assert tiles.bundle_path(1_234_067, 17) == "tile/entries/x001/x234/067.p/17"
    assert tiles.Tile(3, 0).path == "tile/3/000" and tiles.Tile(0, 1000).path == "tile/0/x001/000"


def test_the_specifications_tree_of_70000() -> None:
    """273 full level 0, a partial of 112, one full level 1, a partial of 17, a partial level 2 of 1."""
    found = list(tiles.tiles_of(70_000))
    assert sum(tile.level == 0 and tile.width == 256 for tile in found) == 273
    assert [(tile.level, tile.width) for tile in found if tile.width < 256] == [(0, 112), (1, 17), (2, 1)]
    assert [tile for tile in found if tile.level == 1 and tile.width == 256] == [tiles.Tile(1, 0)]


def test_the_specifications_tree_of_256() -> None:
    assert list(tiles.tiles_of(256)) == [tiles.Tile(0, 0), tiles.Tile(1, 0, 1)]
    assert list(tiles.tiles_of(0)) == []


SIZES = [1, 2, 3, 255, 256, 257, 511, 512, 513, 700]


def test_a_log_grown_in_steps_has_the_files_and_roots_of_rfc_6962(tmp_path: Path) -> None:
    entries = logs.leaves(SIZES[-1])
    nodes = merkle.tree(entries)
    for size in SIZES:
        logs.write(tmp_path, entries, size, key=False)
        assert Writer(tmp_path).root == merkle.root(size, lambda level, index: nodes[level, index])
        for tile in tiles.tiles_of(size):
            data = (tmp_path / tile.path).read_bytes()
            first = tile.index * 256
            wanted = [nodes[8 * tile.level, first + place] for place in range(tile.width)]
            assert data == b"".join(wanted)
    assert not list(tmp_path.rglob(".*")), "no draft is left behind"


def test_a_writer_killed_before_the_checkpoint_begins_again_and_writes_the_same(tmp_path: Path) -> None:
    entries = logs.leaves(600)
    logs.write(tmp_path, entries, 300, key=False)
    killed = Writer(tmp_path)
    killed.append(entries[300:])  # never published
    assert read_note(Disk(tmp_path)) == logs.note(300, Writer(tmp_path).root)
    logs.write(tmp_path, entries, 600, key=False)
    assert Writer(tmp_path).size == 600


def test_what_was_not_written_is_not_published(tmp_path: Path) -> None:
    entries = logs.leaves(10)
    writer = Writer(tmp_path)
    writer.append(entries[:9])
    with pytest.raises(Refused, match=r"folder\.not_this_checkpoint"):
        writer.publish(logs.note(10, writer.root))
    assert read_note(Disk(tmp_path)) is None


def test_a_folder_that_was_altered_is_not_written_on(tmp_path: Path) -> None:
    logs.write(tmp_path, logs.leaves(10), key=False)
    tile = tmp_path / "tile/0/000.p/10"
    tile.write_bytes(bytes(320))
    with pytest.raises(Refused, match=r"folder\.differs"):
        Writer(tmp_path)


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x05abc", b"\x00\x01a\x00", b"\x00\x01a\x00\x01b"])
def test_a_malformed_bundle_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(InputFault, match=r"tiles\.not_a_bundle"):
        tiles.unpack_bundle(data, 1, path="tile/entries/000.p/1")
    assert tiles.unpack_bundle(b"\x00\x01a\x00\x00", 2, path="x") == [b"a", b""]
