"""The sequencer: gapless, in one hand at a time, and never losing a fact that commits late."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.audit import selectors, services
from hesuan.hub.audit.models import Checkpoint, Fact
from hesuan.wire import checkpoint as notes
from hesuan.wire import merkle


def record(subject: str) -> Fact:
    return services.record(kind="test.happened", subject=subject, actor="system", public={"n": 1})


@pytest.mark.django_db
def test_facts_get_gapless_indexes_and_a_signed_checkpoint() -> None:
    for number in range(5):
        record(f"S{number}")
    checkpoint = services.sequence()
    assert checkpoint is not None
    assert list(Fact.objects.order_by("seq").values_list("leaf_index", flat=True)) == [0, 1, 2, 3, 4]
    key = notes.parse_log_key(selectors.log_key())
    opened = notes.parse_checkpoint(notes.open_note(checkpoint.note, key))
    leaves = [fact.logged for fact in Fact.objects.order_by("leaf_index")]
    nodes = merkle.tree(leaves)
    assert (opened.size, opened.root) == (5, merkle.root(5, lambda level, index: nodes[level, index]))


@pytest.mark.django_db
def test_nothing_new_makes_no_checkpoint() -> None:
    assert services.sequence() is None
    record("S")
    assert services.sequence() is not None
    assert services.sequence() is None
    assert Checkpoint.objects.count() == 1


@pytest.mark.django_db
def test_no_checkpoint_is_dated_before_its_predecessor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noon = timezone.now()
    for hours in (0, -24, -1, 1):
        monkeypatch.setattr(timezone, "now", lambda h=hours: noon + timedelta(hours=h))
        record(f"S{hours}")
        services.sequence()
    at = list(Checkpoint.objects.order_by("size").values_list("at", flat=True))
    assert at == [noon, noon, noon, noon + timedelta(hours=1)]


@pytest.mark.django_db
def test_every_fact_is_provable_under_the_newest_checkpoint_in_however_many_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "BATCH", 3)
    facts = [record(f"S{number}") for number in range(7)]
    services.sequence()
    record("later")
    services.sequence()
    assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [3, 6, 7, 8]
    for fact in facts:
        proof = selectors.inclusion(fact)
        key = notes.parse_log_key(selectors.log_key())
        checkpoint = notes.parse_checkpoint(notes.open_note(str(proof["checkpoint"]), key))
        hashes = proof["hashes"]
        assert isinstance(hashes, list)
        assert merkle.verify_inclusion(
            index=fact.leaf_index or 0,
            size=8,
            hash_of_leaf=merkle.leaf_hash(fact.logged),
            path=[bytes.fromhex(str(value)) for value in hashes],
            expected_root=checkpoint.root,
        )


@pytest.mark.django_db
def test_a_fact_outside_the_log_has_no_proof_and_says_so() -> None:
    with pytest.raises(Refused) as refused:
        selectors.inclusion(record("S"))
    assert refused.value.code.name == "audit.not_sequenced"


@pytest.mark.django_db(transaction=True)
def test_the_sequencer_refuses_to_run_inside_a_transaction_that_may_yet_roll_back() -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        services.sequence()
