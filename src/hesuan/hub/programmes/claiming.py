"""What a person decides where a document leaves a voucher's end open. Part of :mod:`.services`."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import engine, errors, life
from hesuan.hub.programmes.checks import need_outsider, need_voucher_state, need_words
from hesuan.hub.programmes.claimtime import ENDED, claim_until
from hesuan.hub.programmes.decaying import UNDECIDED, checkpoint_of, holding_of
from hesuan.hub.programmes.models import Voucher
from hesuan.policy.terms import Checkpoint
from hesuan.wire.ids import new_id


def end_claims(*, actor: Actor, voucher_id: str, reason: str) -> Voucher:
    """Ends the claim time of an expired voucher whose document states none; then its rest goes back.

    Args:
        actor: An approver of its office who is not of the holder.
        voucher_id: The voucher; one that was ended before stays as it is.
        reason: Why now; the holder reads it.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.reason_missing``, ``voucher.wrong_state``,
            ``voucher.own_organisation``, ``voucher.claim_time_stated``.
    """
    verb = ("Ending the claim time", "终止兑付申请期")
    with transaction.atomic():
        voucher = life.for_voucher_office(actor, voucher_id, ("approver",), verb)
        need_words(reason, verb)
        if voucher.steps.filter(trigger=ENDED).exists():
            return voucher
        need_voucher_state(voucher, (Voucher.State.EXPIRED,), verb)
        need_outsider(actor, voucher, verb)
        stated = claim_until(voucher)
        if stated is not None:
            raise Refused(
                errors.CLAIM_TIME_STATED,
                voucher=voucher.code,
                until=f"{stated:%Y-%m-%d %H:%M} UTC",
                now=f"{timezone.now():%Y-%m-%d %H:%M} UTC",
            )
        life.step(voucher, voucher.state, ENDED, actor, detail="claims", reason=reason)
        life.wind_up(voucher)
        return voucher


def decide_share(
    *, actor: Actor, voucher_id: str, day: date, remove_of_unused: Fraction, reason: str
) -> Voucher:
    """Decides a checkpoint at which the used share lay in none of the document's brackets.

    Args:
        actor: An approver of its office who is not of the holder.
        voucher_id: The voucher; a checkpoint that was decided before stays as it is.
        day: The checkpoint's.
        remove_of_unused: What of the unused is taken: between the least and the most that the document's own
            brackets of that day take, or 0.
        reason: Why; the holder reads it.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.reason_missing``, ``voucher.wrong_state``,
            ``voucher.own_organisation``, ``voucher.nothing_undecided``, ``voucher.share_outside``.
    """
    verb = ("Deciding a checkpoint", "裁定核查日扣减")
    with transaction.atomic():
        voucher = life.for_voucher_office(actor, voucher_id, ("approver",), verb)
        need_words(reason, verb)
        steps = voucher.steps.filter(detail=day.isoformat())
        if steps.filter(trigger=UNDECIDED).exists() and steps.filter(trigger="reduce").exists():
            return voucher
        need_voucher_state(voucher, life.LIVING, verb)
        need_outsider(actor, voucher, verb)
        document = engine.programme_of(voucher.programme_version)
        checkpoint = checkpoint_of(document, day)
        if checkpoint is None or not steps.filter(trigger=UNDECIDED).exists():
            raise Refused(errors.NOTHING_UNDECIDED, voucher=voucher.code, day=day)
        _need_within(checkpoint, remove_of_unused, voucher)
        exact = holding_of(voucher).unused_fen * remove_of_unused
        wanted = exact.numerator // exact.denominator
        taken = life.give_back(voucher, wanted, subject=f"reduce:{new_id()}") if wanted else 0
        reduced = taken and voucher.state != Voucher.State.ISSUED
        life.step(
            voucher,
            Voucher.State.REDUCED if reduced else voucher.state,
            "reduce",
            actor,
            detail=day.isoformat(),
            amount_fen=taken,
            reason=f"{remove_of_unused}: {reason} [{document.cite(checkpoint.path)}]",
        )
        return voucher


def share_bounds(checkpoint: Checkpoint) -> tuple[Fraction, Fraction] | None:
    """The least and the most that a checkpoint's brackets take of the unused; ``None`` where none says."""
    takes = [one.remove_of_unused for one in checkpoint.brackets]
    known = sorted(one for one in takes if isinstance(one, Fraction))
    return (known[0], known[-1]) if known else None


def _need_within(checkpoint: Checkpoint, share: Fraction, voucher: Voucher) -> None:
    bounds = share_bounds(checkpoint)
    if share and not (bounds and bounds[0] <= share <= bounds[1]):
        between = f"{bounds[0]} – {bounds[1]}" if bounds else "–"
        raise Refused(errors.SHARE_OUTSIDE, voucher=voucher.code, share=share, known=between)
