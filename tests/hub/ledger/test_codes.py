"""Every code under which money moves, the modules that post it, and the test that carries it through.

A code that nobody tests is a road of money that nobody walks: the table must name each module that posts a
code, with a test that is there. The random histories of ``test_property.py`` post every code besides.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from hesuan.hub.ledger.rules import CODES

ROOT = Path(__file__).resolve().parents[3]
HUB, TESTS = ROOT / "src" / "hesuan" / "hub", ROOT / "tests" / "hub"
POSTING = ("market", "programmes", "settlement", "ledger")
CALLS = {"Event", "move", "_move", "transfer"}
"""What makes an event; a kind, which has words of its own, stands second in it."""

LIFE, COUNTERS = "programmes/test_voucher_life.py", "programmes/test_counters.py"
ROAD, NOTES = "road/test_vouchers_on_the_road.py", "settlement/test_credit_notes.py"
SHARED = f"{ROAD}::test_a_voucher_pays_its_fifth_of_the_actual_charge_and_the_rest_returns"
EXERCISED = {
    ("capture", "programmes/holding.py"): "settlement/test_limits_after_notes.py::"
    "test_where_orders_draw_the_voucher_a_note_gives_back_what_the_order_counted",
    ("capture", "settlement/rules.py"): SHARED,
    ("deposit", "market/ordering.py"): "market/test_orders.py::test_a_deposit_is_booked_once",
    ("expire", "ledger/services.py"): "ledger/test_clock.py::"
    "test_a_hold_ends_by_the_interval_its_own_server_gave_it",
    ("expire", "programmes/counting.py"): f"{COUNTERS}::"
    "test_a_rolling_limit_has_room_again_when_a_day_has_left_it",
    ("expire", "programmes/life.py"): f"{LIFE}::test_a_surrendered_voucher_gives_everything_back",
    ("expire", "programmes/versions.py"): "programmes/test_versions.py::"
    "test_a_new_year_opens_a_new_budget_and_the_old_rest_goes_back",
    ("fund", "programmes/counting.py"): f"{COUNTERS}::test_the_last_of_a_limit_is_given_and_nothing_past_it",
    ("fund", "programmes/issuing.py"): f"{COUNTERS}::"
    "test_a_programme_without_a_budget_is_paid_from_the_appropriation",
    ("fund", "programmes/versions.py"): "programmes/test_versions.py::test_activation_funds_the_budget_once",
    ("hold", "market/ordering.py"): "market/test_orders.py::"
    "test_an_accepted_quote_holds_its_most_and_leaves_one_command",
    ("hold", "programmes/counting.py"): f"{COUNTERS}::"
    "test_a_limit_on_use_is_promised_when_the_order_is_placed",
    ("hold", "programmes/drawing.py"): "settlement/test_after_use.py::"
    "test_limits_are_held_by_the_submission_and_counted_when_it_is_payable",
    ("hold", "programmes/holding.py"): SHARED,
    ("issue", "programmes/counting.py"): f"{COUNTERS}::test_a_project_claims_once",
    ("issue", "programmes/issuing.py"): f"{LIFE}::test_a_voucher_without_tranches_is_active_at_once",
    ("issue", "programmes/life.py"): f"{LIFE}::test_a_tranche_is_released_on_its_day",
    ("issue", "programmes/recounting.py"): "settlement/test_limits_after_notes.py::"
    "test_a_later_line_that_gets_more_uses_more_of_the_limit",
    ("release", "programmes/holding.py"): "settlement/test_limits_of_use.py::"
    "test_an_order_that_costs_nothing_releases_what_it_held_of_a_limit",
    ("release", "settlement/holds.py"): "settlement/test_limits_of_use.py::"
    "test_a_withdrawn_claim_releases_voucher_and_limit_whole",
    ("release", "settlement/rules.py"): f"{ROAD}::test_what_costs_nothing_gives_the_whole_voucher_back",
    ("reverse", "programmes/life.py"): f"{LIFE}::test_the_room_of_a_surrendered_voucher_is_given_again",
    ("reverse", "programmes/recounting.py"): "settlement/test_limits_after_notes.py::"
    "test_what_a_note_takes_off_is_free_at_once_for_another_claim",
    ("reverse", "settlement/clawing.py"): f"{NOTES}::test_a_clawback_is_recovered_or_written_off_by_two",
    ("reverse", "settlement/crediting.py"): f"{NOTES}::"
    "test_before_it_is_paid_the_difference_goes_back_to_the_voucher",
    ("settle", "settlement/batchpay.py"): "settlement/test_ten_thousand.py::"
    "test_lines_disputed_in_the_middle_stay_behind_and_all_others_are_paid",
    ("settle", "settlement/floats.py"): f"{NOTES}::"
    "test_a_float_is_drawn_before_cash_filled_up_to_its_size_and_refunded",
    ("settle", "settlement/payables.py"): f"{NOTES}::"
    "test_before_it_is_paid_the_difference_goes_back_to_the_voucher",
}
"""``(code, module)`` → the test that carries it through; each was seen to post it."""


def _constants(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and one.value in CODES:
            yield str(one.value)


def posted(source: str) -> set[str]:
    """Codes that a module posts money under."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in CALLS:
                for argument in (*node.args[:1], *node.args[2:]):
                    found |= set(_constants(argument))
            for keyword in node.keywords:
                if keyword.arg == "code":
                    found |= set(_constants(keyword.value))
        elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "code" and node.value:
            found |= set(_constants(node.value))
        elif isinstance(node, ast.arguments):
            for default in (*node.defaults, *node.kw_defaults):
                found |= set(_constants(default)) if default else set()
    return found


def roads() -> set[tuple[str, str]]:
    """``(code, module)`` of everything that moves money."""
    files = [
        path for room in POSTING for path in (HUB / room).rglob("*.py") if "migrations" not in path.parts
    ]
    return {(code, str(path.relative_to(HUB))) for path in files for code in posted(path.read_text())}


def test_every_code_of_the_ledger_is_posted_somewhere() -> None:
    assert {code for code, _ in roads()} == set(CODES)


def test_every_road_of_money_names_its_test() -> None:
    assert roads() == set(EXERCISED)


@pytest.mark.parametrize("named", sorted(set(EXERCISED.values())))
def test_the_named_test_is_there(named: str) -> None:
    path, _, name = named.partition("::")
    defined = {node.name for node in ast.walk(ast.parse((TESTS / path).read_text())) if hasattr(node, "name")}
    assert name in defined


def test_a_new_road_without_a_test_is_found() -> None:
    """The control: a module that posts by one more code is not in the table."""
    assert posted('Event("x", "transfer", book, 1, "reverse", a, b)') == {"reverse"}
    assert posted('Event(id="x", kind="release", ledger=b, amount_fen=1, code="expire")') == {"expire"}
    assert posted('Event("x", "hold", book, 1, other)') == set()
