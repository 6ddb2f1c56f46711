"""The reference page of receipts says what the code does, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wire.receipts import Issuer

from hesuan.errors import REGISTRY
from hesuan.wire import evidence, promise, verify
from hesuan.wire.reading import Listing, Members, Perhaps, Shape
from hesuan.wire.receipt import FILE_SHAPE, OPENED_FILE, RECEIPT_DOMAIN
from hesuan.wire.verify import Result, verify_receipt

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "receipt.md").read_text()
ENGLISH, CHINESE = PAGE.split("\n---\n")
HALVES = pytest.mark.parametrize("half", [ENGLISH, CHINESE], ids=["English", "中文"])


def members(shape: Shape) -> Iterator[str]:
    match shape:
        case Members(shapes):
            for name, inner in shapes.items():
                yield name
                yield from members(inner)
        case Listing(inner) | Perhaps(inner):
            yield from members(inner)


def test_every_member_of_the_format_is_explained() -> None:
    known = set(re.findall(r"`([a-z_]+)`", ENGLISH))
    assert set(members(FILE_SHAPE)) - known == set()
    assert {*OPENED_FILE, *members(Members(OPENED_FILE))} - known == set()
    assert RECEIPT_DOMAIN in ENGLISH and RECEIPT_DOMAIN in CHINESE


def test_every_code_of_the_verifier_stands_beside_its_check() -> None:
    assert verify and evidence and promise, "imported, so that their codes are declared"
    codes = {name for name in REGISTRY if name.startswith("verify.")} - {"verify.cannot_open"}
    assert codes - set(re.findall(r"`(verify\.[a-z_]+)`", ENGLISH)) == set()


@HALVES
def test_every_check_is_listed(half: str) -> None:
    data = (
        verify_receipt(b"", trust=None).checks
        + verify_receipt(verify.canonical(Issuer().issue()) + b"\n", trust=None).checks
    )
    names = {check.name for check in data}
    assert len(names) == 16
    assert names - set(re.findall(r"`([a-z]+)`", half)) == set()


@HALVES
def test_the_exit_codes_and_switches_are_those_of_the_command(half: str) -> None:
    for result in Result:
        assert re.search(rf"^\| {int(result)} \|", half, re.M)
    for switch in ("--trust", "--json", "--lang"):
        assert switch in half
