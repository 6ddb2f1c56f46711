"""A2 caps what a firm may hold next, at so many times what it used; who decides the flag lifts the cap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.surveillance.market_rows import MarketRows
from tests.people import make_organisation

from hesuan.errors import Refused
from hesuan.hub.flags import services as flags
from hesuan.hub.flags.models import Flag
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market import capping, ordering
from hesuan.hub.programmes.accounts import voucher_account
from hesuan.hub.surveillance import services
from hesuan.money import format_yuan
from hesuan.surveillance.flags import Action
from hesuan.surveillance.flags import flag as verdict

pytestmark = pytest.mark.broken_books("I11")
"""Rows stand for orders that no run was metered for."""
World = Callable[..., ClaimWorld]
HOUR = timedelta(hours=1)


def flagged(here: ClaimWorld, *firms: str, rule: str = "A2") -> Flag:
    """An A2 on the owner's organisation, or on others under one control."""
    keys = [f"firm:{one}" for one in firms or (here.road.owner.organisation.id,)]
    raised = verdict(rule, Action.FLAG, keys[0], window="2027-W01", keys=keys, refs=["x"], held_fen=1)
    programme = f"programme:{here.version.programme_id}"
    assert flags.raise_flag(raised, concerning=[programme])
    return Flag.objects.get(rule=rule)


def test_the_rule_itself_caps_and_the_refusal_names_both_numbers_and_who_lifts_it(world: World) -> None:
    here = world()
    rows = MarketRows(here)
    paid = rows.pattern.settlement.voucher_captured_fen
    begin = timezone.now() - 12 * HOUR
    for number in range(10):
        order = rows.order(begin + number * HOUR, voucher_fen=1000)
        rows.settle(order, begin + (number + 1) * HOUR, voucher_fen=100)
    services.run(timezone.now())
    # One a week: in the night to a Monday the rows lie in two.
    raised = set(Flag.objects.filter(rule="A2").values_list("id", flat=True))
    quote = here.road.quote()
    with pytest.raises(Refused) as refused:
        here.road.place(quote)
    assert refused.value.code.name == "order.hold_capped" and refused.value.facts["flag"] in raised
    asked = format_yuan(quote.document["voucher"]["max_fen"])
    for language, who in (("en", "reviewer or approver"), ("zh", "审核或批准人员")):
        sentence = refused.value.sentence(language)
        assert all(part in sentence for part in (asked, format_yuan(2 * paid), who))
    for flag in raised:
        services.decide(
            actor=here.reviewer.actor, flag_id=flag, outcome="dismissed", reason="a batch of tests"
        )
    assert here.road.place().order_id


@pytest.mark.parametrize("outcome", ["dismissed", "confirmed"])
def test_who_decides_the_flag_lifts_the_cap_either_way(world: World, outcome: str) -> None:
    here = world()
    flag = flagged(here)
    with pytest.raises(Refused, match="is the most while flag"):
        here.road.place()
    measure = "other" if outcome == "confirmed" else ""
    services.decide(
        actor=here.approver.actor, flag_id=flag.id, outcome=outcome, reason="asked them", measure=measure
    )
    assert here.road.place().order_id


@pytest.mark.parametrize("enough", [True, False])
def test_twice_what_was_used_may_be_held_and_not_a_fen_more(
    world: World, monkeypatch: pytest.MonkeyPatch, enough: bool
) -> None:
    here = world()
    flagged(here)
    quote = here.road.quote()
    asked_fen = quote.document["voucher"]["max_fen"]
    held_fen = asked_fen % 2 if enough else asked_fen % 2 + 1
    used_fen = (asked_fen + asked_fen % 2) // 2
    monkeypatch.setattr(capping.ledger, "held_and_captured_fen", lambda *_, **__: (held_fen, used_fen))
    if enough:
        assert here.road.place(quote).order_id
    else:
        with pytest.raises(Refused, match="is the most while flag"):
            here.road.place(quote)


def test_what_is_held_and_used_is_read_from_the_ledger(world: World) -> None:
    """Held by an open order, and captured by one that was settled; not what was captured earlier."""
    here = world()
    settled, run = here.settle(), here.road.place()
    assert here.voucher is not None
    keys = [voucher_account(here.voucher.id)]
    held = run.order.quote.document["voucher"]["max_fen"]
    found = ledger.held_and_captured_fen(keys, since=timezone.now() - HOUR)
    assert found == (held, settled.voucher_captured_fen)
    assert ledger.held_and_captured_fen(keys, since=timezone.now()) == (held, 0)


def test_another_firm_under_the_same_control_is_capped_and_a_third_is_not(world: World) -> None:
    here = world()
    other, third = make_organisation("Sister", "enterprise"), make_organisation("Third", "enterprise")
    flag = flagged(here, other.id, third.id)
    assert here.road.place().order_id, "the flag does not name this firm"
    flags.raise_flag(
        verdict(
            "A2",
            Action.FLAG,
            f"firm:{other.id}",
            window="2027-W02",
            keys=[f"firm:{other.id}", f"firm:{here.road.owner.organisation.id}"],
            refs=["x"],
            held_fen=1,
        ),
        concerning=[],
    )
    with pytest.raises(Refused) as refused:
        here.road.place()
    assert refused.value.facts["flag"] != flag.id and "¥0.00" in refused.value.sentence("en")


def test_an_order_without_a_voucher_and_another_rules_flag_are_not_capped(world: World) -> None:
    here = world()
    flagged(here, rule="A1")
    assert here.road.place().order_id
    flagged(here)
    ordering.need_below_cap(here.road.owner.organisation.id, [])


def test_without_the_cap_the_hoarder_would_hold_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "need_below_cap", lambda *_: None)
    here = world()
    flagged(here)
    assert here.road.place().order_id
