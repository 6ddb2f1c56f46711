"""What an owner takes home and verifies offline: one balance without the others, and opened leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.hub.audit.quorum import ask_three, cosigned
from tests.hub.disclosure.test_disclosure import World, pay
from tests.people import Person

from hesuan.errors import NotFound, Refused
from hesuan.hub.audit import public, rotating, selectors
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Log
from hesuan.hub.disclosure import notices, owned, sealing
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.programmes import accounts
from hesuan.wire.canonical import canonical
from hesuan.wire.verify_command import main

Check = Callable[[bytes], int]


@pytest.fixture
def sealed(world: World) -> Any:
    """A claim paid, everything told, and the day sealed."""
    here = world()
    claim = here.claim(here.settle())
    here.approve(claim)
    pay(here, claim)
    log = here.version.programme_id
    disclosure.disclose()
    audit.sequence(log)
    assert Log.objects.filter(name=log).exists()
    assert sealing.seal(log, timezone.now().date().isoformat()) == 1
    audit.sequence(log)
    return here


@pytest.fixture
def verify(tmp_path: Path, capsys: pytest.CaptureFixture[str], sealed: Any) -> Check:
    """``hesuan verify FILE --policy``, the policy as the platform publishes it."""
    (tmp_path / "policy.txt").write_text(public.policy())

    def run(content: bytes) -> int:
        (tmp_path / "file.json").write_bytes(content)
        return main([str(tmp_path / "file.json"), "--policy", str(tmp_path / "policy.txt"), "--lang", "en"])

    return run


def changed(content: bytes, change: Callable[[Any], object]) -> bytes:
    document = json.loads(content)
    change(document)
    return canonical(document) + b"\n"


def test_a_firm_proves_its_balance_without_any_other(
    sealed: Any, verify: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    owner: Person = sealed.road.owner
    content = owned.sealed_balances(owner.actor, sealed.voucher.id)
    assert verify(content) == 0
    told = capsys.readouterr().out
    book = ledger.balances(accounts.ledger_of(sealed.version.programme_id))
    left = book[accounts.voucher_account(sealed.voucher.id)].posted_fen
    day = timezone.now().date().isoformat()
    assert f"Balance of voucher:{sealed.voucher.id} at the end of {day}: ¥{left / 100:,.2f}" in told
    for account in book:
        shown = account.encode() in content
        assert shown is (account in (f"voucher:{sealed.voucher.id}", f"locked:{sealed.voucher.id}")), account


def test_files_after_a_rotation_name_the_key_of_the_checkpoint_they_rest_on(
    sealed: Any, verify: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Witnesses saw a checkpoint of the old key, and none of the new one yet."""
    log = sealed.version.programme_id
    newest = selectors.latest_checkpoint(log)
    assert newest is not None
    ask_three(tmp_path, monkeypatch)
    cosigned(newest, 1, 2)
    rotating.rotate(log)
    (tmp_path / "policy.txt").write_text(public.policy())
    for made in (owned.sealed_balances, owned.opened_entries):
        content = made(sealed.road.owner.actor, sealed.voucher.id)
        assert newest.note in content.decode().replace("\\n", "\n")
        assert verify(content) == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d["balances"][0]["balance"].update(credits_posted=1), "path leads to"),
        (lambda d: d["balances"][0]["balance"].update(account="voucher:another"), "path leads to"),
        (lambda d: d["balances"][0].update(place=0, path=[]), "path leads to"),
        (lambda d: d["balances"][0]["balance"].update(day="2020-01-01"), "is no seal of day 2020-01-01"),
        (lambda d: d["proof"]["leaf"].update(root=f"sha256:{'0' * 64}"), "the checkpoint signs"),
        (lambda d: d.update(balances=[]), "shows nothing"),
        (lambda d: d["balances"][0]["balance"].pop("salt"), "salt"),
    ],
)
def test_a_balance_that_was_changed_is_tampered(
    change: Callable[[Any], object],
    code: str,
    sealed: Any,
    verify: Check,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = owned.sealed_balances(sealed.road.owner.actor, sealed.voucher.id)
    assert verify(changed(content, change)) == 2
    assert code in capsys.readouterr().out


@pytest.mark.broken_books("I8.seal")
def test_where_the_seal_and_the_journal_differ_no_proof_is_given(
    sealed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing.Sealed, "root", lambda _: f"sha256:{'0' * 64}")
    with pytest.raises(Refused, match=r"owned\.seal_differs"):
        owned.sealed_balances(sealed.road.owner.actor, sealed.voucher.id)


def test_a_firm_opens_its_leaves_and_nobody_else_does(
    sealed: Any,
    verify: Check,
    capsys: pytest.CaptureFixture[str],
    auditor: Person,
    stranger: Person,
    security_admin: Person,
) -> None:
    owner, voucher = sealed.road.owner, sealed.voucher
    content = owned.opened_entries(owner.actor, voucher.id)
    assert owned.opened_entries(auditor.actor, voucher.id) == content
    assert verify(content) == 0
    told = capsys.readouterr().out
    assert f'"voucher": "{voucher.id}"' in told and "(capture): opened" in told
    document = json.loads(content)
    for other in (stranger, sealed.officer, sealed.approver, sealed.road.operator, security_admin):
        for take in (owned.opened_entries, owned.sealed_balances):
            with pytest.raises(NotFound, match=r"voucher\.not_found"):
                take(other.actor, voucher.id)
    changes: list[Callable[[Any], object]] = [
        lambda d: d["entries"][0]["record"].update(voucher="another"),
        lambda d: d["entries"][0].update(salt="00" * 16),
        lambda d: d["entries"][0]["proof"]["leaf"].update(a=1),
    ]
    for change in changes:
        assert verify(changed(content, change)) == 2
    leaf = document["entries"][0]["proof"]["index"]
    notices.erase(actor=security_admin.actor, log=sealed.version.programme_id, leaf=leaf, reason="asked")
    left = json.loads(owned.opened_entries(owner.actor, voucher.id))
    assert leaf not in [one["proof"]["index"] for one in left["entries"]]
    assert verify(content) == 0, "a copy fetched before still opens the leaf"


def test_a_file_of_another_logs_key_is_not_believed(sealed: Any, verify: Check) -> None:
    content = owned.opened_entries(sealed.road.owner.actor, sealed.voucher.id)
    assert verify(changed(content, lambda d: d.update(log_key=public.key()))) == 2


def test_before_the_first_day_is_over_there_is_nothing_to_prove(world: World) -> None:
    here = world()
    here.settle()
    assert here.voucher is not None
    with pytest.raises(NotFound, match=r"owned\.not_sealed"):
        owned.sealed_balances(here.road.owner.actor, here.voucher.id)
