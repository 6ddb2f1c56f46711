"""Three witnesses of which two make the quorum, and their lines on checkpoints, without a network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from tests.wire.logs import witness

from hesuan.hub.audit.models import Checkpoint, Cosignature
from hesuan.wire.checkpoint import split_note
from hesuan.wire.cosignature import cosign
from hesuan.wire.quorum import Policy, parse_policy


def ask_three(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Policy:
    """Names the policy file in the settings."""
    lines = [f"witness w{number} {witness(number)[1].text()}\n" for number in (1, 2, 3)]
    file = folder / "policy.txt"
    file.write_text("".join(lines) + "group g 2 w1 w2 w3\nquorum g\n")
    monkeypatch.setattr(settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, log_policy=str(file)))
    return parse_policy(file.read_bytes())


def cosigned(checkpoint: Checkpoint, *numbers: int, time: int = 1_795_210_000) -> None:
    """Witnesses cosign a checkpoint, in this order."""
    for number in numbers:
        private, key = witness(number)
        line = cosign(split_note(checkpoint.note)[0], name=key.name, private=private, time=time)
        Cosignature.objects.create(checkpoint=checkpoint, witness=key.name, line=line, at=timezone.now())
