"""From payments to orders for the bank: one for each payer and party of a batch's period, never two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.utils import timezone

from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement import gate
from hesuan.hub.settlement.instruction_models import OF_BATCH, Instructed, Instruction
from hesuan.hub.settlement.models import Batch, Claim, Payment

ROWS = 500
"""Rows written by one statement."""


def of_batch(batch: Batch, payments: Sequence[Payment], *, actor: Actor, reference: str) -> list[Instruction]:
    """The instructions of a paid batch, in the order of party and payer.

    Args:
        batch: Whose period it is.
        payments: All that it paid, each with its claim.
        actor: Who pays.
        reference: The bank's.

    Raises:
        IntegrityError: the period has an instruction for one of them already; nothing is paid then.
    """
    groups: defaultdict[tuple[str, str], list[Payment]] = defaultdict(list)
    for one in payments:
        if one.cash_fen:
            groups[one.claim.claimant_id, one.payer].append(one)
    made = []
    for (party, payer), group in sorted(groups.items()):
        row = _row(batch.programme_id, party, payer, batch.period, OF_BATCH, group, actor, reference)
        row.batch = batch
        made.append(row)
    Instruction.objects.bulk_create(made, batch_size=ROWS)
    parts = [
        Instructed(payment=one, instruction=row)
        for row, (_, group) in zip(made, sorted(groups.items()), strict=True)
        for one in group
    ]
    Instructed.objects.bulk_create(parts, batch_size=ROWS)
    return made


def of_claim(claim: Claim, payments: Sequence[Payment], *, actor: Actor, reference: str) -> None:
    """The instructions of a claim that is paid by itself, one for each payer."""
    period = gate.quarter_of(programme_day(timezone.now()))
    programme_id = claim.programme_version.programme_id
    for one in payments:
        if one.cash_fen:
            row = _row(programme_id, claim.claimant_id, one.payer, period, one.id, [one], actor, reference)
            row.save(force_insert=True)
            Instructed.objects.create(payment=one, instruction=row)


def _row(  # noqa: PLR0917 - the columns of one row
    programme_id: str,
    party_id: str,
    payer: str,
    period: str,
    key: str,
    payments: Sequence[Payment],
    actor: Actor,
    reference: str,
) -> Instruction:
    return Instruction(
        programme_id=programme_id,
        party_id=party_id,
        payer=payer,
        period=period,
        key=key,
        amount_fen=sum(one.cash_fen for one in payments),
        payments=len(payments),
        reference=reference,
        made_by=actor.identity_id,
        made_at=timezone.now(),
    )
