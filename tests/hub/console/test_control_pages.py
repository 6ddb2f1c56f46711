"""Audit plans and draws, bank statements, centres' statements, thresholds, on their pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from tests.hub.console.test_claim_deeds import ledger_balances, offered, road, send, site, world
from tests.hub.console.test_flows_on_pages import page
from tests.hub.console.test_pages import all_answer
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.test_sampled_audit import paid
from tests.people import Person

from hesuan.hub.console import flag_words
from hesuan.hub.flags.models import Tuning
from hesuan.hub.settlement.models import AuditPlan, BankStatement, Claim, Payment, SampledAudit
from hesuan.money import decimal_yuan
from hesuan.surveillance.measures import measures

Worlds = Callable[..., ClaimWorld]
__all__ = ["ledger_balances", "road", "site", "world"]


@pytest.fixture
def here(world: Worlds) -> ClaimWorld:
    return world()


def address(here: ClaimWorld, which: str) -> str:
    return f"/programmes/{here.version.programme_id}/{which}/"


def section(text: str, name: str) -> str:
    return text.partition(f'data-test="{name}"')[2].partition("</section>")[0]


def load(person: Person, where: str, content: bytes, name: str = "bank.csv", **sent: str) -> tuple[int, str]:
    """Sends a bank statement of today."""
    today = timezone.now().date().isoformat()
    person.client.cookies["django_language"] = "en"
    told = {"verb": "load", "begins_on": today, "ends_on": today, **sent}
    answer = person.client.post(where, {**told, "file": SimpleUploadedFile(name, content, "text/csv")})
    return answer.status_code, answer.headers.get("Location", "") or answer.content.decode()


def bank_file(*payments: Payment, more_fen: int = 0) -> bytes:
    today = timezone.now().date()
    rows = [f"{today},{one.reference},{decimal_yuan(one.cash_fen + more_fen)}" for one in payments]
    return "\n".join(["day,reference,amount", *rows]).encode()


# --- Sampled audits ---


def test_a_plan_is_proposed_by_one_approver_and_agreed_to_by_another(
    here: ClaimWorld, stranger: Person
) -> None:
    where = address(here, "audits")
    assert offered(here.approver, where) == {"propose"}
    assert offered(here.officer, where) == offered(here.reviewer, where) == set()
    for wrong in ({"share": "0.1"}, {"share": "3/2"}, {"days": "a year"}, {"days": "-1"}):
        said = {"share": "1/10", "days": "365", "reason": "the law of 2026", **wrong}
        status, text = send(here.approver, where, "propose", **said)
        assert status == 422 and "the law of 2026" in text and "errorlist" in text
    assert not AuditPlan.objects.exists()
    told = {"share": "10 %", "days": "365", "reason": "the law of 2026"}
    assert send(here.officer, where, "propose", **told)[0] == 409
    assert send(here.approver, where, "propose", **told)[0] == 302
    plan = AuditPlan.objects.get()
    assert (plan.part, plan.of, plan.window_days) == (1, 10, 365)
    assert "waits on another approver" in section(page(here.officer, where), "plans")
    assert "agree" not in offered(here.approver, where), "who proposed does not agree"
    assert send(here.approver, where, "agree", on=plan.id, sure="yes")[0] == 409
    assert send(here.second, where, "agree", on=plan.id)[0] == 422, "no tick"
    assert send(here.second, where, "agree", on=plan.id, sure="yes")[0] == 302
    shown = page(here.reviewer, where)
    assert "1/10 of the verified claims · 365 days" in shown.partition('data-test="in-force"')[2]
    assert send(stranger, where, "propose", **told)[0] == 404
    all_answer(stranger.client, (where,), 404)


def test_what_a_quarter_paid_draws_once_and_every_draw_is_shown(here: ClaimWorld) -> None:
    """A plan of everything: the paid claim is drawn and goes back to be looked into."""
    where = address(here, "audits")
    claim = paid(here)
    verified = SampledAudit.objects.get()
    assert (verified.drawn, verified.share) == (False, "0/1")
    for person, verb, sent in (
        (here.approver, "propose", {"share": "1", "days": "30", "reason": "all of them"}),
        (here.second, "agree", {"sure": "yes"}),
    ):
        plan = AuditPlan.objects.first()
        assert send(person, where, verb, on=plan.id if plan else "", **sent)[0] == 302
    assert {"draw"} == offered(here.officer, where) and offered(here.reviewer, where) == set()
    assert send(here.officer, where, "draw", period=claim.period)[0] == 422, "no tick"
    assert send(here.reviewer, where, "draw", period=claim.period, sure="yes")[0] == 409
    assert send(here.officer, where, "draw", period=claim.period, sure="yes")[0] == 302
    claim.refresh_from_db()
    assert claim.state == "SAMPLED_AUDIT"
    rows = section(page(here.officer, where), "draws")
    assert rows.count("<tr>") == 3 and rows.count(claim.id) == 2, "a heading, the paid draw, the verified one"
    assert "1/1" in rows and "the plan" in rows and "0/1" in rows and "the document" in rows
    assert SampledAudit.objects.get(drawn=True).seed in rows
    assert "draw" not in offered(here.officer, where), "the quarter has drawn"


# --- The bank ---


def test_the_bank_statement_reconciles_what_agrees_and_tells_what_does_not(
    here: ClaimWorld, stranger: Person
) -> None:
    where = address(here, "bank")
    assert offered(here.officer, where) == set(), "nobody was paid yet"
    claim = paid(here)
    payments = list(Payment.objects.order_by("payer"))
    waiting = section(page(here.officer, where), "unreconciled")
    assert waiting.count(claim.id) == len(payments) == 2, "a row for each payer"
    assert offered(here.officer, where) == {"load"} and offered(here.reviewer, where) == set()
    first, second = payments
    assert load(here.payer, where, bank_file(first), payer=first.payer)[0] == 409, "who paid"
    status, told = load(here.officer, where, bank_file(first), payer=first.payer)
    assert status == 302
    shown = page(here.officer, told)
    assert 'data-test="found">1<' in shown and 'data-test="differences">0<' in shown and "bank 1" in shown
    status, told = load(here.officer, where, bank_file(second, more_fen=1), payer=second.payer)
    shown = page(here.second, told)
    assert 'data-test="found">0<' in shown and "reconcile.amount_differs" in section(shown, "findings")
    listed = page(here.officer, where)
    assert section(listed, "unreconciled").count(claim.id) == 1, "one is still waited for"
    assert section(listed, "statements").count("statement-link") == 2
    all_answer(stranger.client, (where, told), 404)
    load(here.officer, where, bank_file(second), payer=second.payer)
    claim.refresh_from_db()
    assert claim.state == "RECONCILED"
    assert "Nothing: every payment" in section(page(here.officer, where), "unreconciled")


@pytest.mark.parametrize(
    ("content", "name", "sent", "said"),
    [
        (b"day,reference\n", "bank.csv", {}, "bank_statement.unreadable"),
        ("day,reference,amount,付款\n".encode("gb18030"), "bank.csv", {}, "is not UTF-8 text"),
        (b"day,reference,amount\n2026-13-01,x,1.00\n", "bank.csv", {}, "bank_statement.line_wrong"),
        (b"day,reference,amount\n", "bank.html", {}, "document.extension_unknown"),
        (b"day,reference,amount\n", "bank.csv", {"begins_on": "today"}, "is not a day"),
        (b"day,reference,amount\n", "bank.csv", {"payer": "nobody"}, "bank_statement.not_a_payer"),
    ],
)
def test_a_bank_statement_that_cannot_be_read_says_why(
    here: ClaimWorld, content: bytes, name: str, sent: dict[str, str], said: str
) -> None:
    paid(here)
    payer = Payment.objects.order_by("payer")[0].payer
    status, text = load(here.officer, address(here, "bank"), content, name, **{"payer": payer, **sent})
    assert (status, said in text) == (422 if said != "bank_statement.not_a_payer" else 409, True)
    assert not BankStatement.objects.exists()


# --- A centre's statement ---


def test_a_centres_statement_by_quarter_is_its_offices_and_its_own(
    here: ClaimWorld, stranger: Person
) -> None:
    claim = paid(here)
    where = f"/programmes/{here.version.programme_id}/centres/{claim.centre_id}/statement/"
    for person in (here.officer, here.road.operator):
        assert where in page(person, "/claims/"), "where redemption is looked at"
        shown = page(person, where)
        assert 'data-test="owed">¥0.00<' in shown and claim.period in shown
        assert section(shown, "quarters").count("¥0.84") == 2, "captured and paid"
    assert where not in page(here.road.owner, "/claims/")
    all_answer(stranger.client, (where,), 404)


# --- Thresholds ---


def test_an_approver_sets_a_threshold_and_the_page_says_unit_source_and_who(
    here: ClaimWorld, stranger: Person
) -> None:
    where = address(here, "thresholds")
    before = page(here.reviewer, where)
    for one in measures():
        assert one.name in section(before, f"rule-{one.rule}"), "every number of every rule"
    assert "proposed here" in before and 'data-test="tuned"' not in before
    assert offered(here.approver, where) == {"tune"} and offered(here.officer, where) == set()
    say = {"name": "a2_days", "reason": "our quarter is longer"}
    for wrong in ("", "ten", "0", "-3", "1.5"):
        status, text = send(here.approver, where, "tune", value=wrong, **say)
        assert status == 422 and "our quarter is longer" in text
    assert send(here.officer, where, "tune", value="45", **say)[0] in (403, 409)
    assert not Tuning.objects.exists()
    assert send(here.approver, where, "tune", value="45", **say)[0] == 302
    after = page(here.officer, where)
    assert "our quarter is longer" in section(after, "tuned")
    assert re.search(r"a2_days.*?45 days.*?instead of \d+", section(after, "rule-A2"), re.S)
    all_answer(stranger.client, (where,), 404)
    assert send(stranger, where, "tune", value="1", **say)[0] == 404


def test_every_unit_and_source_of_a_threshold_has_its_words() -> None:
    assert {one.unit for one in measures()} <= set(flag_words.UNIT)
    assert {one.source for one in measures()} <= set(flag_words.SOURCE)


def test_an_office_finds_the_pages_where_it_looks(
    here: ClaimWorld, auditor: Person, stranger: Person
) -> None:
    places = {which: address(here, which) for which in ("audits", "bank", "thresholds")}
    for person in (here.officer, here.reviewer, here.approver, auditor):
        redemption, watch = page(person, "/claims/"), page(person, "/flags/")
        assert places["audits"] in redemption and places["bank"] in redemption
        assert places["thresholds"] in watch
        tabs = page(person, address(here, "budget"))
        assert all(place in tabs for place in places.values())
    shown = page(stranger, "/claims/") + page(stranger, f"/programmes/{here.version.programme_id}/")
    assert not any(place in shown for place in places.values())
    assert not Claim.objects.exists()
