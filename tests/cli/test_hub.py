"""``hesuan hub``: what the operator of the machine does before anybody can sign in."""

from __future__ import annotations

import io
import socket

import pytest
from django.db import connection, transaction
from django.test import Client
from tests.append_only import triggers_lifted

from hesuan.cli.exits import Exit
from hesuan.cli.main import main
from hesuan.hub.identity import services
from hesuan.hub.identity.models import Identity, Organisation
from hesuan.hub.identity.selectors import actor_of
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.services import Event
from hesuan.hub.settlement import soundness

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")


def add(*words: str) -> int:
    return main(["hub", "user", "add", *words])


@pytest.mark.django_db
def test_a_fresh_database_has_no_account_that_anybody_could_know() -> None:
    assert Identity.objects.count() == 0
    assert Organisation.objects.count() == 0


@pytest.mark.django_db
def test_a_person_is_added_with_role_organisation_and_a_password_shown_once(capsys: Capture) -> None:
    assert add("olivia", "--role", "owner", "--organisation", "Zhongyuan Bio") == Exit.DONE
    password = capsys.readouterr().out.strip()
    identity = Identity.objects.get(username="olivia")
    assert len(password) >= 20 and identity.check_password(password)
    home = Organisation.objects.get(name="Zhongyuan Bio")
    assert home.kind == "enterprise" and actor_of(identity).has("owner", home.id)
    assert add("olivia", "--role", "member", "--organisation", home.id) == Exit.DONE
    assert capsys.readouterr().out == "", "a known person's password is neither changed nor shown"
    assert actor_of(identity).roles[home.id] == {"owner", "member"}
    identity.refresh_from_db()
    assert identity.check_password(password)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "kind"),
    [
        ("reviewer", "programme_office"),
        ("approver", "programme_office"),
        ("programme_officer", "programme_office"),
        ("auditor", "audit_office"),
        ("platform_operator", "platform"),
        ("centre_operator", "centre"),
    ],
)
def test_a_role_brings_the_kind_of_organisation_it_belongs_to(role: str, kind: str) -> None:
    assert add("pat", "--role", role, "--organisation", "New") == Exit.DONE
    assert Organisation.objects.get(name="New").kind == kind


