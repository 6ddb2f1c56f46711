"""Random forms of money at the one reader of amounts and at the field and the forms that use it (S21)."""

from __future__ import annotations

import string

import pydantic
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hesuan.errors import InputFault
from hesuan.hub.api.shapes import YuanIn
from hesuan.hub.console import entryform
from hesuan.money import MAX_FEN, decimal_yuan, parse_yuan

FIELD: pydantic.TypeAdapter[int] = pydantic.TypeAdapter(YuanIn)
SIGNS = "0123456789" * 3 + ".,+-eE_ \t\n\0¥%'xXbnaif∞٣३０１．，−"
ODD = st.one_of(
    st.text(SIGNS, max_size=24),
    st.text(max_size=12),
    st.decimals().map(str),
    st.floats().map(repr),
    st.integers().map(str),
    st.from_regex(r"\A\d{1,20}([.]\d{0,4})?\Z"),
)
ANYTHING = st.one_of(
    ODD,
    st.integers(),
    st.floats(),
    st.decimals(),
    st.booleans(),
    st.none(),
    st.binary(max_size=8),
    st.lists(st.integers(), max_size=2),
)


def meant(text: str) -> int | None:
    """What an amount says, told without the reader's own pattern, sign by sign; ``None``: nothing."""
    whole, dot, part = text.partition(".")
    if not whole or any(sign not in string.digits for sign in whole + part):
        return None
    if (len(whole) > 1 and whole.startswith("0")) or (dot and not 1 <= len(part) <= 2):
        return None
    fen = int(whole) * 100 + int((part + "00")[:2])
    return fen if fen <= MAX_FEN else None


@settings(max_examples=1_500, deadline=None)
@given(ODD)
@example("92233720368547758.07")
@example("92233720368547758.08")
@example("1\n")
def test_a_text_is_an_amount_only_if_it_says_one_in_plain_digits(text: str) -> None:
    try:
        told: int | None = parse_yuan(text)
    except InputFault:
        told = None
    assert told == meant(text)


@settings(max_examples=800, deadline=None)
@given(ANYTHING)
def test_a_field_of_money_takes_such_a_text_and_nothing_else(value: object) -> None:
    try:
        told = FIELD.validate_python(value)
    except pydantic.ValidationError:
        told = None
    assert told == (meant(value) if isinstance(value, str) else None)


@settings(max_examples=800, deadline=None)
@given(ODD)
def test_a_form_reads_no_other_number_than_its_digits_say(text: str) -> None:
    """People type commas and a ¥ sign on pages; those fall away, and nothing else does."""
    faults: list[InputFault] = []
    told = entryform.amount(text, faults)
    plain = text.replace(",", "").replace("¥", "").strip()
    assert faults or told == meant(plain) is not None
    assert not faults or (told == 0 and meant(plain) is None)


@given(st.integers(0, MAX_FEN))
def test_what_the_hub_writes_it_reads(fen: int) -> None:
    assert parse_yuan(decimal_yuan(fen)) == fen


def test_a_reader_as_one_first_writes_it_would_let_odd_forms_in() -> None:
    """The control: Python's own numbers take signs, exponents, underscores, spaces and foreign digits."""
    odd = ["1e3", "-5", "+5", " 1", "1_000", "０１", "٣"]
    assert all(meant(one) is None and int(float(one) * 100) for one in odd)
    for one in odd:
        with pytest.raises(InputFault):
            parse_yuan(one)
