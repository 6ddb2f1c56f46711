"""A programme office's own pages: money at a glance, results to publish, a year of claims tried out."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.hub.console.office import FOLDER, HENAN, Office, apply_for, load, open_office
from tests.hub.console.test_pages import LANGUAGES, all_answer, faults_of_page, read
from tests.hub.console.world import World
from tests.people import Person, signer

from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.programmes import accounts, services
from hesuan.hub.programmes.glance import glance, gone_on
from hesuan.hub.programmes.models import Application, BudgetYear, ProgrammeVersion, Voucher
from hesuan.hub.programmes.results import results
from hesuan.money import format_yuan

CLAIMS = (
    "claim,on,kind,amount,registries,applicant.id,applicant.kind\n"
    "c1,2026-01-05,compute,100000.00,henan_centres,org-1,enterprise\n"
    "c2,2026-03-05,compute,250000.00,henan_centres,org-2,enterprise\n"
    "c3,2026-03-06,compute,80000.00,henan_centres,org-3,maker\n"
)


@pytest.fixture
def office(world: World, owner: Person, officer: Person, reviewer: Person, approver: Person) -> Office:
    """The Henan programme, active, with one voucher."""
    return open_office(world.centre, owner, officer, reviewer, approver)


def address(office: Office, page: str) -> str:
    return f"/programmes/{office.version.programme_id}/{page}"


def try_table(person: Person, where: str, content: bytes, name: str = "claims.csv") -> tuple[int, str]:
    """Status and text after a table was sent, in English."""
    person.client.cookies["django_language"] = "en"
    file = SimpleUploadedFile(name, content, content_type="text/csv")
    answer = person.client.post(where, {"file": file})
    return answer.status_code, answer.content.decode()


# --- Money ---


def test_the_pages_are_the_offices_and_the_auditors(
    office: Office,
    officer: Person,
    reviewer: Person,
    auditor: Person,
    owner: Person,
    stranger: Person,
    nobody: Client,
) -> None:
    inside = (address(office, "budget/"), address(office, "simulate/"))
    for person in (officer, reviewer, auditor):
        all_answer(person.client, (*inside, address(office, "results/")))
    for person in (owner, stranger):
        assert [person.client.get(one).status_code for one in inside] == [404, 404]
        assert person.client.post(inside[1]).status_code == 404
        all_answer(person.client, (address(office, "results/"),))
    assert nobody.get(inside[0]).status_code == 302
    assert nobody.get(address(office, "results/")).status_code == 200


def test_the_sums_are_the_ledgers(office: Office, world: World, owner: Person, officer: Person) -> None:
    """fund 50,000,000.00, issue one voucher, use some of it, hold some more: every sum agrees."""
    world.settled(owner)
    world.order(owner)
    book = accounts.ledger_of(office.version.programme_id)
    own = ledger.balance(book, accounts.voucher_account(office.voucher.id))
    [window] = glance(officer.actor, office.version.programme_id).windows
    assert own.debits_posted > 0 and own.debits_pending > 0, "something was captured and something is held"
    assert window.funded_fen == BudgetYear.objects.get().funded_fen == 5_000_000_000
    assert window.free_fen == ledger.balance(book, accounts.BUDGET).available_fen
    assert (window.held_fen, window.redeemed_fen) == (own.debits_pending, own.debits_posted)
    assert window.issued_fen == window.held_fen + window.redeemed_fen + window.unused_fen
    assert window.funded_fen - window.issued_fen + window.returned_fen == window.free_fen
    assert window.difference_fen == 0
    text = read(officer.client, address(office, "budget/"), "en")[1]
    for fen in (window.funded_fen, window.free_fen, window.held_fen, window.redeemed_fen):
        assert format_yuan(fen) in text
    assert "off by" not in text and "Nothing yet tells" in text


def test_an_estimate_is_called_one(office: Office, officer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hesuan.hub.programmes.glance.MOST_DAYS", 10**6)
    text = read(officer.client, address(office, "budget/"), "en")[1]
    said = text.partition('data-test="gone-on"')[2].partition("</p>")[0]
    assert "At the pace so far it is empty on" in said and "kind-estimated" in said


def test_what_is_surrendered_stands_as_returned(office: Office, owner: Person, officer: Person) -> None:
    services.surrender(actor=owner.actor, voucher_id=office.voucher.id, reason="not needed")
    [window] = glance(officer.actor, office.version.programme_id).windows
    assert (window.returned_fen, window.used_fen) == (office.voucher.face_fen, 0)
    assert window.free_fen == window.funded_fen and window.difference_fen == 0
    months = glance(officer.actor, office.version.programme_id).months
    assert sum(one.fen for one in months) == 0


def test_sums_that_do_not_agree_are_told(office: Office, officer: Person) -> None:
    """The negative control: a window that says more than the ledger holds."""
    BudgetYear.objects.update(funded_fen=5_000_000_100)
    [window] = glance(officer.actor, office.version.programme_id).windows
    assert window.difference_fen == 100
    assert "off by ¥1.00" in read(officer.client, address(office, "budget/"), "en")[1]


@pytest.mark.parametrize(
    ("used", "free", "expected"),
    [
        (100, 100, date(2026, 1, 20)),
        (100, 0, date(2026, 1, 10)),
        (0, 100, None),
        (1, 10**9, None),
    ],
)
def test_an_estimate_goes_on_at_the_pace_so_far(used: int, free: int, expected: date | None) -> None:
    assert gone_on(used, free, date(2026, 1, 1), date(2026, 1, 10)) == expected


# --- Results ---


def test_an_office_sees_what_is_not_public_and_others_do_not(
    office: Office, officer: Person, stranger: Person, nobody: Client
) -> None:
    mine = results(officer.actor, office.version.programme_id)
    assert [(one.amount_fen, one.is_public) for one in mine] == [(office.voucher.face_fen, False)]
    name = office.voucher.organisation.name
    assert name in read(officer.client, address(office, "results/"), "en")[1]
    for client in (stranger.client, nobody):
        assert name not in read(client, address(office, "results/"), "en")[1]
    assert name not in officer.client.get(address(office, "results.csv")).content.decode()


def made_public(officer: Person, owner: Person, reviewer: Person, approver: Person, name: str) -> str:
    """A programme with seven public days, and one application on its list; returns the programme's id."""
    text = (FOLDER / HENAN).read_text().replace('transferable: "?"}', 'transferable: "?", publicity_days: 7}')
    version = services.load_programme(actor=officer.actor, text=text, source_name=HENAN)
    services.activate(actor=signer(officer).actor, version_id=version.id)
    owner.organisation.name = name
    owner.organisation.save()
    asked = apply_for(owner, ProgrammeVersion.objects.get(pk=version.id))
    services.review(actor=reviewer.actor, application_id=asked.id, verdict="pass", note="complete")
    services.approve(actor=approver.actor, application_id=asked.id, verdict="pass", note="agreed")
    return version.programme_id


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_public_list_is_everybodys_and_no_cell_is_a_formula(
    officer: Person, owner: Person, reviewer: Person, approver: Person, nobody: Client, language: str
) -> None:
    name = '=HYPERLINK("http://evil.example")<script>alert(1)</script>'
    programme = made_public(officer, owner, reviewer, approver, name)
    status, text = read(nobody, f"/programmes/{programme}/results/", language)
    assert status == 200 and faults_of_page(text, language) == []
    assert "=HYPERLINK(&quot;http://evil.example&quot;)&lt;script&gt;" in text
    assert f"/publicity/?programme={programme}" in text, "objecting has a page of its own"
    nobody.cookies["django_language"] = language
    answer = nobody.get(f"/programmes/{programme}/results.csv")
    assert answer["Content-Type"].startswith("text/csv") and "attachment" in answer["Content-Disposition"]
    rows = answer.content.decode("utf-8-sig").splitlines()
    assert rows[1].startswith("\"'=HYPERLINK(") and ",10000.00," in rows[1]


