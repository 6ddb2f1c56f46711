"""Canonical JSON as RFC 8785 has it: order, escapes, numbers, and what it refuses."""

from __future__ import annotations

import json
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.errors import InputFault
from hesuan.wire.canonical import MAX_DEPTH, MAX_INTEGER, _encode, canonical, digest
from hesuan.wire.reading import read_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_keys_stand_in_the_order_of_the_rfcs_own_example() -> None:
    """RFC 8785, 3.2.3: by UTF-16 code units, so that U+1F600 (D83D DE00) comes before U+FB33."""
    unordered = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    ordered = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical(unordered))) == ordered
    assert sorted(unordered) != ordered, "code points would order these otherwise"


def test_strings_are_escaped_as_in_the_rfcs_own_example() -> None:
    """RFC 8785, 3.2.2: the string of the sample document and its canonical bytes."""
    text = "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/"
    assert canonical({"string": text}) == b'{"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'


def test_control_characters_take_the_short_escape_where_there_is_one() -> None:
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    for number in range(0x20):
        character = chr(number)
        expected = short.get(character, f"\\u{number:04x}")
        assert canonical(character).decode() == f'"{expected}"'
    for character in "\x7f\u0080\u2028\u2029/é算":
        assert canonical(character).decode() == f'"{character}"', "nothing else is escaped"


def test_the_rfcs_literals_and_nesting() -> None:
    assert canonical({"literals": [None, True, False]}) == b'{"literals":[null,true,false]}'
    assert canonical({"b": {"d": [], "c": {}}, "a": -0}) == b'{"a":0,"b":{"c":{},"d":[]}}'


@pytest.mark.parametrize("number", [0, -1, MAX_INTEGER, -MAX_INTEGER])
def test_integers_that_every_reader_keeps_exactly_are_written_in_digits(number: int) -> None:
    assert canonical(number) == str(number).encode()


class Colour(StrEnum):
    RED = "red"


def test_an_enumeration_is_signed_as_its_value() -> None:
    assert canonical({"c": Colour.RED}) == b'{"c":"red"}'


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (0.1, "$"),
        ({"a": [0, {"b": 1.0}]}, "$.a.1.b"),
        (MAX_INTEGER + 1, "$"),
        ({"a": "\ud800"}, "$.a"),
        ({"\udfff": 1}, "$"),
        ({1: "a"}, "$"),
        ({"a": b"bytes"}, "$.a"),
        ({"a": {1, 2}}, "$.a"),
        (float("nan"), "$"),
    ],
)
def test_what_cannot_be_signed_is_refused_with_its_place(value: object, place: str) -> None:
    with pytest.raises(InputFault) as refused:
        canonical(value)
    assert (refused.value.code.name, refused.value.where) == ("wire.not_canonical", place)
    assert len(str(refused.value)) < 400


def test_an_integer_too_long_for_python_to_print_is_refused_all_the_same() -> None:
    with pytest.raises(InputFault, match="an integer of 16610 bits"):
        canonical([10**5000])


def test_a_document_deeper_than_any_receipt_is_refused_and_not_a_crash() -> None:
    value: object = 0
    for _ in range(MAX_DEPTH):
        value = [value]
    canonical(value)
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InputFault, match=r"wire\.too_deep"):
        canonical(value)


@given(JSON)
def test_canonical_bytes_read_back_to_the_same_value_and_the_same_bytes(value: object) -> None:
    data = canonical(value)
    assert read_json(data) == value
    assert canonical(read_json(data)) == data


@given(st.dictionaries(st.text("aé算\ud7ff\ue000\ufb33\U0001f600", max_size=3), JSON))
def test_the_quick_way_and_the_walk_write_the_same_bytes(value: dict[str, object]) -> None:
    """Characters on either side of the surrogates: there the two orders part."""
    assert canonical(value) == _encode(value, "$", 0).encode()


def test_half_a_surrogate_pair_is_named_by_the_quick_way_too() -> None:
    with pytest.raises(InputFault, match=r"wire\.not_canonical") as refused:
        canonical({"a": ["x", "\ud800"]})
    assert refused.value.where == "$.a.1"


def test_a_digest_is_known() -> None:
    """SHA-256 of ``{}``, as sha256sum prints it."""
    assert digest({}) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
