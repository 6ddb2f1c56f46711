"""What the ledger does, as texts; ``text.py`` says how they read."""

from __future__ import annotations

import inspect

import pytest
from tests.hub.ledger.text import Story

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _run_the_text(request: pytest.FixtureRequest, db: None) -> None:
    text = inspect.getdoc(request.function)
    if text:
        Story().run(text)


def test_capture_below_the_hold_returns_the_rest() -> None:
    """
    fund     budget   1000.00
    issue    V1        500.00
    hold     V1  H1    300.00
    capture  H1        180.00
    ----
    V1  available      320.00      centre  payable  180.00
    V1  held             0.00      centre  incoming   0.00
    """


def test_an_open_hold_is_neither_spent_nor_available() -> None:
    """
    fund     budget   1000.00
    issue    V1        500.00
    hold     V1  H1    300.00
    ----
    V1  available      200.00      V1      held      300.00
    centre  payable      0.00      centre  incoming  300.00
    """


def test_a_released_hold_is_as_if_it_never_was() -> None:
    """
    fund     budget   1000.00
    issue    V1        500.00
    hold     V1  H1    300.00
    release  H1
    hold     V1  H2    500.00
    ----
    V1  available        0.00      V1  held          500.00
    """


def test_the_budget_is_a_cap_that_no_issue_passes() -> None:
    """
    fund     budget   1000.00
    issue    V1        600.00
    issue    V2        400.01   — available_exceeded
    issue    V2        400.00
    issue    V1          0.01   — available_exceeded
    ----
    budget  available    0.00      V1  available     600.00      V2  available  400.00
    """


def test_two_holds_share_what_there_is() -> None:
    """
    fund     budget   1000.00
    issue    V1        500.00
    hold     V1  H1    300.00
    hold     V1  H2    200.01   — available_exceeded
    hold     V1  H3    200.00
    spend    V1          0.01   — available_exceeded
    capture  H1          0.01
    spend    V1        299.99
    ----
    V1  available        0.00      V1  held          200.00      centre  payable  300.00
    """


def test_a_hold_is_resolved_once() -> None:
    """
    fund     budget   1000.00
    issue    V1        500.00
    hold     V1  H1    300.00
    capture  H1        300.01   — capture_above_hold
    capture  H1        300.00
    capture  H1          0.01   — hold_already_captured
    release  H1                 — hold_already_captured
    hold     V1  H2    100.00
    release  H2
    release  H2                 — hold_already_released
    capture  H2        100.00   — hold_already_released
    ----
    V1  available      200.00      centre  payable  300.00
    """


def test_a_refused_hold_stays_refused_when_there_is_money_later() -> None:
    """
    fund     budget   1000.00
    issue    V1        100.00
    hold     V1  H1    300.00   — available_exceeded
    issue    V1        500.00
    hold     V1  H1    300.00   — available_exceeded
    capture  H1        300.00   — hold_not_found
    hold     V1  H2    300.00
    ----
    V1  available      300.00      V1  held          300.00
    """


def test_what_is_not_used_returns_to_the_budget_and_what_is_owed_is_paid() -> None:
    """
    fund     budget   1000.00
    issue    V1        500.00
    hold     V1  H1    300.00
    capture  H1        120.00
    expire   V1        380.00
    settle   centre    120.00
    ----
    budget  available  880.00      V1  available       0.00      centre  payable    0.00
    """


def test_a_frozen_account_gives_nothing_new_and_keeps_what_it_promised() -> None:
    """
    fund     budget   1000.00
    issue    V1        500.00
    hold     V1  H1    300.00
    hold     V1  H2    100.00
    freeze   V1
    spend    V1         10.00   — debit_account_frozen
    hold     V1  H3     10.00   — debit_account_frozen
    expire   V1         10.00   — debit_account_frozen
    capture  H1        180.00
    release  H2
    issue    V1        100.00
    thaw     V1
    hold     V1  H3     10.00   — debit_account_frozen
    hold     V1  H4     10.00
    ----
    V1  available      410.00      V1  held           10.00      centre  payable  180.00
    """


@pytest.mark.parametrize(
    "wrong",
    [
        "fund budget 1.00",
        "fund budget 1.00\n----\nbudget available 1.01",
        "fund budget 1.00 — available_exceeded\n----\nbudget available 0.00",
        "issue V1 1.00\n----\nV1 available 1.00",
    ],
)
def test_a_text_that_is_not_true_fails(wrong: str) -> None:
    with pytest.raises(AssertionError):
        Story().run(wrong)