# --- A year of claims ---


def test_a_table_is_tried_and_nothing_is_kept(office: Office, officer: Person) -> None:
    before = (Application.objects.count(), Voucher.objects.count())
    status, text = try_table(officer, address(office, "simulate/"), CLAIMS.encode("utf-8-sig"))
    assert status == 200 and "¥70,000.00" in text, "20 % of 100,000.00 and of 250,000.00"
    assert '<svg class="columns"' in text and "2026-02" in text and "¥20,000.00" in text
    assert "applicant.kind" in text, "why the third gets nothing"
    assert faults_of_page(text, "en") == []
    assert (Application.objects.count(), Voucher.objects.count()) == before


def test_the_grid_has_the_programme_as_written_in_its_middle(
    office: Office, officer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 % of 350,000.00; five points more are 87,500.00. A cap of a million binds nowhere here."""
    where = address(office, "simulate/")
    grid = try_table(officer, where, CLAIMS.encode())[1].partition('data-test="grid"')[2]
    written = grid.partition("as-written")[2].partition("</td>")[0]
    assert "¥70,000.00" in written and "2 claims" in written and "as written" in written
    row = grid.partition(">+5</th>")[2].partition("</tr>")[0]
    assert row.count("¥87,500.00") == 5 and "−10" in grid and "caps × 150.0 %" in grid
    monkeypatch.setattr("hesuan.hub.programmes.trying.GRIDS", ((2, 1),))
    assert "hesuan programme simulate --steps" in try_table(officer, where, CLAIMS.encode())[1]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"claim,on\nc1,2026-01-01\n", "claims.csv", "kind"),
        (CLAIMS.replace("2026-01-05", "soon").encode(), "claims.csv", "claims.csv:2:"),
        (CLAIMS.encode(), "claims.html", "document.extension_unknown"),
        ("claim,企业\n".encode("gb18030"), "claims.csv", "programme.claims_not_utf8"),
        (b"claim\n" * 10_002, "claims.csv", "programme.too_many_rows"),
        (b'claim,"<script>alert(1)</script>"\n1,2\n', "claims.csv", "document.content_disagrees"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(
    office: Office, officer: Person, content: bytes, name: str, said: str
) -> None:
    status, text = try_table(officer, address(office, "simulate/"), content, name)
    assert status == 422 and said in text and "<script>alert" not in text


def test_a_draft_is_tried_too_and_only_by_its_office(officer: Person, stranger: Person) -> None:
    version = load(officer, HENAN)
    where = f"/programmes/{version.programme_id}/simulate/?version=1"
    assert try_table(officer, where, CLAIMS.encode())[0] == 200
    assert try_table(stranger, where, CLAIMS.encode())[0] == 404
