"""Which checkpoint a proof rests on: one that others cosigned, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hub.audit.quorum import ask_three, cosigned

from hesuan.hub.audit import selectors, services, signing
from hesuan.hub.audit.models import Checkpoint, Fact
from hesuan.wire.cosignature import of_note
from hesuan.wire.quorum import Policy

pytestmark = pytest.mark.django_db
LOG = "cn.example.proofs"


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Policy:
    return ask_three(tmp_path, monkeypatch)


def logged() -> tuple[Fact, Checkpoint]:
    """One more fact under a checkpoint of its own."""
    fact = services.record(kind="test.happened", subject="S", actor="system", log=LOG)
    made = services.sequence(LOG)
    assert made is not None
    fact.refresh_from_db()
    return fact, made


def reached(fact: Fact, policy: Policy, *, earliest: bool = False) -> tuple[object, bool]:
    """The size that the proof rests on, and whether its note has the quorum."""
    proof = selectors.inclusion(fact, earliest=earliest)
    return proof["size"], policy.satisfied(of_note(str(proof["checkpoint"]), policy.witness_keys))


def test_a_receipt_stays_witnessed_while_the_log_grows_and_nobody_was_asked_yet(policy: Policy) -> None:
    old, first = logged()
    assert reached(old, policy) == (1, False) and not selectors.witnessing_of(old).reached
    cosigned(first, 1, 3)
    new, second = logged()
    cosigned(second, 2)  # one of two
    assert reached(old, policy) == (1, True) and reached(new, policy) == (2, False)
    assert selectors.witnessing_of(old).reached and not selectors.witnessing_of(new).reached
    assert not selectors.witnessing(LOG).reached
    cosigned(second, 1)
    assert reached(old, policy) == (2, True), "the newest of those that reached it"
    waiting = services.record(kind="test.happened", subject="S", actor="system", log=LOG)
    assert not selectors.witnessing_of(waiting).reached, "nothing covers it yet, whoever cosigned the newest"
    assert not selectors.witnessing_of(None).reached


def test_a_lasting_proof_rests_on_the_first_checkpoint_that_reached_the_quorum(policy: Policy) -> None:
    fact, first = logged()
    _, second = logged()
    _, third = logged()
    cosigned(second, 1)
    assert reached(fact, policy, earliest=True) == (1, False), "the first that covers it, by itself"
    assert selectors.inclusion(fact, earliest=True)["checkpoint"] == first.note
    cosigned(third, 2, 3)
    assert reached(fact, policy, earliest=True) == (3, True)
    kept = selectors.inclusion(fact, earliest=True)
    cosigned(third, 1)
    cosigned(third, 2, 3, time=1_795_213_600)
    cosigned(logged()[1], 1, 2, 3)
    assert selectors.inclusion(fact, earliest=True) == kept, "later signatures change no byte of it"
    assert str(kept["checkpoint"]).count("\u2014") == 3, "the log's line and two that make the quorum"


def test_without_a_policy_the_newest_proves(tmp_path: Path) -> None:
    fact, first = logged()
    cosigned(first, 1, 2, 3)
    _, second = logged()
    assert selectors.inclusion(fact)["size"] == second.size
    assert signing.origin(LOG) in str(selectors.inclusion(fact)["checkpoint"])
