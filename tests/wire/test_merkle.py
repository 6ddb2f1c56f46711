"""RFC 6962: the published vectors, and every proof up to 64 leaves against a naive recomputation."""

from __future__ import annotations

import hashlib

import pytest

from hesuan.wire import merkle

# The leaves and roots of Certificate Transparency's own reference tests.
LEAVES = [
    bytes.fromhex(text)
    for text in [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = range(1, 65)
MANY = [number.to_bytes(2, "big") for number in range(64)]


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word: MTH."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1: PATH."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(first: int, leaves: list[bytes], complete: bool) -> list[bytes]:
    """RFC 6962, 2.1.2: SUBPROOF."""
    if first == len(leaves):
        return [] if complete else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if first <= k:
        return [*naive_subproof(first, leaves[:k], complete), naive_root(leaves[k:])]
    return [*naive_subproof(first - k, leaves[k:], False), naive_root(leaves[:k])]


def node_of(leaves: list[bytes]) -> merkle.Node:
    nodes = merkle.tree(leaves)
    return lambda level, index: nodes[level, index]


@pytest.fixture(scope="module")
def node() -> merkle.Node:
    return node_of(MANY)


def test_the_published_roots() -> None:
    lookup = node_of(LEAVES)
    assert [merkle.root(size, lookup).hex() for size in range(1, 9)] == ROOTS
    assert merkle.root(0, lookup).hex() == hashlib.sha256(b"").hexdigest()


def test_a_tree_read_leaf_by_leaf_has_the_same_roots() -> None:
    frontier = merkle.Frontier()
    assert frontier.root() == naive_root([])
    for size, leaf in enumerate(MANY, start=1):
        frontier.append(leaf)
        assert (frontier.size, frontier.root()) == (size, naive_root(MANY[:size]))


def test_published_inclusion_and_consistency_proofs() -> None:
    """From the same reference tests: PATH(5, 8) and PROOF(6, 8)."""
    lookup = node_of(LEAVES)
    path = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [value.hex() for value in merkle.inclusion_proof(5, 8, lookup)] == path
    proof = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [value.hex() for value in merkle.consistency_proof(6, 8, lookup)] == proof


def test_every_root_and_inclusion_proof_up_to_64_leaves(node: merkle.Node) -> None:
    for size in SIZES:
        root = naive_root(MANY[:size])
        assert merkle.root(size, node) == root
        for index in range(size):
            path = merkle.inclusion_proof(index, size, node)
            assert path == naive_path(index, MANY[:size])
            leaf = merkle.leaf_hash(MANY[index])
            assert merkle.verify_inclusion(
                index=index, size=size, hash_of_leaf=leaf, path=path, expected_root=root
            )


def test_an_inclusion_proof_proves_one_index_one_size_one_leaf(node: merkle.Node) -> None:
    for size in SIZES:
        root = merkle.root(size, node)
        for index in range(size):
            path = merkle.inclusion_proof(index, size, node)
            leaf = merkle.leaf_hash(MANY[index])

            def holds(at: int, of: int, one: bytes, by: list[bytes], under: bytes = root) -> bool:
                return merkle.verify_inclusion(
                    index=at, size=of, hash_of_leaf=one, path=by, expected_root=under
                )

            assert not any(holds(other, size, leaf, path) for other in range(size + 1) if other != index)
            assert not holds(index, size, merkle.leaf_hash(b"another"), path)
            assert not holds(index, size, leaf, [*path, root])
            assert not path or not holds(index, size, leaf, path[:-1])
            assert not holds(-1, size, leaf, path) and not holds(index, 0, leaf, path)


def test_every_consistency_proof_up_to_64_leaves(node: merkle.Node) -> None:
    roots = {size: naive_root(MANY[:size]) for size in SIZES}
    for second in SIZES:
        for first in range(1, second + 1):
            proof = merkle.consistency_proof(first, second, node)
            assert proof == naive_subproof(first, MANY[:second], True)

            def holds(old: bytes, new: bytes, path: list[bytes], a: int = first, b: int = second) -> bool:
                return merkle.verify_consistency(
                    first=a, second=b, first_root=old, second_root=new, path=path
                )

            assert holds(roots[first], roots[second], proof)
            assert not holds(b"x" * 32, roots[second], proof)
            assert not holds(roots[first], b"x" * 32, proof)
            assert not holds(roots[first], roots[second], [*proof, roots[first]])
            if proof:
                assert not holds(roots[first], roots[second], proof[:-1])
                assert not holds(roots[first], roots[second], [b"x" * 32, *proof[1:]])


def test_the_empty_tree_is_the_beginning_of_every_tree_and_nothing_else_of_it(node: merkle.Node) -> None:
    root = merkle.root(5, node)

    def holds(first: int, first_root: bytes) -> bool:
        return merkle.verify_consistency(
            first=first, second=5, first_root=first_root, second_root=root, path=[]
        )

    assert holds(0, merkle.EMPTY_ROOT) and not holds(0, root) and not holds(6, root) and not holds(4, root)


def test_a_rewritten_leaf_is_not_consistent_with_the_past(node: merkle.Node) -> None:
    rewritten = node_of([b"rewritten", *MANY[1:]])
    proof = merkle.consistency_proof(5, 9, rewritten)
    assert not merkle.verify_consistency(
        first=5,
        second=9,
        first_root=merkle.root(5, node),
        second_root=merkle.root(9, rewritten),
        path=proof,
    )
