"""Asking witnesses to cosign, and the daily anchor: what others saw of this log, kept beside it.

The policy file that ``HESUAN_LOG_POLICY`` names says whom to ask (C2SP tlog-policy, witnesses with their
addresses) and how many make a quorum. The hub publishes without a quorum too, and then says *unwitnessed*
wherever it shows a receipt: a public log must not stop because a witness sleeps.
"""

from __future__ import annotations

import hashlib
import logging
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from hesuan.errors import HesuanError
from hesuan.hub.audit import signing
from hesuan.hub.audit.models import Anchor, Checkpoint, Cosignature
from hesuan.hub.audit.selectors import NodeReader, latest_checkpoint, trust_policy
from hesuan.wire import cosignature, merkle
from hesuan.wire.checkpoint import split_note
from hesuan.wire.door import Door, places
from hesuan.wire.quorum import KnownWitness
from hesuan.wire.witness import Request

RENEW_EVERY = timedelta(hours=1)
"""How often a witness is asked again about a log that did not grow."""
PAUSE_AFTER_FAILURE = timedelta(seconds=60)
TIMEOUT_S = 3.0
MAX_ANSWER_BYTES = 65_536
ANCHOR_TIMEOUT_S = 60
MAX_SAID = 2_000

log_of_this = logging.getLogger(__name__)
ANY_LOG = ""
_paused: dict[tuple[str, str], datetime] = {}
"""Log and witness → until when it is left alone; of every log (:data:`ANY_LOG`) when it did not answer at
all, so that a round waits for a dead witness once and not once a log."""


@dataclass(frozen=True, slots=True)
class _Question:
    witness: KnownWitness
    note: str
    request: Request


@dataclass(frozen=True, slots=True)
class _Answer:
    """Signature lines; or the size that the witness has; or nothing, and whether it answered."""

    lines: str = ""
    size: int | None = None
    reached: bool = True


def ask(log: str = signing.PLATFORM) -> int:
    """Asks every witness that is due about the newest checkpoint; returns how many cosigned now."""
    newest, policy = latest_checkpoint(log), trust_policy()
    if newest is None or policy is None:
        return 0
    due = [one for one in policy.witnesses if one.url and _is_due(newest, one)]
    if not due:
        return 0
    questions = [_question(newest, one, _last_size(log, one)) for one in due]
    with ThreadPoolExecutor(max_workers=len(questions)) as pool:
        answers = list(pool.map(_put, questions))
        again = [
            _question(newest, one.witness, answer.size)
            for one, answer in zip(questions, answers, strict=True)
            if answer.size is not None and 0 <= answer.size <= newest.size
        ]
        answers += list(pool.map(_put, again))
    for one, answer in zip([*questions, *again], answers, strict=True):
        if not answer.reached:
            _paused[ANY_LOG, one.witness.key.name] = timezone.now() + PAUSE_AFTER_FAILURE
    return _keep(newest, [one.witness for one in questions], "".join(one.lines for one in answers))


def _is_due(newest: Checkpoint, witness: KnownWitness) -> bool:
    now = timezone.now()
    if any(_paused.get((log, witness.key.name), now) > now for log in (newest.log_id, ANY_LOG)):
        return False
    fresh = Cosignature.objects.filter(checkpoint=newest, witness=witness.key.name, at__gt=now - RENEW_EVERY)
    return not fresh.exists()


def _last_size(log: str, witness: KnownWitness) -> int:
    """The size that this witness cosigned last, as far as is known here."""
    kept = Cosignature.objects.filter(checkpoint__log_id=log, witness=witness.key.name)
    return kept.order_by("-checkpoint__size").values_list("checkpoint__size", flat=True).first() or 0


def _question(newest: Checkpoint, witness: KnownWitness, old: int) -> _Question:
    path: Sequence[bytes] = ()
    if 0 < old < newest.size:
        path = merkle.consistency_proof(old, newest.size, NodeReader(newest.log_id))
    return _Question(witness, newest.note, Request(old, tuple(path), newest.note))


def _put(question: _Question) -> _Answer:
    """Asks one witness, in a thread of its own: no database here."""
    url = f"{question.witness.url.rstrip('/')}/add-checkpoint"
    door = Door(places([url]), networks=settings.ENVIRONMENT.fetch_networks)
    try:
        answer = door.fetch(
            url,
            method="POST",
            body=question.request.text().encode(),
            headers={"Content-Type": "text/plain"},
            timeout_s=TIMEOUT_S,
            most_bytes=MAX_ANSWER_BYTES,
        )
    except HesuanError as error:
        log_of_this.warning("witness %s: %s", question.witness.name, error)
        return _Answer(reached=False)
    status, text = answer.status, answer.body.decode(errors="replace")
    if status == 200:
        return _Answer(text)
    size = int(text) if status == 409 and text.strip().isdecimal() and len(text) < 18 else None
    if size is None:
        log_of_this.warning("witness %s answered %s: %s", question.witness.name, status, ascii(text)[:200])
    return _Answer(size=size)


def _keep(newest: Checkpoint, asked: Sequence[KnownWitness], lines: str) -> int:
    """Stores what holds under the witnesses' known keys; who gave nothing is left alone for a minute."""
    text = split_note(newest.note)[0]
    now, kept = timezone.now(), 0
    for witness in asked:
        try:
            for line in cosignature.read_lines(lines) if lines else []:
                if cosignature.checked(text, [line], [witness.key]):
                    Cosignature.objects.create(
                        checkpoint=newest, witness=witness.key.name, line=line.text(), at=now
                    )
                    kept += 1
                    break
            else:
                _paused[newest.log_id, witness.key.name] = now + PAUSE_AFTER_FAILURE
        except HesuanError as error:
            log_of_this.warning("witness %s: %s", witness.name, error)
            _paused[newest.log_id, witness.key.name] = now + PAUSE_AFTER_FAILURE
    return kept


def anchor(log: str = signing.PLATFORM) -> int:
    """Once a day, hands the newest checkpoint's hash to the configured command and keeps what came of it.

    The command gets three words: the log's origin, its size, and the SHA-256 of the signed note.

    Returns:
        1 when the command ran, whatever it said; else 0.
    """
    newest = latest_checkpoint(log)
    command = settings.ENVIRONMENT.anchor_command.split()
    if newest is None or not command:
        return 0
    day = timezone.now().date()
    if Anchor.objects.filter(checkpoint__log_id=log, day=day).exists():
        return 0
    told = hashlib.sha256(newest.note.encode()).hexdigest()
    outcome, said = _run([*command, signing.origin(log), str(newest.size), told])
    Anchor.objects.create(
        checkpoint=newest, day=day, digest=told, succeeded=outcome, said=said[:MAX_SAID], at=timezone.now()
    )
    return 1


def _run(words: list[str]) -> tuple[bool, str]:
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command
            words, capture_output=True, timeout=ANCHOR_TIMEOUT_S, check=False, text=True, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0, (done.stdout + done.stderr).strip()
