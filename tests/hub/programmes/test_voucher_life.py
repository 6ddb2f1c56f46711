"""A voucher from issue to end: tranches, checkpoints, surrender, expiry, suspension, and every count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone
from tests.people import Person, make_person

from hesuan.errors import NotFound, Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, rules, selectors, services, suspending
from hesuan.hub.programmes.models import Count, Suspension, Voucher, VoucherStep

from .offices import Office, budget_fen, trail, view

HALVES = (
    "issuance: {event: approval, validity: P12M, transferable: false, tranches: ["
    "{id: first, share: 1/2, release: issuance}, {id: second, share: 1/2, release: progress_report}]}"
)
MONEY, CAPS = accounts.ledger_of("test.rules"), accounts.caps_ledger_of("test.rules")
BUDGET_FEN = 100_000_000


@pytest.fixture
def office(officer: Person, reviewer: Person, approver: Person, owner: Person) -> Office:
    return Office(officer, reviewer, approver, owner)


def hold(voucher: Voucher, fen: int, name: str = "h") -> None:
    """An order's hold, as the market posts it."""
    ledger.open_account(ledger=MONEY, key="centre:x", kind="centre")
    ledger.post_or_raise(
        [ledger.Event(name, "hold", MONEY, fen, "hold", accounts.voucher_account(voucher.id), "centre:x")]
    )


def end(name: str, captured_fen: int) -> None:
    kind = "capture" if captured_fen else "release"
    ledger.post_or_raise(
        [ledger.Event(f"{name}:end", kind, MONEY, captured_fen, kind, pending_id=name)]  # type: ignore[arg-type]
    )


def cap_used(voucher: Voucher) -> int:
    """What the applicant's cap holds as counted."""
    year = str(rules.programme_day(voucher.issued_at).year)
    key = accounts.cap_account("unit_year", voucher.organisation_id, year)
    counted = balances.moved_fen(CAPS, key, to=accounts.COUNTED)
    return counted - balances.moved_fen(CAPS, accounts.COUNTED, to=key)


