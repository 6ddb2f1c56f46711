"""One row an attempt: each time that a centre's scheduler ran a job, named by the scheduler itself.

A run is charged by its usage, the sum of its attempts. An attempt that a second run claims would be charged
twice: its row stands as it is, both runs get a finding, and neither is settled from then on. Whose it is, no
program can know.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone

from hesuan.hub.metering import findings
from hesuan.hub.metering.models import Attempt, Finding
from hesuan.hub.runs.models import Run
from hesuan.hub.runs.services import moment
from hesuan.wire.attempts import COMPARED, HELD, attempts, differences, evidence_class
from hesuan.wire.canonical import Json, digest
from hesuan.wire.messages import format_at

CLAIMED_TWICE = "attempt.claimed_twice"
DIFFERS = "attempt.differs"


def keep(run: Run, body: Mapping[str, Json], message_id: str) -> None:
    """Keeps the attempts of a usage that was stored now, in its transaction.

    One that another run of the centre has is a finding at both.
    """
    for told in attempts(body):
        row, is_new = Attempt.objects.get_or_create(
            centre_id=run.order.centre_id,
            key=str(told["key"]),
            defaults={**_columns(run, body, told), "message_id": message_id},
        )
        if not is_new:
            _meets(run, row, told)


def compare(run: Run, body: Mapping[str, Json]) -> None:
    """Holds the attempts of a later usage against those that stand; an attempt that is not there is left to
    the finding about the usage."""
    told = {str(one["key"]): one for one in attempts(body)}
    rows = Attempt.objects.filter(centre_id=run.order.centre_id, key__in=told)
    for row in rows.order_by("started_at", "key"):
        _meets(run, row, told[row.key])


def disputed(run_id: str) -> bool:
    """Whether an attempt of a run is claimed by another run too."""
    return Finding.objects.filter(run_id=run_id, kind=CLAIMED_TWICE).exists()


def of_centre(
    centre_id: str, *, since: datetime, until: datetime, after: str, limit: int
) -> list[dict[str, Json]]:
    """A centre's attempts that ended from ``since`` on and before ``until``, by key, those behind ``after``.

    Each as :func:`document`, with its line's digest and whether another run claims it too.
    """
    rows = Attempt.objects.filter(centre_id=centre_id, key__gt=after, ended_at__gte=since, ended_at__lt=until)
    found = list(rows.order_by("key")[:limit])
    claims = Finding.objects.filter(kind=CLAIMED_TWICE, run__in={row.run_id for row in found})
    twice = {facts["key"] for facts in claims.values_list("facts", flat=True)}
    return [
        {**document(row), "raw_digest": row.raw_digest, "claimed_twice": row.key in twice} for row in found
    ]


def document(row: Attempt) -> dict[str, Json]:
    """A row in the words of the wire, without its line: what two records of it are compared in."""
    times: dict[str, Json] = {"started_at": format_at(row.started_at), "ended_at": format_at(row.ended_at)}
    held: dict[str, Json] = {name: getattr(row, name) for name in HELD}
    return {"key": row.key, "run": row.run_id, "state": row.state, **times, **held}


def _columns(run: Run, body: Mapping[str, Json], told: Mapping[str, Json]) -> dict[str, object]:
    raw, evidence = str(told["raw"]), str(body["evidence"])
    return {
        "run": run,
        "state": told["state"],
        "started_at": moment(told, "started_at"),
        "ended_at": moment(told, "ended_at"),
        **{name: told[name] for name in HELD},
        "evidence": evidence,
        "evidence_class": evidence_class(evidence, raw).value,
        "raw": raw,
        "raw_digest": told["raw_digest"],
        "recorded_at": timezone.now(),
    }


def _meets(run: Run, row: Attempt, told: Mapping[str, Json]) -> None:
    """What a second word about an attempt comes to: nothing, if it is the same word by the same run.

    The other run is not named: its people are others. Whoever may see both finds it by the key.
    """
    stands = document(row)
    facts: dict[str, Json] = {"key": row.key}
    if row.run_id != run.id:
        facts["stands"] = {name: stands[name] for name in COMPARED}
        facts["told"] = {name: told.get(name) for name in COMPARED}
        for one in (row.run, run):
            findings.find(one, CLAIMED_TWICE, digest(facts), facts)
        return
    if not row.raw:  # the usage is its line: the finding about the usage says it
        return
    found = differences(stands, told)
    if row.raw_digest != told.get("raw_digest"):
        found["raw_digest"] = (row.raw_digest, told.get("raw_digest"))
    if found:
        facts["stands"] = {name: pair[0] for name, pair in found.items()}
        facts["told"] = {name: pair[1] for name, pair in found.items()}
        findings.find(run, DIFFERS, digest(facts), facts)
