"""Discloses what the ledger moved: each transfer of a programme becomes one entry of its log, once.

One programme at a time, under the lock of its log, in the order of the journal: a hold comes before what
resolves it, so the entry of the one can name the number of the other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from hesuan.hub.audit import entries, signing
from hesuan.hub.audit.models import Fact, Log
from hesuan.hub.disclosure import rules
from hesuan.hub.disclosure.matters import Matter, matters
from hesuan.hub.disclosure.models import Disclosed
from hesuan.hub.ledger import selectors as journal
from hesuan.hub.ledger.selectors import TransferRow
from hesuan.hub.programmes.models import Voucher
from hesuan.wire.canonical import Json

BATCH = 500
"""Transfers in one transaction."""
WITH_MATTER = ("settle", "refund", "pay", "clawback")

log_of_this = logging.getLogger(__name__)


def disclose() -> int:
    """Writes the entries of all transfers that have none; safe to call at any time, by any number.

    Returns:
        How many were written.
    """
    waiting = Disclosed.objects.filter(entry=None).order_by("programme")
    done = 0
    for programme in list(waiting.values_list("programme", flat=True).distinct()):
        while written := _disclose(programme):
            done += written
    return done


@transaction.atomic
def _disclose(programme: str) -> int:
    log = entries.log_of(programme)
    Log.objects.bulk_create([Log(name=log)], ignore_conflicts=True)
    Log.objects.select_for_update().get(name=log)
    # Only now, under the lock, this sees what an earlier holder wrote.
    rows = list(Disclosed.objects.filter(programme=programme, entry=None).order_by("transfer")[:BATCH])
    if rows:
        _name_the_key(log)
    moves = journal.by_number(row.transfer_id for row in rows)
    written = Fact.objects.bulk_create(
        _entry(log, move, tells) for move, tells in zip(moves, said(moves), strict=True)
    )
    for row, fact in zip(rows, written, strict=True):
        row.entry = fact
    Disclosed.objects.bulk_update(rows, ["entry"])
    return len(rows)


def _name_the_key(log: str) -> None:
    """The log says under which key it is signed: once, and again after the key was changed."""
    key = signing.public_key(log)
    subject = f"key:{key.key_id.hex()}"
    if not Fact.objects.filter(log=log, subject=subject).exists():
        entries.record_entry(log=log, kind="key", subject=subject, public={"what": key.text()})


@dataclass(frozen=True, slots=True)
class Said:
    """What the log says of one transfer."""

    kind: str
    public: Mapping[str, Json]
    private: Mapping[str, Json]
    firm: str
    known: bool


def said(moves: Sequence[TransferRow]) -> list[Said]:
    """What the log says of each transfer: written once, and held against the log by :mod:`.checks`."""
    told = [
        rules.told(rules.Move(one.kind, one.code, one.debit, one.credit, one.amount_fen)) for one in moves
    ]
    vouchers = Voucher.objects.select_related("programme_version").in_bulk([one.voucher for one in told])
    claims = matters(one.id for one, tells in zip(moves, told, strict=True) if _has_matter(one, tells))
    return [
        _said(move, tells, vouchers.get(tells.voucher), claims.get(move.id))
        for move, tells in zip(moves, told, strict=True)
    ]


def _has_matter(move: TransferRow, tells: rules.Told) -> bool:
    """Whether a claim is named: of captures, by those that no hold stands behind."""
    return tells.kind in WITH_MATTER or (tells.kind == "capture" and not move.pending_id)


def _said(move: TransferRow, tells: rules.Told, voucher: Voucher | None, matter: Matter | None) -> Said:
    public: dict[str, Json] = {"b": "VOUCHER", **tells.public}
    private: dict[str, Json] = {"transfer": move.id, "journal": move.journal}
    firm = tells.organisation
    if voucher is not None:
        public["rule"] = rule_name(voucher.programme_version.version)
        private |= {"voucher": voucher.id, "application": voucher.application_id}
        firm = voucher.organisation_id
    if matter is not None:
        public["m"] = matter.claim
        private["claimant"] = matter.claimant
        if tells.kind == "refund":
            public["c"] = rules.centre_of(matter.source)
    if firm:
        private["organisation"] = firm
    return Said(tells.kind, public, private, firm, tells.known)


def _entry(log: str, move: TransferRow, tells: Said) -> Fact:
    if not tells.known:
        log_of_this.error("transfer %s has no name in the log: %s", move.id, dict(tells.public))
    return entries.draft(
        log=log,
        kind=tells.kind,
        subject=move.id,
        at=move.at,
        public=tells.public,
        firm=tells.firm,
        refers=move.pending_id,
        private=tells.private,
    )


def rule_name(version: int) -> str:
    """How a leaf names the version of a programme that allowed something."""
    return f"r{version}"
