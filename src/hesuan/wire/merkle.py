"""The Merkle tree of RFC 6962, section 2.1: roots, inclusion and consistency proofs.

Every function that makes something reads the tree through ``node(level, index)``, the hash of the complete
subtree of ``2**level`` leaves that begins at leaf ``index * 2**level``; a tree in memory, in a table and in
tiles are then the same tree. Every function that checks something needs the proof alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""``(level, index)`` → hash of a complete subtree."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of ``0x00`` and the leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def parent_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of ``0x01`` and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def new_nodes(index: int, hash_of_leaf: bytes, node: Node) -> Iterator[tuple[int, int, bytes]]:
    """The complete subtrees that leaf number ``index`` finishes, itself first: ``(level, index, hash)``."""
    level, value = 0, hash_of_leaf
    yield level, index, value
    while index % 2:
        value = parent_hash(node(level, index - 1), value)
        level, index = level + 1, index // 2
        yield level, index, value


def tree(leaves: Iterable[bytes]) -> dict[tuple[int, int], bytes]:
    """All complete subtrees over some leaves, as a table whose lookup serves as ``node``."""
    nodes: dict[tuple[int, int], bytes] = {}
    for number, leaf in enumerate(leaves):
        for level, index, value in new_nodes(number, leaf_hash(leaf), lambda lv, ix: nodes[lv, ix]):
            nodes[level, index] = value
    return nodes


class Frontier:
    """A tree read leaf by leaf, keeping only its right edge: for whoever recomputes a whole log."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []
        """Roots of the complete subtrees, largest first: one for each set bit of ``size``."""

    def append(self, leaf: bytes) -> None:
        """Takes in the next leaf."""
        value, bits = leaf_hash(leaf), self.size
        while bits & 1:
            value = parent_hash(self._edge.pop(), value)
            bits >>= 1
        self._edge.append(value)
        self.size += 1

    def root(self) -> bytes:
        """MTH of the leaves so far."""
        if not self._edge:
            return EMPTY_ROOT
        value = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            value = parent_hash(left, value)
        return value


def root(size: int, node: Node) -> bytes:
    """MTH of the first ``size`` leaves."""
    return EMPTY_ROOT if size == 0 else _range_root(0, size, node)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, first ``size`` leaves), the leaf's sibling first."""
    assert 0 <= index < size
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """PROOF(first, first ``second`` leaves): that the smaller tree is a beginning of the larger."""
    assert 0 < first <= second
    start, end, path = 0, second, []
    complete = True  # whether the remaining subtree is the whole old tree, whose root the checker holds
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start, complete = middle, False
    if not complete:
        path.append(_range_root(start, end, node))
    return path[::-1]


def root_from_inclusion(index: int, size: int, hash_of_leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to; ``None`` when its length does not fit index and size."""
    if not 0 <= index < size or len(path) != _path_length(index, size):
        return None
    value, last = hash_of_leaf, size - 1
    for sibling in path:
        while index == last and index % 2 == 0:  # a lone right edge is lifted, not hashed
            index, last = index // 2, last // 2
        value = parent_hash(sibling, value) if index % 2 else parent_hash(value, sibling)
        index, last = index // 2, last // 2
    return value


def verify_inclusion(
    *, index: int, size: int, hash_of_leaf: bytes, path: Sequence[bytes], expected_root: bytes
) -> bool:
    """Whether a leaf stands at ``index`` of the tree of ``size`` leaves with that root."""
    return root_from_inclusion(index, size, hash_of_leaf, path) == expected_root


def verify_consistency(
    *, first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the tree of ``first`` leaves is a beginning of the tree of ``second`` (RFC 9162, 2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    if first == second:
        return not path and first_root == second_root
    hashes = list(path) if first & (first - 1) else [first_root, *path]
    if not hashes:
        return False
    index, last = first - 1, second - 1
    while index % 2:
        index, last = index // 2, last // 2
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if index % 2 or index == last:
            old, new = parent_hash(sibling, old), parent_hash(sibling, new)
            while index and index % 2 == 0:
                index, last = index // 2, last // 2
        else:
            new = parent_hash(new, sibling)
        index, last = index // 2, last // 2
    return last == 0 and old == first_root and new == second_root


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _range_root(start: int, end: int, node: Node) -> bytes:
    """Root over leaves ``start`` to ``end``, where ``start`` is a multiple of the subtree's size."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(count)
    return parent_hash(_range_root(start, middle, node), _range_root(middle, end, node))


def _path_length(index: int, size: int) -> int:
    """Number of hashes in the inclusion proof: levels with a sibling, below and along the right edge."""
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()
