"""The claimant's verbs: open a claim on settled orders, correct its papers, submit it, withdraw it.

A user who paid everything draws the voucher by the claim: submitting holds the money, so that two claims
cannot promise it twice. A supplier claims what the orders already captured at its centre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Conflict, InputFault, Refused
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.ledger import services as ledger
from hesuan.hub.market import selectors as market
from hesuan.hub.metering.models import UsageRecord
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.claimtime import served_in_time
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.paying import PayingTerms, paying_terms
from hesuan.hub.programmes.rules import Item, programme_day
from hesuan.hub.programmes.services import preview, preview_claim
from hesuan.hub.registry import selectors as registry
from hesuan.hub.registry import services as recording
from hesuan.hub.settlement import accounts, comparing, gate, holds, papers, stating
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.drawn import Wanted, captured, drawn_under
from hesuan.hub.settlement.holds import release_holds
from hesuan.hub.settlement.models import Claim, ClaimLine, Receipt, Settlement
from hesuan.wire.canonical import Json, digest

State = Claim.State


def open_claim(
    *,
    actor: Actor,
    claim_id: str,
    version_id: str,
    order_ids: Sequence[str],
    papers_said: Mapping[str, Json],
    voucher_id: str = "",
    facts: Mapping[str, Json] | None = None,
) -> Claim:
    """Opens a claim on settled orders of one holder at one centre; a draft until it is submitted.

    Args:
        actor: An owner of the user, or a centre operator of the supplier, as the flow says.
        claim_id: A ULID chosen by the caller; the same id again is the same claim.
        version_id: The version whose vouchers these are.
        order_ids: Settled orders with a signed receipt, in the order of their lines.
        papers_said: See :mod:`.papers`.
        voucher_id: The voucher to draw on, where the user paid everything.
        facts: What the claimant states, where nothing was issued and the claim is the application.

    Raises:
        NotFound: version, order or document, for strangers too.
        Refused: ``claim.flow_not_carried_out``, ``claim.role_missing``, ``claim.order_claimed``,
            ``claim.order_not_claimable``, ``claim.voucher_of_another_version``, ``claim.one_holder``,
            ``claim.nothing_paid``; ``programme.not_active``, ``call.none_open`` where nothing was issued.
        Conflict: ``claim.id_taken``.
        InputFault: ``claim.no_orders``, ``claim.voucher_needed``, ``claim.no_voucher_here``,
            ``claim.no_facts_here``.
        Faults: every fault of the papers; of the facts.
    """
    content: dict[str, Json] = {
        "version": version_id,
        "orders": list(order_ids),
        "voucher": voucher_id,
        "papers": papers.document(papers.parse(papers_said)),
    }
    if facts:
        content["facts"] = dict(facts)
    fingerprint = digest(content)
    before = Claim.objects.filter(pk=claim_id).first()
    if before is not None:
        seen = reads.claim(actor, claim_id)
        if seen.digest != fingerprint:
            raise Conflict(errors.CLAIM_TAKEN, claim=claim_id)
        return seen
    programmes.version(actor, version_id)
    terms = paying_terms(version_id)
    settled = _settlements(actor, terms, order_ids)
    first = settled[0].order
    user = terms.flow in gate.USER_FLOWS
    after_use = stating.need_fitting(
        version_id, user_flow=user, flow=terms.flow, voucher_id=voucher_id, facts=facts
    )
    claim = Claim(
        id=claim_id,
        programme_version_id=version_id,
        flow=terms.flow,
        claimant=first.organisation if user else first.centre.organisation,
        holder=first.organisation,
        centre=first.centre,
        voucher_id=_voucher(actor, terms, voucher_id, first.organisation) if voucher_id and user else None,
        papers=content["papers"],
        facts=dict(facts or {}),
        digest=fingerprint,
        created_by=actor.identity_id,
        created_at=timezone.now(),
    )
    gate.need_claimant(actor, claim, ("Claiming", "申请兑付"))
    with transaction.atomic():
        # Of two claims that want the same order, the second finds it taken.
        list(Settlement.objects.select_for_update().filter(pk__in=[one.id for one in settled]).order_by("id"))
        _none_claimed(settled, terms)
        claim.save(force_insert=True)
        ClaimLine.objects.bulk_create(_lines(claim, settled, after_use=after_use))
        gate.move(claim, State.DRAFT, trigger="opened", actor=actor, public={"lines": len(settled)})
        _open_documents(actor, claim, terms)
    return claim


def correct(
    *, actor: Actor, claim_id: str, papers_said: Mapping[str, Json], facts: Mapping[str, Json] | None = None
) -> Claim:
    """New papers for a claim that was returned, or whose papers did not match; facts stay without new ones.

    Raises:
        NotFound: ``claim.not_found``; a document.
        Refused: ``claim.role_missing``, ``claim.wrong_state``.
        InputFault: ``claim.no_facts_here``.
        Faults: every fault of the papers; of the facts.
    """
    verb = ("Correcting its papers", "更正材料")
    said = papers.document(papers.parse(papers_said))
    with transaction.atomic():
        claim = locked(actor, claim_id)
        gate.need_claimant(actor, claim, verb)
        facts = claim.facts if facts is None else dict(facts)
        if claim.state == State.DRAFT and (claim.papers, claim.facts) == (said, facts):
            return claim
        gate.need_state(claim, (State.DRAFT, State.MISMATCH), verb)
        release_holds(claim, actor=actor, reason="corrected / 更正")
        before = {"papers": claim.papers, "facts": claim.facts} if claim.facts else claim.papers
        claim.papers, claim.facts = said, facts
        stating.need_sound(claim)
        gate.move(claim, State.DRAFT, trigger="corrected", actor=actor, private={"before": before})
        _open_documents(actor, claim, paying_terms(claim.programme_version_id))
    return claim


def submit(*, actor: Actor, claim_id: str) -> Claim:
    """Submits a claim: amounts are fixed, money is held where it draws the voucher, papers are compared.

    Returns:
        The claim, ``MATCHED``, or ``MISMATCH`` with every difference in its last match.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.wrong_state``; ``claim.nothing_paid`` where the voucher or a
            limit has nothing left; ``claim.adjusted_otherwise``; ``voucher.not_drawn_on`` where it is
            suspended or over.
    """
    verb = ("Submitting", "提交")
    with ledger.atomic():
        claim = locked(actor, claim_id)
        gate.need_claimant(actor, claim, verb)
        if gate.did_it_last(SYSTEM, claim, "matched") or gate.did_it_last(SYSTEM, claim, "mismatch"):
            return claim
        gate.need_state(claim, (State.DRAFT,), verb)
        terms = paying_terms(claim.programme_version_id)
        if claim.flow in gate.USER_FLOWS:
            holds.hold_anew(claim, actor)
        claim.period = gate.quarter_of(programme_day(timezone.now()))
        claim.stage = 0
        total = sum(claim.lines.values_list("subsidy_fen", flat=True))
        gate.move(claim, State.DRAFT, trigger="submitted", actor=actor, public={"subsidy_fen": total})
        comparing.note_numbers(claim)
        comparing.compare(claim, terms, actor=SYSTEM)
    return claim


def withdraw(*, actor: Actor, claim_id: str, reason: str) -> Claim:
    """Takes a claim back before it is approved; its orders may be claimed anew.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.wrong_state``.
    """
    verb = ("Withdrawing", "撤回")
    with transaction.atomic():
        claim = locked(actor, claim_id)
        gate.need_claimant(actor, claim, verb)
        if claim.state == State.WITHDRAWN:
            return claim
        gate.need_state(claim, (State.DRAFT, State.MATCHED, State.MISMATCH, State.VERIFIED), verb)
        give_up(claim, actor=actor, reason=reason)
        gate.move(claim, State.WITHDRAWN, trigger="withdrawn", actor=actor, reason=reason)
    return claim


# --- What other modules of redemption use ---


def locked(actor: Actor, claim_id: str) -> Claim:
    """The claim under lock, for who may see it.

    Raises:
        NotFound: ``claim.not_found``.
    """
    seen = reads.claim(actor, claim_id)
    rows = Claim.objects.select_for_update(of=("self",)).select_related(
        "programme_version__programme__office", "claimant", "holder", "centre", "voucher", "batch"
    )
    return rows.get(pk=seen.pk)


def ledger_of(claim: Claim) -> str:
    """The ledger a claim's money is in."""
    return programme_accounts.ledger_of(claim.programme_version.programme_id)


