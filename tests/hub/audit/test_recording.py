"""A fact is written with what it speaks of, says in public what may be public, and seals the rest."""

from __future__ import annotations

import json

import pytest
from django.db import transaction

from hesuan.errors import InputFault
from hesuan.hub.audit import services
from hesuan.hub.audit.models import Fact
from hesuan.wire.canonical import canonical, digest

pytestmark = pytest.mark.django_db


def test_a_leaf_is_canonical_and_says_when_to_the_minute() -> None:
    fact = services.record(kind="run.finished", subject="R1", actor="system", public={"b": 2, "a": "一"})
    leaf = json.loads(fact.leaf)
    assert canonical(leaf) == fact.leaf
    assert leaf == {
        "v": 1,
        "kind": "run.finished",
        "subject": "R1",
        "at": fact.at.strftime("%Y-%m-%dT%H:%MZ"),
        "a": "一",
        "b": 2,
    }


def test_a_private_record_is_sealed_with_a_salt_of_its_own() -> None:
    """Equal records must not show as equal, and none may be guessed by trying."""
    first, second = (
        services.record(kind="k.k", subject="S", actor="system", private={"fen": 5}) for _ in range(2)
    )
    for fact in (first, second):
        assert json.loads(fact.leaf)["private"] == digest(fact.private)
        assert "fen" not in json.loads(fact.leaf)
    assert json.loads(first.leaf)["private"] != json.loads(second.leaf)["private"]
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


def test_a_float_or_a_leaf_beyond_4_kib_is_not_recorded() -> None:
    with pytest.raises(InputFault):
        services.record(kind="k.k", subject="S", actor="system", public={"x": 0.5})  # type: ignore[dict-item]
    services.record(kind="k.k", subject="S", actor="system", public={"x": "a" * 4000})
    with pytest.raises(AssertionError):
        services.record(kind="k.k", subject="S", actor="system", public={"x": "a" * 4096})
    assert Fact.objects.count() == 1
