"""The queue of surveillance in the console: who sees it, what it says, and a person's answer."""

from __future__ import annotations

import pytest
from tests.hub.console.office import Office, open_office
from tests.hub.console.world import World
from tests.people import Person

from hesuan.hub.flags import services as flags
from hesuan.hub.flags.models import Flag
from hesuan.surveillance.flags import Action, flag


@pytest.fixture
def office(world: World, owner: Person, officer: Person, reviewer: Person, approver: Person) -> Office:
    """The Henan programme with one voucher of the owner's organisation."""
    return open_office(world.centre, owner, officer, reviewer, approver)


@pytest.fixture
def raised(office: Office) -> Flag:
    """A flag that concerns the office's programme."""
    verdict = flag(
        "A12", Action.FLAG, "claim:7", window="2026-05", refs=["claim-7"], claims=3, limit_fen=20_000_000
    )
    flags.raise_flag(verdict, concerning=[f"programme:{office.version.programme_id}"])
    return Flag.objects.get()


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("Under the limit", "waits for an answer")), ("zh-hans", ("贴限申请",))],
)
def test_the_queue_and_a_flag_say_what_was_judged(
    raised: Flag, reviewer: Person, language: str, words: tuple[str, ...]
) -> None:
    for address in ("/flags/", f"/flags/{raised.id}/"):
        page = reviewer.client.get(address, headers={"Accept-Language": language})
        assert page.status_code == 200
        text = page.content.decode()
        assert [word for word in (*words, "claim:7") if word not in text] == []
    assert "20,000,000" in text


def test_only_offices_auditors_and_operators_find_the_queue(
    raised: Flag, owner: Person, stranger: Person, auditor: Person, officer: Person
) -> None:
    for person, status in ((owner, 404), (stranger, 404), (auditor, 200), (officer, 200)):
        assert person.client.get("/flags/").status_code == status
        assert person.client.get(f"/flags/{raised.id}/").status_code == status
        linked = "/flags/" in person.client.get("/account/").content.decode()
        assert linked == (status == 200)


def test_a_reviewer_answers_once_and_a_missing_reason_is_told(
    raised: Flag, reviewer: Person, officer: Person
) -> None:
    address = f"/flags/{raised.id}/"
    page = reviewer.client.post(address, {"outcome": "dismissed", "reason": ""})
    assert page.status_code == 422 and b"flag.reason_missing" in page.content
    page = officer.client.post(address, {"outcome": "dismissed", "reason": "fine"})
    assert page.status_code == 409 and b"flag.role_missing" in page.content
    told = {"outcome": "confirmed", "measure": "report", "reason": "three in a row"}
    assert reviewer.client.post(address, told).status_code == 302
    text = reviewer.client.get(address, headers={"Accept-Language": "en"}).content.decode()
    assert "three in a row" in text and "it is reported to the authority" in text and "Rita" in text
    listed = reviewer.client.get("/flags/?state=CONFIRMED").content.decode()
    assert "claim:7" in listed and "claim:7" not in reviewer.client.get("/flags/").content.decode()