def source_account(claim: Claim) -> str:
    """Where what was captured for a claim stands until it is payable."""
    if claim.flow in gate.USER_FLOWS:
        return accounts.user_account(claim.claimant_id)
    return programme_accounts.centre_account(claim.centre_id)


def give_up(claim: Claim, *, actor: Actor, reason: str, refused: bool = False) -> None:
    """A claim ends unpaid: holds are released, its orders are free."""
    release_holds(claim, actor=actor, reason=reason, refused=refused)
    claim.lines.filter(live=True).update(live=False, state=ClaimLine.State.REFUSED)


# --- Opening ---


def _settlements(actor: Actor, terms: PayingTerms, order_ids: Sequence[str]) -> list[Settlement]:
    if terms.flow not in gate.CARRIED_OUT:
        raise Refused(
            errors.FLOW_UNKNOWN,
            version=terms.version,
            programme=terms.programme_id,
            flow=terms.flow or "–",
            known=", ".join(gate.CARRIED_OUT),
        )
    if not order_ids:
        raise InputFault(errors.NOTHING_TO_CLAIM, where="orders")
    found = [_settlement(actor, terms, one) for one in dict.fromkeys(order_ids)]
    holders = {one.order.organisation_id for one in found}
    if len(holders) > 1 or len({one.order.centre_id for one in found}) > 1:
        raise Refused(errors.ONE_HOLDER, count=max(len(holders), 2))
    return found


