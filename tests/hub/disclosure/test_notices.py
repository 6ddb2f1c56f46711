"""Incidents, accepted restores and erased records: each a leaf, none of them in a sum."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from tests.append_only import triggers_lifted
from tests.people import Person

from hesuan.errors import Conflict, InputFault, NotFound, Refused
from hesuan.hub.audit import checks, entries, publishing, selectors, signing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import notices
from hesuan.wire import leaves
from hesuan.wire.folder import Disk
from hesuan.wire.log_verdict import LogVerdict
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

pytestmark = pytest.mark.django_db

LOG = "cn.example.2026"


def publish(log: str = LOG) -> LogVerdict:
    audit.sequence(log)
    audit.publish(log)
    return verify_log(Disk(publishing.folder(log)))


def told(verdict: LogVerdict) -> str:
    return "\n".join(check.sentence() for check in verdict.checks)


@pytest.fixture
def held() -> Fact:
    """An order's hold in a programme's log, with a private record behind it."""
    entries.record_entry(log=LOG, kind="programme", subject="P", public={"a": 1000})
    entries.record_entry(log=LOG, kind="grant", subject="G", public={"a": 500}, firm="firm-1")
    made = entries.record_entry(
        log=LOG, kind="hold", subject="H", public={"a": 300}, firm="firm-1", private={"job": "J"}
    )
    assert publish().result is Result.SOUND
    made.refresh_from_db()
    return made


def test_an_incident_stands_in_the_log_as_it_was_written(held: Fact, platform_operator: Person) -> None:
    before = publish().totals
    made = notices.record_incident(actor=platform_operator.actor, reason="机房停电 40 分钟", log=LOG)
    verdict = publish()
    made.refresh_from_db()
    assert json.loads(made.logged)["what"] == "机房停电 40 分钟"
    assert platform_operator.actor.identity_id.encode() not in made.logged
    assert verdict.result is Result.SOUND and "Incident, leaf 3: 机房停电 40 分钟" in told(verdict)
    sums = {key: value for key, value in verdict.totals.items() if key != "leaves"}
    assert sums == {key: value for key, value in before.items() if key != "leaves"}
    with pytest.raises(NotFound, match=r"notices\.no_such_log"):
        notices.record_incident(actor=platform_operator.actor, reason="x", log="none")


@pytest.mark.parametrize(
    ("reason", "code"), [(" \n", "notices.reason_missing"), ("x" * 501, "notices.reason_too_long")]
)
def test_words_for_ever_are_neither_left_out_nor_cut(
    reason: str, code: str, held: Fact, platform_operator: Person
) -> None:
    before = Fact.objects.count()
    with pytest.raises(InputFault, match=code):
        notices.record_incident(actor=platform_operator.actor, reason=reason)
    with pytest.raises(InputFault, match=code):
        notices.accept_restore(actor=platform_operator.actor, reason=reason)
    assert Fact.objects.count() == before


def test_whoever_is_no_administrator_puts_nothing_on_record(
    held: Fact, auditor: Person, owner: Person, platform_operator: Person
) -> None:
    before = Fact.objects.count()
    for person in (auditor, owner):
        with pytest.raises(Refused, match=r"notices\.role_missing"):
            notices.record_incident(actor=person.actor, reason="x")
        with pytest.raises(Refused, match=r"notices\.role_missing"):
            notices.accept_restore(actor=person.actor, reason="x")
    for person in (auditor, owner, platform_operator):
        with pytest.raises(Refused, match=r"notices\.role_missing"):
            notices.erase(actor=person.actor, log=LOG, leaf=2, reason="x")
    assert Fact.objects.count() == before


def test_a_restore_is_said_in_every_log_once_nothing_published_is_missing(
    held: Fact, platform_operator: Person
) -> None:
    audit.record(kind="test.happened", subject="S", actor="system")
    publish(signing.PLATFORM)
    made = notices.accept_restore(actor=platform_operator.actor, reason="disk of 3 May")
    assert {fact.log for fact in made} == {signing.PLATFORM, LOG}
    verdict = publish()
    assert verdict.result is Result.SOUND and "Restored from a backup: 1 times, last at leaf 3" in told(
        verdict
    )
    leaf = json.loads(Fact.objects.get(log=LOG, kind="restore").logged)
    assert (leaf["last"], leaf["what"]) == (2, "disk of 3 May")


def test_a_database_that_lacks_a_published_leaf_is_never_accepted(
    held: Fact, platform_operator: Person
) -> None:
    """The negative control of the comparison: the same call, and one leaf of the folder is not there."""
    connection.check_constraints()
    with triggers_lifted(connection), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_publication")
        cursor.execute("DELETE FROM audit_checkpoint WHERE size = 3")
        cursor.execute("DELETE FROM audit_fact WHERE leaf_index = 2")
        connection.check_constraints()
    before = Fact.objects.count()
    with pytest.raises(Refused, match=r"audit\.behind_the_published_log"):
        notices.accept_restore(actor=platform_operator.actor, reason="too far back")
    assert Fact.objects.count() == before


@pytest.mark.broken_books("I8")
def test_a_database_whose_log_does_not_add_up_is_not_accepted(held: Fact, platform_operator: Person) -> None:
    connection.check_constraints()
    with triggers_lifted(connection), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_fact SET private = %s WHERE leaf_index = 2", ['{"salt": "00", "record": 1}']
        )
    with pytest.raises(Refused, match=r"I8\.private"):
        notices.accept_restore(actor=platform_operator.actor, reason="spoilt")
    assert not Fact.objects.filter(kind="restore").exists()


def test_an_erased_record_is_gone_and_its_leaf_stands(held: Fact, security_admin: Person) -> None:
    sealed = held.private
    assert sealed is not None
    before = held.logged
    notices.erase(actor=security_admin.actor, log=LOG, leaf=2, reason="the firm asked")
    verdict = publish()
    held.refresh_from_db()
    assert held.logged == before and sealed["salt"] not in json.dumps(held.private)
    assert verdict.result is Result.SOUND
    assert "Erased: the private records of 1 leaves (2); the leaves stand." in told(verdict)
    assert checks.check(LOG) == [] and verdict.totals["open_holds_fen"] == 300
    leaf = leaves.read_leaf(before)
    assert leaf is not None and leaves.opens(leaf, **sealed), "who has the salt still opens it"
    with pytest.raises(Conflict, match=r"notices\.erased_already"):
        notices.erase(actor=security_admin.actor, log=LOG, leaf=2, reason="again")
    for nothing in (0, 99):
        with pytest.raises(NotFound, match=r"notices\.no_private_record"):
            notices.erase(actor=security_admin.actor, log=LOG, leaf=nothing, reason="x")


@pytest.mark.parametrize("said", [{}, {"erased_by": "nobody"}, {"erased_by": "", "salt": "00"}])
def test_the_database_lets_no_record_go_of_which_no_correction_speaks(
    held: Fact, said: dict[str, Any]
) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Fact.objects.filter(pk=held.pk).update(private=said)


def test_nothing_else_changes_while_a_record_is_erased(held: Fact, security_admin: Person) -> None:
    told_by = notices.erase(actor=security_admin.actor, log=LOG, leaf=2, reason="x")
    for change in ({"private": {"erased_by": told_by.id, "more": 1}}, {"private": None}, {"kind": "void"}):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            Fact.objects.filter(pk=held.pk).update(**change)
    other = entries.record_entry(log=LOG, kind="hold", subject="H2", public={"a": 1}, private={"job": "K"})
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Fact.objects.filter(pk=other.pk).update(private={"erased_by": told_by.id})


@pytest.mark.broken_books("I8.private")
def test_a_record_that_vanished_behind_the_triggers_back_is_found(held: Fact) -> None:
    connection.check_constraints()
    with triggers_lifted(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_fact SET private = %s WHERE leaf_index = 2", ['{"erased_by": "nobody"}'])
    assert [one.invariant for one in checks.check(LOG)] == ["I8.private"]
    assert selectors.latest_checkpoint(LOG) is not None and settings.LOG_DIR
