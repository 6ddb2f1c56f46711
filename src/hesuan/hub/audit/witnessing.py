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
from typing import Any

from django.conf import settings
from django.utils import timezone

from hesuan.errors import HesuanError, Refused, declare
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
ANCHOR_AGAIN_AFTER = timedelta(hours=1)
"""After an anchoring command that failed."""
MAX_SAID = 2_000

AHEAD = declare(
    "audit.behind_a_witness",
    en="Witness {witness} has cosigned {size} leaves of log {log}; the database has {stored}. Nothing was"
    " written: restore the database further, or open a new log.",
    zh="见证方 {witness} 已为日志 {log} 的 {size} 条联署；数据库仅有 {stored} 条。"
    "未写入任何内容：请恢复更新的备份，或另立新日志。",
)
OTHERWISE = declare(
    "audit.witnessed_otherwise",
    en="Witness {witness} has cosigned {size} leaves of log {log} with another root than the database's."
    " Nothing was written: compare the database with the witness's copy.",
    zh="见证方 {witness} 已为日志 {log} 的 {size} 条联署，其根与数据库不同。"
    "未写入任何内容：请将数据库与见证方的副本比对。",
)

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
    """Signature lines; or the size that the witness has; or nothing, and whether it answered, and that it has
    seen another history."""

    lines: str = ""
    size: int | None = None
    reached: bool = True
    differs: bool = False


def ask(log: str = signing.PLATFORM) -> int:
    """Asks every witness that is due about the newest checkpoint; returns how many cosigned now."""
    policy = trust_policy()
    newest = (
        latest_checkpoint(log) if policy else None
    )  # without witnesses nobody is asked, the database neither
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


def refuse_behind_witnesses(log: str = signing.PLATFORM) -> list[str]:
    """Asks every witness whether it has seen more than the database has.

    Returns:
        Names of the witnesses who could not say.

    Raises:
        Refused: ``audit.behind_a_witness``, ``audit.witnessed_otherwise``.
    """
    newest, policy = latest_checkpoint(log), trust_policy()
    silent = []
    for witness in [one for one in policy.witnesses if one.url] if newest and policy else []:
        assert newest is not None
        # From the newest size on: whoever has less says how much, and needs no proof for that.
        answer = _put(_question(newest, witness, newest.size))
        facts: dict[str, Any] = {"witness": witness.name, "log": log, "stored": newest.size}
        if answer.size is not None and answer.size > newest.size:
            raise Refused(AHEAD, size=answer.size, **facts)
        if answer.differs:
            raise Refused(OTHERWISE, size=newest.size, **facts)
        if answer.size is None and not answer.lines:
            silent.append(witness.name)
    return silent


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
    return _Answer(size=size, differs=status == 422)


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

    The command gets three words: the log's origin, its size, and the SHA-256 of the signed note. One that
    failed is tried again after an hour.

    Returns:
        1 when the command ran, whatever it said; else 0.
    """
    command = settings.ENVIRONMENT.anchor_command.split()
    newest = latest_checkpoint(log) if command else None
    now = timezone.now()
    if newest is None or not _anchor_is_due(log, now):
        return 0
    told = hashlib.sha256(newest.note.encode()).hexdigest()
    outcome, said = _run([*command, signing.origin(log), str(newest.size), told])
    kept = Anchor(
        log=log,
        checkpoint=newest,
        day=now.date(),
        digest=told,
        succeeded=outcome,
        said=said[:MAX_SAID],
        at=timezone.now(),
    )
    # Another process may have anchored the same day meanwhile: one of them is kept.
    Anchor.objects.bulk_create([kept], ignore_conflicts=True)
    return 1


def _anchor_is_due(log: str, now: datetime) -> bool:
    tried = Anchor.objects.filter(checkpoint__log_id=log)
    done = tried.filter(day=now.date(), succeeded=True)
    return not done.exists() and not tried.filter(succeeded=False, at__gt=now - ANCHOR_AGAIN_AFTER).exists()


def _run(words: list[str]) -> tuple[bool, str]:
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command
            words, capture_output=True, timeout=ANCHOR_TIMEOUT_S, check=False, text=True, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0, (done.stdout + done.stderr).strip()
