"""What the ledger moves of a programme's money stands in its log, once, and strangers add up the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from tests import books
from tests.append_only import triggers_lifted
from tests.hub.disclosure.logs import agree, totals_of
from tests.hub.settlement.claim_world import ClaimWorld
from tests.wire import outside_verifier

from hesuan.hub.audit import entries, publishing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import checks, rules
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.disclosure.models import Disclosed
from hesuan.hub.programmes import services as programmes
from hesuan.hub.settlement import crediting, floats, payment
from hesuan.wire.ids import new_id
from hesuan.wire.leaves import opens
from hesuan.wire.verify_command import main

World = Callable[..., ClaimWorld]
OWED = 84
"""What the voucher pays of an order of ¥4.20 [fen]."""


def leaves(here: ClaimWorld) -> list[dict[str, Any]]:
    facts = Fact.objects.filter(log=here.version.programme_id).order_by("seq")
    return [json.loads(fact.logged) for fact in facts]


def kinds(here: ClaimWorld) -> list[str]:
    return [leaf["k"] for leaf in leaves(here)]


def walk(here: ClaimWorld) -> None:
    """Claimed, approved, paid, a credit note after payment, what is due back set off, and a surrender."""
    first = here.claim(here.settle())
    here.approve(first)
    pay(here, first)
    crediting.book_credit_note(
        actor=here.claimant.actor,
        note_id=new_id(),
        claim_id=first.id,
        number="RED-1",
        lines={1: 210},
        reason="refunded",
    )
    second = here.claim(here.settle())
    here.approve(second)
    crediting.book_credit_note(
        actor=here.claimant.actor,
        note_id=new_id(),
        claim_id=second.id,
        number="RED-2",
        lines={1: 210},
        reason="refunded",
    )
    pay(here, second)
    assert here.voucher is not None
    owner = here.road.owner
    programmes.surrender(actor=owner.actor, voucher_id=here.voucher.id, reason="done")


@contextmanager
def lifted() -> Iterator[None]:
    """No triggers for a moment; PostgreSQL wants what is deferred to be over before and after."""
    connection.check_constraints()
    with triggers_lifted(connection):
        yield
        connection.check_constraints()


def pay(here: ClaimWorld, claim: Any) -> None:
    if here.flow == "reimburse_user":
        payment.pay(actor=here.payer.actor, claim_id=claim.id)
    else:
        here.pay_batch(claim)


@pytest.mark.parametrize("flow", ["deduct_pay_supplier", "reimburse_user", "prefund_supplier"])
def test_every_sum_of_the_log_is_the_accounts(world: World, flow: str) -> None:
    here = world(flow)
    if flow == "prefund_supplier":
        floats.fund(
            actor=here.payer.actor,
            movement_id=new_id(),
            version_id=here.version.id,
            centre_id=here.road.site.agent.centre_id,
            amount_fen=50,
        )
    walk(here)
    made = agree(here.version.programme_id)
    assert made.issued_fen == here.voucher.face_fen  # type: ignore[union-attr]
    assert made.captured_fen.total() >= 126 and made.paid_fen == OWED + 42
    assert made.payouts.demanded_fen.total() == 42 == made.payouts.recovered_fen.total()
    assert {"rule", "key", "programme", "grant", "hold", "capture", "settle", "pay", "clawback"} <= set(
        kinds(here)
    )
    assert checks.check() == []


def test_an_entry_names_no_firm_and_opens_to_whoever_holds_the_salt(world: World) -> None:
    here = world()
    walk(here)
    disclosure.disclose()
    voucher = here.voucher
    assert voucher is not None
    facts = {fact.kind: fact for fact in Fact.objects.filter(log=here.version.programme_id)}
    grant = json.loads(facts["grant"].logged)
    assert grant["w"] == entries.pseudonym(voucher.organisation_id, facts["grant"].at.year)
    assert grant["rule"] == "r1" and grant["a"] == voucher.face_fen
    for fact in facts.values():
        assert voucher.organisation_id.encode() not in fact.logged
    sealed = facts["grant"].private
    assert sealed is not None and sealed["record"]["voucher"] == voucher.id
    assert opens(grant, salt=sealed["salt"], record=sealed["record"])
    assert not opens(grant, salt="00" * 16, record=sealed["record"])
    rule = json.loads(facts["rule"].logged)
    assert (rule["rule"], rule["root"], rule["what"]) == ("r1", here.version.digest, "activated")


def test_a_second_round_tells_nothing_twice(world: World) -> None:
    here = world()
    here.settle()
    disclosure.disclose()
    before = kinds(here)
    assert disclosure.disclose() == 0 and kinds(here) == before
    waiting = Disclosed.objects.filter(entry=None)
    assert not waiting.exists() and Disclosed.objects.count() == len(before) - 2  # the rule and the key


def test_a_hold_is_named_by_the_number_of_its_leaf(world: World) -> None:
    """The capture names its hold's leaf; a release too, so that nothing is resolved twice."""
    here = world()
    here.settle()
    audit_all(here)
    written = leaves(here)
    hold = next(leaf for leaf in written if leaf["k"] == "hold")
    capture = next(leaf for leaf in written if leaf["k"] == "capture")
    assert capture["ref"] == hold["s"] and capture["a"] <= hold["a"]
    assert [leaf["s"] for leaf in written] == list(range(len(written)))


def audit_all(here: ClaimWorld) -> None:
    """What the worker does in a round, without the transaction that a test is in."""
    disclosure.disclose()
    log = here.version.programme_id
    facts = list(Fact.objects.filter(log=log).order_by("seq"))
    entries.number_entries(log, facts, 0)
    for index, fact in enumerate(facts):
        fact.leaf_index = index
    Fact.objects.bulk_update(facts, ["leaf_index", "entry"])


