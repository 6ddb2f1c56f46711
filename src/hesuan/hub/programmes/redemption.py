"""What a voucher pays of a charge: the plan in a quote, and the final word at settlement. Reads only.

Both ask the version the voucher was issued under, so a later version never changes what was promised. Part
of :mod:`.services`.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from hesuan.errors import NotFound
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.programmes import accounts, engine, errors, onrecord, rules
from hesuan.hub.programmes.models import SupplierAdmission, Voucher
from hesuan.hub.programmes.rules import VoucherShare
from hesuan.policy.decision import Counters, Facts, Line
from hesuan.policy.evaluator import decide

DEDUCTED = ("deduct_pay_supplier", "prefund_supplier")
"""Flows in which the voucher's part is taken off the price."""


def plan_voucher(
    *, organisation_id: str, centre_id: str, charge_fen: int, at: datetime
) -> VoucherShare | None:
    """The organisation's voucher that pays most of a charge at a centre; ``None`` where none pays anything.

    Of vouchers that pay alike, the one that ends first is used first. The caller has checked that whoever
    asks may spend for the organisation.

    Args:
        organisation_id: Whose vouchers.
        centre_id: Where the computing is bought.
        charge_fen: The most that may be charged [fen].
        at: The moment of the quote.
    """
    vouchers = (
        Voucher.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at))
        .filter(organisation_id=organisation_id)
        .select_related("programme_version", "application")
        .order_by(F("expires_at").asc(nulls_last=True), "id")
    )
    related = onrecord.related_to(organisation_id, centre_id, at)
    shares = [
        _share(
            voucher,
            charge_fen=charge_fen,
            centre_id=centre_id,
            at=at,
            left_fen=left_fen,
            related=related,
        )
        for voucher in vouchers
        if _is_deducted(voucher) and (left_fen := available_fen(voucher)) > 0
    ]
    return rules.best(shares)


def subsidy(
    *, voucher_id: str, charge_fen: int, centre_id: str, at: datetime, held_fen: int | None = None
) -> VoucherShare:
    """What a voucher pays of a final charge, under the version it was issued under.

    Args:
        voucher_id: The voucher.
        charge_fen: The final charge [fen].
        centre_id: Where the computing was bought.
        at: The moment of the agreement (when the order was placed): supplier, period and validity are judged
            on that day, so that nothing which happens during a run changes the charge.
        held_fen: What the order holds of the voucher, and so the most it pays; the voucher's face without.

    Returns:
        The share; 0 with the reasons in its trace where the rule pays nothing.

    Raises:
        NotFound: ``voucher.not_found``.
    """
    voucher = Voucher.objects.filter(pk=voucher_id).select_related("programme_version", "application").first()
    if voucher is None:
        raise NotFound(errors.VOUCHER_NOT_FOUND, voucher=voucher_id)
    left_fen = voucher.face_fen if held_fen is None else held_fen
    related = onrecord.related_to(voucher.organisation_id, centre_id, at)
    return _share(
        voucher, charge_fen=charge_fen, centre_id=centre_id, at=at, left_fen=left_fen, related=related
    )


def available_fen(voucher: Voucher) -> int:
    """What a voucher has left that no order holds [fen]."""
    ledger = accounts.ledger_of(voucher.programme_version.programme_id)
    return balances.balance(ledger, accounts.voucher_account(voucher.id)).available_fen


def redeem_facts(voucher: Voucher, *, charge_fen: int, centre_id: str, at: datetime, related: bool) -> Facts:
    """What the engine is told when a voucher is used: one line at one centre, judged for one moment."""
    version = voucher.programme_version
    document = engine.programme_of(version)
    admitted = SupplierAdmission.objects.filter(
        programme_id=version.programme_id, centre_id=centre_id, admitted_at__lte=at
    ).exists()
    registries = document.registries if isinstance(document.registries, tuple) else ()
    return Facts(
        event="redeem",
        on=rules.programme_day(at),
        lines=(Line(engine.LINE_KIND, charge_fen),),
        stated={
            **engine.stated(onrecord.with_relation(voucher.application.facts, related=related)),
            "centre.id": centre_id,
        },
        registries=frozenset(registries) if admitted else frozenset(),
    )


def _is_deducted(voucher: Voucher) -> bool:
    """Whether an order draws on it; one that reimburses is drawn by its holder's claim instead."""
    return engine.programme_of(voucher.programme_version).flow in DEDUCTED


def _share(
    voucher: Voucher, *, charge_fen: int, centre_id: str, at: datetime, left_fen: int, related: bool
) -> VoucherShare:
    version = voucher.programme_version
    facts = redeem_facts(voucher, charge_fen=charge_fen, centre_id=centre_id, at=at, related=related)
    decision = decide(engine.programme_of(version), facts, Counters(voucher_fen=left_fen))
    return VoucherShare(
        voucher_id=voucher.id,
        code=voucher.code,
        programme_id=version.programme_id,
        version_id=version.id,
        version=version.version,
        version_digest=version.digest,
        charge_fen=charge_fen,
        subsidy_fen=decision.subsidy_fen,
        shares=engine.shares_of(decision),
        trace=engine.trace_of(decision),
    )