def _settlement(actor: Actor, terms: PayingTerms, order_id: str) -> Settlement:
    order = market.order(actor, order_id)
    rows = Settlement.objects.select_related(
        "order__organisation", "order__centre__organisation", "order__quote"
    )
    found = rows.filter(order=order).first()
    if found is None:
        raise _not_claimable(order_id, "it is not settled", "尚未结算")
    if not Receipt.objects.filter(settlement=found, state=Receipt.State.SIGNED).exists():
        raise _not_claimable(order_id, "the centre has not countersigned its receipt", "回执尚未由中心副署")
    if terms.flow in gate.SUPPLIER_FLOWS:
        if not drawn_under(found, terms.version_id):
            raise _not_claimable(
                order_id, "no voucher of this version was captured by it", "未扣划本版本的算力券"
            )
    elif found.voucher_id:
        raise _not_claimable(order_id, "a voucher was deducted from it already", "该订单已抵扣算力券")
    return found


def _not_claimable(order_id: str, why: str, why_zh: str) -> Refused:
    return Refused(errors.ORDER_NOT_CLAIMABLE, order=order_id, why=why, why_zh=why_zh)


def _voucher(actor: Actor, terms: PayingTerms, voucher_id: str, holder: Organisation) -> str:
    voucher = programmes.voucher(actor, voucher_id).voucher
    if voucher.programme_version_id != terms.version_id or voucher.organisation_id != holder.id:
        raise Refused(errors.VOUCHER_FOREIGN, voucher=voucher.code)
    return str(voucher.id)


def _none_claimed(settled: Sequence[Settlement], terms: PayingTerms) -> None:
    """Of an order that several programmes paid, each is claimed for its own part; else once."""
    taken = ClaimLine.objects.filter(settlement__in=settled, live=True).select_related("claim", "settlement")
    if terms.flow in gate.SUPPLIER_FLOWS:
        taken = taken.filter(claim__programme_version_id=terms.version_id)
    for line in taken:
        raise Refused(
            errors.ORDER_CLAIMED,
            order=line.settlement.order_id,
            claim=line.claim_id,
            state=line.claim.state,
        )


def _lines(claim: Claim, settled: Sequence[Settlement], *, after_use: bool) -> list[ClaimLine]:
    if after_use:
        wanted = _entitled(claim, settled)
    elif claim.flow in gate.USER_FLOWS:
        wanted = _drawn(claim, settled)
    else:
        wanted = [line for one in settled for line in captured(one, claim.programme_version_id)]
    return [
        ClaimLine(
            claim=claim,
            number=number,
            settlement=one.settlement,
            voucher_id=one.voucher_id,
            kind=Item.of_quote(one.settlement.order.quote.document).kind,
            charge_fen=one.charge_fen,
            subsidy_fen=one.subsidy_fen,
            shares=one.shares,
        )
        for number, one in enumerate(wanted, start=1)
    ]


def _drawn(claim: Claim, settled: Sequence[Settlement]) -> list[Wanted]:
    """What the voucher's rule would pay now of orders that the user paid; submitting decides it anew."""
    voucher = Voucher.objects.select_related("programme_version").get(pk=claim.voucher_id)
    for one in settled:
        if not served_in_time(voucher, _served_at(one)):
            raise _not_claimable(one.order_id, "it ended after the voucher's last day", "在券到期后才结束")
    day = programme_day(timezone.now())
    drawn = preview(voucher.id, [holds.wish_of(one, one.id) for one in settled], day=day)
    holds.need_something(drawn)
    return [
        Wanted(one, voucher.id, one.charge_fen, part.share.subsidy_fen, holds.shares_of(part))
        for one, part in zip(settled, drawn, strict=True)
    ]


def _entitled(claim: Claim, settled: Sequence[Settlement]) -> list[Wanted]:
    """What the rules would give today; submitting decides anew and makes the entitlement."""
    wishes = [holds.wish_of(one, one.id) for one in settled]
    drawn = preview_claim(stating.asking_of(claim), wishes)
    holds.need_something(drawn)
    return [
        Wanted(one, None, one.charge_fen, part.share.subsidy_fen, holds.shares_of(part))
        for one, part in zip(settled, drawn, strict=True)
    ]


def _served_at(one: Settlement) -> datetime:
    """When the service of an order ended; by its acceptance where nothing was started."""
    ended = UsageRecord.objects.filter(run__order_id=one.order_id).values_list("ended_at", flat=True).first()
    return ended or one.order.accepted_at


def _open_documents(actor: Actor, claim: Claim, terms: PayingTerms) -> None:
    """Lets the office see the papers' documents; the claimant must see them first."""
    for paper in claim.papers.values():
        if document_id := paper.get("document"):
            registry.document(actor, document_id)
            recording.open_document(
                actor=SYSTEM, document_id=document_id, office_id=terms.office_id, because=f"claim:{claim.id}"
            )