def test_money_that_a_rolled_back_transaction_moved_is_not_told(world: World) -> None:
    here = world()
    before = Disclosed.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        here.issue()
        assert Disclosed.objects.count() > before
        _ = 1 // 0
    assert Disclosed.objects.count() == before


@pytest.mark.broken_books
def test_a_transfer_that_nobody_told_is_found(world: World) -> None:
    """Negative control: without the trigger a transfer is in no log, and the check names it."""
    here = world()
    disclosure.disclose()
    assert checks.check() == []
    with lifted():
        here.issue()
    untold = [row["transfer"] for one in checks.check() for row in one.rows]
    assert untold and all(str(name).startswith(("issue:", "fund:")) for name in untold)


@pytest.mark.broken_books("I8")
def test_an_entry_that_says_another_amount_is_found(world: World) -> None:
    """Negative control: an operator who lets a leaf say less than was moved."""
    world()
    disclosure.disclose()
    fact = Fact.objects.filter(kind="grant").get()
    with lifted():
        other = json.loads(bytes(fact.leaf)) | {"a": 1}
        Fact.objects.filter(pk=fact.pk).update(leaf=json.dumps(other).encode())
    (found,) = checks.check()
    assert (found.invariant, found.rows[0]["leaf_fen"]) == ("I8.otherwise", 1)
    assert found in books.findings(), "and by the end of every test"


@pytest.mark.broken_books("I8")
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("capture", {"c": "centre:another"}),
        ("settle", {"payer": "another"}),
        ("settle", {"m": "another"}),
        ("pay", {"what": "float"}),
        ("hold", {"w": f"f-{'0' * 24}"}),
        ("grant", {"rule": "r9"}),
        ("grant", {"t": "2020-01-01T00:00Z"}),
        ("capture", {"b": "CASH"}),
        ("settle", {"m": None}),
    ],
)
def test_an_entry_that_says_anything_else_is_found(world: World, kind: str, change: dict[str, Any]) -> None:
    """Whom the money went to, by which rule, on which claim: what strangers add up, not the amount alone."""
    here = world()
    claim = here.claim(here.settle())
    here.approve(claim)
    pay(here, claim)
    disclosure.disclose()
    assert checks.check() == []
    fact = Fact.objects.filter(kind=kind, log=here.version.programme_id).order_by("seq")[0]
    other = {name: value for name, value in (json.loads(fact.logged) | change).items() if value}
    assert other != json.loads(fact.logged)
    with lifted():
        Fact.objects.filter(pk=fact.pk).update(entry=json.dumps(other).encode())
    (found,) = checks.check()
    assert (found.invariant, found.rows[0]["differs"]) == ("I8.otherwise", ", ".join(change))


@pytest.mark.broken_books("I8")
def test_an_entry_that_resolves_another_is_found(world: World) -> None:
    here = world()
    here.claim(here.settle())
    disclosure.disclose()
    fact = Fact.objects.filter(kind="capture", refers__isnull=False).order_by("seq")[0]
    with lifted():
        Fact.objects.filter(pk=fact.pk).update(refers="another")
    (found,) = checks.check()
    assert found.rows[0]["differs"] == "ref"


def test_the_database_keeps_what_was_told(world: World) -> None:
    world()
    disclosure.disclose()
    row = Disclosed.objects.order_by("transfer").first()
    other = Fact.objects.filter(kind="key").get()
    assert row is not None
    for change in ({"entry": None}, {"entry": other}, {"programme": "another"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Disclosed.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM disclosure_disclosed")


def test_accounts_that_have_no_name_in_the_log_are_told_and_in_no_sum() -> None:
    told = rules.told(rules.Move("transfer", "settle", "voucher:V1", "purse:P", 7))
    assert (told.kind, dict(told.public), told.known) == (
        "correction",
        {"a": 7, "what": "voucher>purse"},
        False,
    )


@pytest.mark.django_db(transaction=True)
def test_a_stranger_verifies_a_programmes_published_log(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the road to `hesuan verify FOLDER`, on either database."""
    here = world()
    walk(here)
    log = here.version.programme_id
    disclosure.disclose()
    audit.sequence(log)
    audit.publish(log)
    folder = publishing.folder(log)
    assert main([str(folder), "--lang", "en"]) == 0
    told = capsys.readouterr().out
    centre = here.road.site.agent.centre_id
    assert f"Centre centre:{centre}: captured" in told and "Payer province: settled" in told
    assert totals_of(log).faults == []
    assert Path(settings.LOG_DIR) in folder.parents


@pytest.mark.go
@pytest.mark.django_db(transaction=True)
def test_a_verifier_that_is_not_ours_accepts_the_hubs_folders(world: World, tmp_path: Path) -> None:
    """Go's checksum-database library over what the hub published: the platform's log and a programme's."""
    here = world()
    walk(here)
    disclosure.disclose()
    program = outside_verifier.build(tmp_path)
    for log in (here.version.programme_id, "platform"):
        audit.sequence(log)
        audit.publish(log)
        folder = publishing.folder(log)
        accepted, said = outside_verifier.ask(program, folder, (folder / "key").read_text().strip())
        assert accepted, said
        for bundle in (path for path in folder.glob("tile/entries/**/*") if path.is_file()):
            bundle.write_bytes(bundle.read_bytes().replace(b'"v":', b'"w":', 1))
        assert not outside_verifier.ask(program, folder, (folder / "key").read_text().strip())[0]