@pytest.mark.django_db
def test_a_given_password_is_taken_from_standard_input_and_a_weak_one_changes_nothing(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("olivia", "--role", "owner", "--organisation", "Zhongyuan Bio", "--password-stdin")
    monkeypatch.setattr("sys.stdin", io.StringIO("password123\n"))
    assert add(*words) == Exit.FAULTY
    assert "identity.password_weak" in capsys.readouterr().err
    assert not Identity.objects.exists() and not Organisation.objects.exists()
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert add(*words) == Exit.DONE
    assert Identity.objects.get().check_password("correct horse battery")
    assert "correct horse" not in "".join(capsys.readouterr())


@pytest.mark.django_db
def test_a_forgotten_password_is_replaced_by_the_operator_and_ends_the_sessions(capsys: Capture) -> None:
    add("olivia", "--role", "owner", "--organisation", "Zhongyuan Bio")
    old = capsys.readouterr().out.strip()
    browser = Client()
    assert browser.login(username="olivia", password=old)
    assert main(["hub", "user", "password", "olivia"]) == Exit.DONE
    new = capsys.readouterr().out.strip()
    assert new != old and Identity.objects.get().check_password(new)
    assert not browser.get("/accounts/password/change/").wsgi_request.user.is_authenticated
    assert main(["hub", "user", "password", "olvia"]) == Exit.NOT_FOUND


@pytest.mark.django_db
def test_a_role_that_does_not_fit_its_organisation_changes_nothing(capsys: Capture) -> None:
    add("olivia", "--role", "owner", "--organisation", "Zhongyuan Bio")
    assert add("eve", "--role", "approver", "--organisation", "Zhongyuan Bio") == Exit.REFUSED
    assert "identity.role_does_not_fit" in capsys.readouterr().err
    assert not Identity.objects.filter(username="eve").exists()


@pytest.mark.django_db
def test_two_organisations_of_one_name_are_told_apart_by_id(capsys: Capture) -> None:
    for _ in range(2):
        Organisation.objects.create(name="Twin", kind="maker")
    assert add("olivia", "--role", "owner", "--organisation", "Twin") == Exit.FAULTY
    assert "2 organisations are named Twin" in capsys.readouterr().err


@pytest.mark.django_db
def test_a_token_is_the_only_thing_on_standard_output_and_works(capsys: Capture) -> None:
    add("olivia", "--role", "owner", "--organisation", "Zhongyuan Bio")
    capsys.readouterr()
    assert main(["hub", "token", "olivia", "--days", "7"]) == Exit.DONE
    text = capsys.readouterr().out.strip()
    actor = services.authenticate_token(text)
    assert actor is not None and actor.identity_id == Identity.objects.get().id
    assert main(["hub", "token", "olvia"]) == Exit.NOT_FOUND
    assert main(["hub", "token", "olivia", "--days", "91"]) == Exit.FAULTY


@pytest.mark.broken_books
@pytest.mark.django_db
def test_ledger_check_says_all_is_well_or_names_what_is_not(capsys: Capture) -> None:
    for key in ("bank", "budget"):
        ledger.open_account(ledger="cny", key=key, kind=key, may_overdraw=key == "bank")
    ledger.post_or_raise([Event("fund", "transfer", "cny", 500, "fund", "bank", "budget")])
    assert main(["hub", "ledger-check"]) == Exit.DONE
    assert f"All {len(soundness.INVARIANTS)} invariants hold." in capsys.readouterr().err
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with triggers_lifted(connection):
            cursor.execute("UPDATE ledger_account SET credits_posted = 499 WHERE key = 'budget'")
    assert main(["hub", "ledger-check"]) == Exit.REFUSED
    shown = capsys.readouterr()
    assert "I1" in shown.out and "I4" in shown.out and "499" in shown.out
    assert f"2 of {len(soundness.INVARIANTS)} invariants are broken" in shown.err
    assert main(["--lang", "zh", "ledger", "check"]) == Exit.REFUSED
    assert "每个账户的四个计数等于其转账之和" in capsys.readouterr().out


def test_a_taken_port_is_one_sentence_and_nothing_was_started(capsys: Capture) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["hub", "serve", "--port", str(port)]) == Exit.REFUSED
    assert f"Port {port} of 127.0.0.1 is in use" in capsys.readouterr().err


def test_a_host_that_is_not_ours_is_one_sentence(capsys: Capture) -> None:
    assert main(["hub", "serve", "--host", "192.0.2.1", "--port", "0"]) == Exit.REFUSED
    assert "hub.address_unusable" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["srve"], ["serve", "--port", "70000"], ["user", "add", "x"], ["user"]])
def test_wrong_words_are_told_without_a_traceback(words: list[str], capsys: Capture) -> None:
    assert main(["hub", *words]) == Exit.FAULTY
    assert "Usage: hesuan hub" in capsys.readouterr().err


@pytest.mark.django_db
def test_who_holds_two_administrations_from_before_is_listed(capsys: Capture) -> None:
    add("arthur", "--role", "auditor", "--organisation", "Audit Office")
    add("petra", "--role", "platform_operator", "--organisation", "Platform")
    capsys.readouterr()
    assert main(["hub", "administrators"]) == Exit.DONE
    assert capsys.readouterr().out == ""
    petra, office = Identity.objects.get(username="petra"), Organisation.objects.get(name="Audit Office")
    petra.memberships.create(organisation=office, role="auditor")
    assert main(["hub", "administrators"]) == Exit.REFUSED
    told = capsys.readouterr()
    assert [line.split("\t")[:2] for line in told.out.splitlines()] == [
        ["petra", "auditor"],
        ["petra", "platform_operator"],
    ]
    assert "1 people" in told.err
    petra.memberships.filter(role="auditor").delete()
    assert main(["hub", "administrators"]) == Exit.DONE
