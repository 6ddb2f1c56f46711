"""The settlement room's verbs: settle an order, take in the site's countersignature, learn from the run.

Everything that settling writes stands in one transaction: the ledger's journal, the settlement, the receipt's
draft, the facts, the agent's command. A process that dies half-way has settled nothing, and the worker's next
sweep settles it; a second call finds the settlement and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from hesuan.errors import NotFound, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.centres import services as centres
from hesuan.hub.ledger import services as ledger
from hesuan.hub.market import services as market
from hesuan.hub.market.models import Order
from hesuan.hub.metering import attempts, findings, readings
from hesuan.hub.metering.models import UsageRecord
from hesuan.hub.planning.services import record_outcome
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.rules import Item, Use, VoucherShare
from hesuan.hub.runs import rules as run_rules
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement import rules
from hesuan.hub.settlement.models import Draw, Receipt, Settlement
from hesuan.hub.settlement.selectors import NO_RECEIPT
from hesuan.wire.canonical import Json, digest
from hesuan.wire.checks import Outcome, of_receipt
from hesuan.wire.ids import new_id
from hesuan.wire.messages import format_at
from hesuan.wire.receipt import Charge, charge_fen, leaf_members, leaf_record, quoted_vouchers, signed_by

NOT_SOUND = declare(
    "receipt.draft_not_sound",
    en="The receipt of order {order} would not verify: {why} Nothing was captured.",
    zh="订单 {order} 的回执无法通过验证：{why} 未作任何扣划。",
)
FOREIGN_RECEIPT = declare(
    "receipt.of_another_agent",
    en="Agent {agent} spoke of receipt {receipt}, which another agent has to sign. The message was refused"
    " and recorded.",
    zh="站点代理 {agent} 提及的回执 {receipt} 应由另一代理签署。该消息已被拒绝并记录。",
)
OTHER_DIGEST = declare(
    "receipt.digest_differs",
    en="The countersignature names the digest {theirs}; receipt {receipt} has {ours}. It was not attached.",
    zh="副署所写摘要为 {theirs}；回执 {receipt} 的摘要为 {ours}。未予采用。",
)
BAD_SIGNATURE = declare(
    "receipt.signature_invalid",
    en="The countersignature of receipt {receipt} is not by the key registered for agent {agent}.",
    zh="回执 {receipt} 的副署不是站点代理 {agent} 登记的密钥所签。",
)


@dataclass(frozen=True, slots=True)
class _Case:
    """An order that can be settled now."""

    order: Order
    run: Run
    usage: dict[str, Json]


def settle(order_id: str) -> Settlement | None:
    """Settles an order when its run is final and its usage is there; None while it must wait.

    Safe to repeat: the second call returns the first settlement.

    Raises:
        Refused: ``settlement.hold_too_small``, ``receipt.draft_not_sound``; nothing was written then.
    """
    with transaction.atomic():
        order = (
            Order.objects.select_for_update(of=("self",)).select_related("quote__request").get(pk=order_id)
        )
        before = Settlement.objects.filter(order=order).first()
        if before is not None:
            return before
        case = _case(order)
        return _settle(case) if case is not None else None


def _case(order: Order) -> _Case | None:
    """What is to be settled; None while run or accounting is missing, or while they or the meter disagree, or
    while another run claims the same attempt."""
    run = Run.objects.get(order=order)
    if not run_rules.is_final(run.state):
        return None
    if run.state in run_rules.UNSTARTED:
        return _Case(order, run, rules.zero_usage(run.id, cores=run.cores))
    record = UsageRecord.objects.filter(run=run).first()
    if record is None:
        return None
    if record.state != run.state:
        findings.note_finding(
            run_id=run.id,
            kind="usage.state_contradicts_run",
            facts={"run_state": run.state, "usage_state": record.state},
        )
        return None
    if readings.contradicts(run.id, record.wall_ms) or attempts.disputed(run.id):
        return None
    return _Case(order, run, record.raw)


def _settle(case: _Case) -> Settlement:
    quote = case.order.quote.document
    charge = charge_fen(case.usage, quote)
    uses = market.voucher_uses(quote, case.order.id)
    vouchers = programmes.lock_vouchers(uses)
    shares = _shares(case.order, uses, charge.charge_fen)
    subsidies = [share.subsidy_fen for share in shares] or [0] * len(uses)
    paid = rules.parts(charge.charge_fen, quote, subsidies_fen=subsidies, order_id=case.order.id)
    counts = programmes.end_counts(uses, vouchers, shares)
    events = [*rules.journal(case.order.id, quote, paid), *counts]
    if events:
        ledger.post_or_raise(events)
    programmes.note_redeemed(uses, vouchers, shares, counts)
    settlement = _write(case, charge, paid, shares)
    _draft(case, settlement, charge, paid, shares)
    market.mark_settled(case.order.id)
    audit.record(
        kind="order.settled",
        subject=case.order.id,
        actor="system",
        public={
            "state": charge.state,
            "charge_fen": charge.charge_fen,
            "voucher_fen": paid.voucher_captured_fen,
            "copay_fen": paid.copay.captured_fen,
        },
        private={"quote": case.order.quote.digest},
    )
    return settlement


def _shares(order: Order, uses: Sequence[Use], charge: int) -> tuple[VoucherShare, ...]:
    """What each voucher pays, by the version it was issued under, judged for the moment of the quote.

    A quote binds: what happened since (an admission withdrawn, a period over) changes nothing.
    """
    if not uses or not charge:
        return ()
    return programmes.redeem(
        uses=uses,
        charge_fen=charge,
        centre_id=order.centre_id,
        at=order.quote.request.created_at,
        item=Item.of_quote(order.quote.document),
    )


def _write(case: _Case, charge: Charge, paid: rules.Parts, shares: Sequence[VoucherShare]) -> Settlement:
    vouchers = quoted_vouchers(case.order.quote.document)
    settlement = Settlement.objects.create(
        order=case.order,
        state=charge.state,
        billed_s=charge.billed_s,
        cores=charge.cores,
        share_percent=charge.share_percent,
        charge_fen=charge.charge_fen,
        max_charge_fen=charge.max_charge_fen,
        voucher_id=vouchers[0]["voucher"] if vouchers else "",
        voucher_held_fen=paid.voucher_held_fen,
        voucher_captured_fen=paid.voucher_captured_fen,
        copay_held_fen=paid.copay.held_fen,
        copay_captured_fen=paid.copay.captured_fen,
        trace=[{"en": line.en, "zh": line.zh} for share in shares for line in share.trace],
        settled_at=timezone.now(),
    )
    told = _payers(vouchers, shares)
    Draw.objects.bulk_create(
        Draw(
            settlement=settlement,
            place=place,
            voucher_id=voucher["voucher"],
            programme_version_id=voucher["programme_version"],
            held_fen=one.held_fen,
            captured_fen=one.captured_fen,
            shares=[{"payer": payer, "fen": fen} for payer, fen in told[place] if fen],
        )
        for place, (voucher, one) in enumerate(zip(vouchers, paid.vouchers, strict=True))
    )
    return settlement


def _payers(
    vouchers: Sequence[Mapping[str, Json]], shares: Sequence[VoucherShare]
) -> list[list[tuple[str, int]]]:
    """Of each voucher, who pays which part of what was captured [fen]."""
    if not shares:
        return [[] for _ in vouchers]
    return [[(part.payer, part.fen) for part in share.shares] for share in shares]


def _draft(
    case: _Case, settlement: Settlement, charge: Charge, paid: rules.Parts, shares: Sequence[VoucherShare]
) -> Receipt:
    """Writes the receipt's draft and asks the site's agent to countersign it."""
    receipt_id = new_id()
    document = rules.receipt(
        rules.Names(
            receipt=receipt_id,
            order=case.order.id,
            run=case.run.id,
            agent=case.run.agent_id,
            issued_at=format_at(settlement.settled_at),
        ),
        quote=case.order.quote.document,
        quote_digest=case.order.quote.digest,
        usage=case.usage,
        charge=charge,
        paid=paid,
        shares=_payers(quoted_vouchers(case.order.quote.document), shares),
    )
    _check_sound(case.order.id, document)
    draft = Receipt.objects.create(
        id=receipt_id,
        settlement=settlement,
        agent_id=case.run.agent_id,
        document=document,
        digest=digest(document),
        created_at=settlement.settled_at,
    )
    centres.command(
        agent_id=case.run.agent_id,
        command_id=f"countersign:{draft.id}",
        kind="countersign",
        body={"receipt": document},
    )
    return draft


def _check_sound(order_id: str, document: dict[str, Json]) -> None:
    """A receipt that would fail its own verification is not issued, and nothing is captured by it."""
    for check in of_receipt(document):
        if check.outcome is Outcome.BROKEN:
            raise Refused(NOT_SOUND, order=order_id, why=check.sentence())


def attach_signature(*, agent_id: str, body: Mapping[str, Json]) -> Receipt:
    """Takes in a ``countersign`` message; the same one again changes nothing.

    The fact it records enters the log with the worker's next checkpoint; then the receipt file is complete.

    Raises:
        NotFound: ``receipt.not_found``.
        Refused: ``receipt.of_another_agent``, ``receipt.digest_differs``, ``receipt.signature_invalid``.
    """
    with transaction.atomic():
        receipt = _locked_receipt(agent_id, body)
        if receipt.state == Receipt.State.SIGNED:
            return receipt
        if body.get("digest") != receipt.digest:
            theirs = str(body.get("digest"))[:80]
            raise Refused(OTHER_DIGEST, receipt=receipt.id, ours=receipt.digest, theirs=theirs)
        key, signature = receipt.agent.public_key, body.get("signature")
        if not signed_by(receipt.document, key=key, signature=signature):
            raise Refused(BAD_SIGNATURE, receipt=receipt.id, agent=agent_id)
        receipt.fact = audit.record(
            kind="receipt.issued",
            subject=receipt.id,
            actor=agent_id,
            public=leaf_members(receipt.document, site_key=key),
            private=leaf_record(receipt.document),
        )
        receipt.state, receipt.site_key, receipt.site_signature = Receipt.State.SIGNED, key, str(signature)
        receipt.signed_at = timezone.now()
        receipt.save(update_fields=["fact", "state", "site_key", "site_signature", "signed_at"])
    return receipt


def note_refused_signature(*, agent_id: str, body: Mapping[str, Json]) -> Receipt:
    """Takes in a ``countersign_refused`` message: the receipt stays a draft with the reason shown.

    Raises:
        NotFound: ``receipt.not_found``.
        Refused: ``receipt.of_another_agent``.
    """
    reason = str(body.get("reason") or "–")
    with transaction.atomic():
        receipt = _locked_receipt(agent_id, body)
        if receipt.state == Receipt.State.SIGNED or receipt.refused_reason == reason:
            return receipt
        receipt.refused_reason = reason
        receipt.save(update_fields=["refused_reason"])
        audit.record(
            kind="receipt.refused",
            subject=receipt.id,
            actor=agent_id,
            private={"receipt": receipt.digest, "reason": reason},
        )
    return receipt


def _locked_receipt(agent_id: str, body: Mapping[str, Json]) -> Receipt:
    wanted = str(body.get("receipt"))
    found = Receipt.objects.select_for_update(of=("self",)).select_related("agent").filter(pk=wanted).first()
    if found is None:
        raise NotFound(NO_RECEIPT, receipt=wanted[:80])
    if found.agent_id != agent_id:
        raise Refused(FOREIGN_RECEIPT, agent=agent_id, receipt=found.id)
    return found


def learn(order_id: str) -> bool:
    """Gives a settled run to planning as a measured point, so that the next quote is better.

    Returns:
        Whether it became evidence; scripts and runs that did not complete do not.
    """
    run = Run.objects.select_related("order__quote").get(order_id=order_id)
    document, record = run.order.quote.document, UsageRecord.objects.filter(run=run).first()
    if record is None or not document["app_digest"]:
        return False
    return record_outcome(
        run_id=run.id,
        agent_id=run.agent_id,
        work=document["work"],
        app_digest=document["app_digest"],
        state=run.state,
        wall_ms=record.wall_ms,
    )