def refused(verb: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        verb()
    return caught.value.code.name


# --- Issue and tranches ---


def test_a_voucher_without_tranches_is_active_at_once(office: Office) -> None:
    voucher = office.issue(office.activate(), 1_000_000)
    assert trail(voucher) == [("", "ISSUED", "issue", 300_000), ("ISSUED", "ACTIVE", "release", 300_000)]
    assert (voucher.state, view(voucher).available_fen, cap_used(voucher)) == ("ACTIVE", 300_000, 300_000)


def test_half_is_locked_until_the_report_is_in(office: Office) -> None:
    voucher = office.issue(office.activate(HALVES), 1_000_000)
    assert (view(voucher).available_fen, view(voucher).locked_fen) == (150_000, 150_000)
    say = {"actor": office.officer.actor, "voucher_id": voucher.id, "reason": "report of May"}
    assert refused(lambda: services.release_tranche(event="other", **say)) == "voucher.no_such_event"
    services.release_tranche(event="progress_report", **say)
    services.release_tranche(event="progress_report", **say)
    assert (view(voucher).available_fen, view(voucher).locked_fen) == (300_000, 0)
    assert trail(voucher)[-1] == ("ACTIVE", "ACTIVE", "release", 150_000)
    assert checks.check() == []


def test_what_is_locked_cannot_be_held(office: Office) -> None:
    voucher = office.issue(office.activate(HALVES), 1_000_000)
    with pytest.raises(ledger.LedgerRefused):
        hold(voucher, 150_001)


def test_a_tranche_is_released_on_its_day(office: Office) -> None:
    dated = HALVES.replace("progress_report", "2031-01-01").replace("P12M", "P10Y")
    voucher = office.issue(office.activate(dated), 1_000_000)
    assert services.keep_dates() == 0
    assert services.keep_dates(datetime(2031, 1, 1, tzinfo=UTC)) == 1
    assert services.keep_dates(datetime(2031, 1, 2, tzinfo=UTC)) == 0
    assert view(voucher).locked_fen == 0


# --- The end ---


def test_a_surrendered_voucher_gives_everything_back(office: Office) -> None:
    voucher = office.issue(office.activate(HALVES), 1_000_000)
    say = {"actor": office.owner.actor, "voucher_id": voucher.id}
    assert refused(lambda: services.surrender(reason=" ", **say)) == "voucher.reason_missing"
    services.surrender(reason="not needed", **say)
    assert services.surrender(reason="not needed", **say).state == "CLOSED"
    assert [step[1:] for step in trail(voucher)[-2:]] == [
        ("SURRENDERED", "surrender", 0),
        ("CLOSED", "close", 300_000),
    ]
    assert (budget_fen(), cap_used(voucher), view(voucher).free_fen) == (BUDGET_FEN, 0, 0)
    assert checks.check() == []


def test_open_holds_are_resolved_before_a_voucher_is_closed(office: Office) -> None:
    """
    face 3,000.00      held 1,000.00      expires      captured 400.00      back 2,600.00
    """
    voucher = office.issue(office.activate(), 1_000_000)
    hold(voucher, 100_000)
    assert voucher.expires_at is not None
    assert services.expire_vouchers(voucher.expires_at - timedelta(seconds=1)) == 0
    services.expire_vouchers(voucher.expires_at)
    assert (view(voucher).voucher.state, view(voucher).free_fen) == ("EXPIRED", 200_000)
    services.expire_vouchers(voucher.expires_at)
    assert view(voucher).voucher.state == "EXPIRED", "an order still holds some"
    end("h", 40_000)
    assert services.expire_vouchers(voucher.expires_at) == 1
    seen = view(voucher)
    assert (seen.voucher.state, seen.redeemed_fen, seen.returned_fen) == ("CLOSED", 40_000, 260_000)
    assert (budget_fen(), cap_used(voucher)) == (BUDGET_FEN - 40_000, 40_000)
    assert services.expire_vouchers(voucher.expires_at) == 0
    assert checks.check() == []


def test_what_ends_after_its_budgets_year_lapses(office: Office) -> None:
    version = office.activate()
    voucher = office.issue(version, 1_000_000)
    from hesuan.hub.programmes.versions import lock, open_window

    with transaction.atomic():
        open_window(lock(version.programme_id), date(timezone.now().year + 1, 6, 1))
    before = budget_fen()
    assert voucher.expires_at is not None
    services.expire_vouchers(voucher.expires_at)
    assert budget_fen() == before, "next year's budget is not fed by last year's vouchers"
    assert balances.balance(MONEY, accounts.APPROPRIATION).posted_fen == -BUDGET_FEN


def test_the_room_of_a_surrendered_voucher_is_given_again(office: Office) -> None:
    version = office.activate()
    first = office.issue(version, 80_000_000)
    assert first.face_fen == 20_000_000, "the applicant's cap of the year"
    with pytest.raises(Refused):
        office.issue(version, 100_000)
    services.surrender(actor=office.owner.actor, voucher_id=first.id, reason="too early")
    assert office.issue(version, 80_000_000).face_fen == 20_000_000


# --- Checkpoints ---

DECAY = (
    "expiry: {mode: decay, returns_to: budget, exemption: manager, checkpoints: [{date: 2030-03-01,"
    " reference: current, brackets: [{lt: 10/100, remove_of_unused: 25/100},"
    " {ge: 10/100, lt: 25/100, remove_of_unused: 15/100}]}]}"
)
LONG = "issuance: {event: approval, validity: P10Y}"
THE_DAY = datetime(2030, 3, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(("used", "taken"), [(0, 75_000), (30_000, 40_500), (75_000, 0)])
def test_a_checkpoint_takes_its_share_of_what_is_unused(office: Office, used: int, taken: int) -> None:
    voucher = office.issue(office.activate(DECAY, LONG), 1_000_000)
    if used:
        hold(voucher, used)
        end("h", used)
    assert services.keep_dates(THE_DAY - timedelta(days=1)) == 0
    services.keep_dates(THE_DAY)
    services.keep_dates(THE_DAY)
    seen = view(voucher)
    assert (seen.returned_fen, seen.free_fen) == (taken, 300_000 - used - taken)
    assert seen.voucher.state == ("REDUCED" if taken else "ACTIVE")
    assert (budget_fen(), cap_used(voucher)) == (BUDGET_FEN - 300_000 + taken, 300_000 - taken)
    assert checks.check() == []


def test_who_is_exempted_keeps_everything(office: Office) -> None:
    voucher = office.issue(office.activate(DECAY, LONG), 1_000_000)
    say = {"actor": office.officer.actor, "voucher_id": voucher.id, "reason": "the machine was down"}
    assert refused(lambda: services.exempt(day=date(2030, 3, 2), **say)) == "voucher.no_exemption"
    services.exempt(day=date(2030, 3, 1), **say)
    services.keep_dates(THE_DAY)
    assert view(voucher).free_fen == 300_000
    assert "manager: the machine was down" in VoucherStep.objects.get(trigger="reduce").reason


GAPPED = DECAY.replace("{ge: 10/100, lt: 25/100,", "{gt: 10/100, lt: 25/100,")


def test_a_share_between_the_brackets_waits_for_a_person_who_decides_within_them(office: Office) -> None:
    """Exactly a tenth is used: 25 % or 15 % of the 270,000 unused is what the neighbours take."""
    voucher = office.issue(office.activate(GAPPED, LONG), 1_000_000)
    hold(voucher, 30_000)
    end("h", 30_000)
    say = {"voucher_id": voucher.id, "day": date(2030, 3, 1), "reason": "the lower one was meant"}

    def decide(share: str, actor: Actor = office.approver.actor) -> str:
        return refused(lambda: services.decide_share(actor=actor, remove_of_unused=Fraction(share), **say))

    assert decide("15/100") == "voucher.nothing_undecided"
    services.keep_dates(THE_DAY)
    services.keep_dates(THE_DAY)
    assert trail(voucher)[-1] == ("ACTIVE", "ACTIVE", "undecided", 0)
    assert decide("15/100", office.officer.actor) == "programme.role_missing"
    assert decide("26/100") == decide("1/100") == "voucher.share_outside"
    for _ in range(2):
        services.decide_share(actor=office.approver.actor, remove_of_unused=Fraction("15/100"), **say)
    assert trail(voucher)[-1] == ("ACTIVE", "REDUCED", "reduce", 40_500)
    services.keep_dates(THE_DAY)
    assert (view(voucher).returned_fen, view(voucher).free_fen) == (40_500, 229_500)
    assert checks.check() == []


# --- Suspension ---


def test_a_suspension_is_heard_and_decided_by_another(office: Office) -> None:
    voucher = office.issue(office.activate(), 1_000_000)
    at = {"voucher_id": voucher.id}
    case = services.suspend(actor=office.reviewer.actor, reason="resold", **at)
    assert services.suspend(actor=office.officer.actor, reason="again", **at) == case
    assert refused(lambda: services.surrender(actor=office.owner.actor, reason="r", **at)) == (
        "voucher.wrong_state"
    )
    assert refused(lambda: services.revoke(actor=office.approver.actor, reason="r", **at)) == (
        "voucher.answer_awaited"
    )
    services.answer(actor=office.owner.actor, statement="we did not", **at)
    services.revoke(actor=office.approver.actor, reason="the proof stands", **at)
    assert services.revoke(actor=office.approver.actor, reason="again", **at).state == "CLOSED"
    assert [step[1] for step in trail(voucher)[2:]] == ["SUSPENDED", "SUSPENDED", "REVOKED", "CLOSED"]
    assert (budget_fen(), cap_used(voucher)) == (BUDGET_FEN, 0)
    assert Suspension.objects.get().outcome == "revoked"


def test_who_suspended_does_not_decide_and_neither_does_the_holder(office: Office) -> None:
    voucher = office.issue(office.activate(), 1_000_000)
    at = {"voucher_id": voucher.id}
    from hesuan.hub.identity import services as identity
    from hesuan.hub.identity.actors import SYSTEM
    from hesuan.hub.identity.selectors import actor_of

    both = make_person("bella", office.officer.organisation, "approver")
    identity.grant_role(
        actor=SYSTEM,
        identity_id=both.identity.id,
        organisation_id=both.organisation.id,
        role="programme_officer",
    )
    services.suspend(actor=actor_of(both.identity), reason="idle", **at)
    assert refused(lambda: services.reinstate(actor=actor_of(both.identity), reason="r", **at)) == (
        "voucher.same_person"
    )
    identity.grant_role(
        actor=SYSTEM,
        identity_id=office.approver.identity.id,
        organisation_id=office.owner.organisation.id,
        role="member",
    )
    inside = actor_of(office.approver.identity)
    assert refused(lambda: services.reinstate(actor=inside, reason="r", **at)) == ("voucher.own_organisation")


def test_without_an_answer_the_time_runs_out(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    voucher = office.issue(office.activate(), 1_000_000)
    services.suspend(actor=office.officer.actor, voucher_id=voucher.id, reason="idle")
    later = timezone.now() + timedelta(days=suspending.ANSWER_DAYS, seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    services.revoke(actor=office.approver.actor, voucher_id=voucher.id, reason="silent")
    assert view(voucher).voucher.state == "CLOSED"


def test_a_reinstated_voucher_is_what_it_was(office: Office) -> None:
    voucher = office.issue(office.activate(HALVES), 1_000_000)
    at = {"voucher_id": voucher.id}
    services.suspend(actor=office.officer.actor, reason="idle", **at)
    assert voucher.expires_at is not None
    assert services.expire_vouchers(voucher.expires_at) == 0, "it waits for its decision"
    services.reinstate(actor=office.approver.actor, reason="explained", **at)
    assert services.reinstate(actor=office.approver.actor, reason="explained", **at).state == "ACTIVE"
    assert view(voucher).available_fen == 150_000


# --- Who may ---


def test_strangers_know_of_nothing_and_the_wrong_people_may_nothing(
    office: Office, stranger: Person, colleague: Person
) -> None:
    voucher = office.issue(office.activate(), 1_000_000)
    verbs: list[tuple[Callable[..., object], dict[str, object], Person]] = [
        (services.surrender, {"reason": "r"}, colleague),
        (services.suspend, {"reason": "r"}, office.owner),
        (services.answer, {"statement": "r"}, office.officer),
        (services.reinstate, {"reason": "r"}, office.officer),
        (services.revoke, {"reason": "r"}, office.reviewer),
        (services.release_tranche, {"event": "e", "reason": "r"}, office.owner),
        (services.exempt, {"day": date(2030, 1, 1), "reason": "r"}, office.reviewer),
        (services.transfer, {"to_organisation_id": stranger.organisation.id}, colleague),
    ]
    for verb, words, wrong in verbs:
        with pytest.raises(NotFound):
            verb(actor=stranger.actor, voucher_id=voucher.id, **words)
        asked = partial(verb, actor=wrong.actor, voucher_id=voucher.id, **words)
        assert refused(asked) == "programme.role_missing"
    with pytest.raises(NotFound):
        selectors.voucher_steps(stranger.actor, voucher.id)


def test_a_voucher_is_not_transferred(office: Office, stranger: Person) -> None:
    voucher = office.issue(office.activate(HALVES), 1_000_000)
    with pytest.raises(Refused) as caught:
        services.transfer(
            actor=office.owner.actor, voucher_id=voucher.id, to_organisation_id=stranger.organisation.id
        )
    assert caught.value.code.name == "voucher.not_transferable"
    assert "test.rules.yaml" in caught.value.sentence() and "false" in caught.value.sentence()


@pytest.mark.parametrize("table", ["programmes_voucherstep", "programmes_count"])
def test_steps_and_counts_are_never_changed(office: Office, table: str) -> None:
    office.issue(office.activate(), 1_000_000)
    assert VoucherStep.objects.exists() and Count.objects.exists()
    for change in (f"UPDATE {table} SET amount_fen = 1", f"DELETE FROM {table}"):
        with (
            pytest.raises(Exception, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(change)
