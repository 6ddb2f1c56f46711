"""A receipt as the hub makes one, from its own log and key, before the offline verifier."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from tests.wire import receipts

from hesuan.hub.audit import public, selectors, services
from hesuan.wire import keys
from hesuan.wire.checks import Outcome
from hesuan.wire.evidence import Trust
from hesuan.wire.receipt import LEAF_KIND, leaf_members, leaf_record, receipt_file, sign_receipt
from hesuan.wire.verify import Result, verify_receipt

SITE = keys.generate()
SITE_KEY = keys.public_text(SITE)


def issue(document: dict[str, Any]) -> bytes:
    """Countersigned, recorded, sequenced, proven: what settlement does, without its tables."""
    fact = services.record(
        kind=LEAF_KIND,
        subject=document["id"],
        actor=document["agent"],
        public=leaf_members(document, site_key=SITE_KEY),
        private=leaf_record(document),
    )
    services.sequence()
    site = {"agent": document["agent"], "key": SITE_KEY, "signature": sign_receipt(document, SITE)}
    return receipt_file(
        receipt=document,
        site=site,
        proof=selectors.inclusion(fact),
        log_key=selectors.log_key(),
        opened=selectors.opened(fact),
    )


@pytest.fixture
def issued(db: None) -> bytes:
    for number in range(6):
        services.record(kind="test.happened", subject=f"S{number}", actor="system")
    return issue(receipts.receipt())


def trust() -> Trust:
    return Trust(public.key(), {receipts.receipt()["agent"]: SITE_KEY})


def test_the_hubs_receipt_verifies_under_the_published_keys(issued: bytes) -> None:
    verdict = verify_receipt(issued, trust=trust())
    assert verdict.result is Result.SOUND, [c.sentence() for c in verdict.checks]
    assert [check.name for check in verdict.checks if check.outcome is not Outcome.SOUND] == ["witnesses"]


def test_every_single_byte_of_the_hubs_receipt_counts(issued: bytes) -> None:
    for place, byte in enumerate(issued):
        altered = issued[:place] + bytes([(byte + 1) % 256]) + issued[place + 1 :]
        verdict = verify_receipt(altered, trust=None)
        assert verdict.result is not Result.SOUND, (place, issued[max(0, place - 30) : place + 30])
        assert any(check.outcome is Outcome.BROKEN for check in verdict.checks)


def test_an_older_receipt_gets_a_proof_under_the_newest_checkpoint_and_the_old_file_stays_sound(
    issued: bytes,
) -> None:
    another = copy.deepcopy(receipts.receipt())
    another["id"] = "01K0THERRECEPT000000000000"
    newer = issue(another)
    assert verify_receipt(newer, trust=trust()).result is Result.SOUND
    assert verify_receipt(issued, trust=trust()).result is Result.SOUND
    assert json.loads(newer)["proof"]["size"] == json.loads(issued)["proof"]["size"] + 1
