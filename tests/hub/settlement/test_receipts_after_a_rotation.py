"""Receipts of before and after the log's key was changed, each with the key of its day."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from tests.road import Road

from hesuan.hub.audit import public, rotating, selectors, services
from hesuan.hub.settlement import selectors as settlement
from hesuan.hub.settlement.models import Receipt
from hesuan.wire.evidence import read_trust
from hesuan.wire.quorum import parse_policy
from hesuan.wire.verdict import Result
from hesuan.wire.verify import verify_receipt
from hesuan.wire.verify_command import main


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and published files of this test alone: the others keep theirs."""
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path / "data")
    monkeypatch.setattr(settings, "LOG_DIR", tmp_path / "data" / "log")


def test_old_receipts_and_new_ones_are_sound_with_todays_trust_file(road: Road, tmp_path: Path) -> None:
    road.finish(road.place())
    receipt = Receipt.objects.get()
    services.sequence()
    old_file = settlement.receipt_file(road.owner.actor, receipt.id)
    old_trust = json.dumps(public.trust({road.site.agent.id: road.site.agent.public_key})).encode()
    rotating.rotate()
    trust_text = json.dumps(public.trust({road.site.agent.id: road.site.agent.public_key})).encode()
    trust = read_trust(trust_text)
    assert trust.former_log_keys and trust.log_key != read_trust(old_trust).log_key
    new_file = settlement.receipt_file(road.owner.actor, receipt.id)
    assert new_file != old_file, "proven against a checkpoint of the new key"
    for content in (old_file, new_file):
        verdict = verify_receipt(content, trust=trust, policy=parse_policy(public.policy().encode()))
        assert verdict.result is Result.SOUND, [check.sentence() for check in verdict.checks]
    assert verify_receipt(old_file, trust=read_trust(old_trust)).result is Result.SOUND
    without = replace(trust, former_log_keys=())
    assert verify_receipt(old_file, trust=without).result is Result.TAMPERED, "the control"
    index = json.loads(new_file)["proof"]["index"]
    (tmp_path / "leaf").write_bytes(public.leaf(index))
    (tmp_path / "proof").write_text(public.proof(index))
    (tmp_path / "policy").write_text(public.policy())
    words = [str(tmp_path / "proof"), "--leaf", str(tmp_path / "leaf"), "--policy", str(tmp_path / "policy")]
    assert main(words) == 0 and selectors.log_key() in public.policy()
