"""A fact is written with what it speaks of, says in public what may be public, and seals the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from hesuan.errors import InputFault
from hesuan.hub.audit import checks, services
from hesuan.hub.audit.models import Fact
from hesuan.hub.audit.selectors import latest_checkpoint, log_key
from hesuan.wire.canonical import canonical, digest
from hesuan.wire.folder import Disk, Writer
from hesuan.wire.leaves import opens, private_digest, read_leaf
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

pytestmark = pytest.mark.django_db


def test_a_leaf_is_canonical_and_says_when_to_the_minute() -> None:
    fact = services.record(kind="run.finished", subject="R1", actor="system", public={"b": 2, "a": "一"})
    leaf = json.loads(fact.leaf)
    assert canonical(leaf) == fact.leaf
    assert fact.private is not None and fact.private["record"] == {"subject": "R1"}
    assert leaf == {
        "v": 2,
        "p": "platform",
        "k": "run.finished",
        "t": fact.at.strftime("%Y-%m-%dT%H:%MZ"),
        "a": "一",
        "b": 2,
        "h": private_digest(bytes.fromhex(fact.private["salt"]), {"subject": "R1"}),
    }


def test_its_number_comes_with_its_place_and_nothing_else_changes() -> None:
    for subject in ("R1", "R2"):
        services.record(kind="run.finished", subject=subject, actor="system")
    services.sequence()
    for place, fact in enumerate(Fact.objects.order_by("seq")):
        assert json.loads(fact.logged) == json.loads(bytes(fact.leaf)) | {"s": place}
        assert read_leaf(fact.logged) is not None
    assert checks.check() == []


def test_a_fact_that_was_recorded_before_version_2_gets_its_place_as_it_was(tmp_path: Path) -> None:
    """A hub that is brought up to date while a fact waits: its promise names those very bytes."""
    services.record(kind="run.finished", subject="R1", actor="system")
    old = {"v": 1, "kind": "run.finished", "subject": "R2", "at": "2026-11-20T21:46Z"}
    sealed = {"salt": "ab" * 16, "record": {"fen": 5}}
    raw = canonical(old | {"private": digest(sealed)})
    Fact.objects.create(
        kind="run.finished", subject="R2", actor="system", at=timezone.now(), leaf=raw, private=sealed
    )
    services.record(kind="run.finished", subject="R3", actor="system")
    services.sequence()
    assert Fact.objects.get(subject="R2").logged == raw
    assert checks.check() == []
    writer = Writer(tmp_path)
    writer.append([fact.logged for fact in Fact.objects.order_by("leaf_index")])
    note = latest_checkpoint()
    assert note is not None
    writer.publish(note.note)
    (tmp_path / "key").write_text(log_key() + "\n")
    assert verify_log(Disk(tmp_path)).result is Result.SOUND


def test_a_private_record_is_sealed_with_a_salt_of_its_own() -> None:
    """Equal records must not show as equal, and none may be guessed by trying."""
    first, second = (
        services.record(kind="k.k", subject="S", actor="system", private={"fen": 5}) for _ in range(2)
    )
    for fact in (first, second):
        leaf, sealed = json.loads(fact.leaf), fact.private
        assert sealed is not None and sealed["record"] == {"fen": 5, "subject": "S"}
        assert opens(leaf, **sealed) and "fen" not in leaf
    assert json.loads(first.leaf)["h"] != json.loads(second.leaf)["h"]
    assert first.private is not None and len(first.private["salt"]) == 32


def test_who_did_it_is_kept_and_not_published() -> None:
    fact = services.record(kind="k.k", subject="S", actor="01K0PERSN00000000000000000")
    assert fact.actor == "01K0PERSN00000000000000000" and b"PERSN" not in fact.leaf


def test_a_fact_goes_with_the_transaction_it_belongs_to() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        services.record(kind="k.k", subject="S", actor="system")
        raise RuntimeError
    assert Fact.objects.count() == 0


@pytest.mark.parametrize("name", sorted(services.RESERVED))
def test_a_room_may_not_speak_in_the_logs_own_members(name: str) -> None:
    with pytest.raises(AssertionError):
        services.record(kind="k.k", subject="S", actor="system", public={name: "x"})


def test_a_record_says_its_subject_itself() -> None:
    with pytest.raises(AssertionError):
        services.record(kind="k.k", subject="S", actor="system", private={"subject": "another"})


def test_a_float_or_a_leaf_beyond_4_kib_is_not_recorded() -> None:
    with pytest.raises(InputFault):
        services.record(kind="k.k", subject="S", actor="system", public={"x": 0.5})  # type: ignore[dict-item]
    services.record(kind="k.k", subject="S", actor="system", public={"x": "a" * 3800})
    with pytest.raises(AssertionError):
        services.record(kind="k.k", subject="S", actor="system", public={"x": "a" * 4096})
    assert Fact.objects.count() == 1
