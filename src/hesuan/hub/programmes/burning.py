"""Which of a holder's vouchers pay an order, and in which order they are used up. Part of :mod:`.services`.

**Lawful sets only.** Vouchers of one version that state the same facts pay together what their rule gives
once. Vouchers of different programmes pay together only where each programme's rule about other public money
stands with what the others pay; one programme is never asked twice under two versions or two sets of facts.

**The best of them.** The set that pays most; of equals the one of fewer programmes, then the one whose
vouchers end first. **The order of use.** What ends first is used first, then what was issued first, then by
id; so the same vouchers and the same charge always give the same plan, and the plan says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations

from django.db.models import F, Q

from hesuan.hub.centres.once import remembered
from hesuan.hub.programmes.life import SPENDABLE
from hesuan.hub.programmes.models import ENDS_AT, Voucher
from hesuan.hub.programmes.redemption import Charge, Pool, available_fen, beside, is_deducted, pools_of
from hesuan.hub.programmes.rules import COMPUTING, Item, Plan, TraceLine, VoucherShare, kind_words
from hesuan.money import format_yuan
from hesuan.policy.decision import Aid, Decision

MOST_POOLS = 6
"""Programmes tried in combination; of more, those whose vouchers end first."""

Shares = list[VoucherShare]


def plan_vouchers(
    *, organisation_id: str, centre_id: str, charge_fen: int, at: datetime, item: Item = COMPUTING
) -> Plan:
    """The organisation's vouchers that lawfully pay most of a charge at a centre, in the order of use.

    The caller has checked that whoever asks may spend for the organisation.

    Args:
        organisation_id: Whose vouchers.
        centre_id: Where the computing is bought.
        charge_fen: The most that may be charged [fen].
        at: The moment of the quote.
        item: What is bought.
    """
    charge = Charge(charge_fen, centre_id, at, item)
    usable = _usable(organisation_id, at)
    pools = pools_of([voucher for voucher, _ in usable], [fen for _, fen in usable])
    paying, reasons = [], []
    for pool in pools:
        decision = pool.decide(charge)
        if decision.subsidy_fen:
            paying.append(pool)
        else:
            reasons.append(_pays_nothing(pool, charge.item, decision))
    best, found = _best(paying[:MOST_POOLS], charge)
    shares = [share for part in found for share in part if share.subsidy_fen]
    told = list(_order(shares)) if len(usable) > 1 else []
    left_out = [_left_out(pool, best, charge) for pool in paying if pool not in best]
    return Plan(tuple(shares), (*told, *left_out, *reasons))


def plan_voucher(
    *, organisation_id: str, centre_id: str, charge_fen: int, at: datetime, item: Item = COMPUTING
) -> VoucherShare | None:
    """The one voucher that pays most of a charge by itself; of equals the one that is used first."""
    charge = Charge(charge_fen, centre_id, at, item)
    alone = [Pool((voucher,), (fen,)).shares(charge)[0] for voucher, fen in _usable(organisation_id, at)]
    paying = [share for share in alone if share.subsidy_fen]
    return max(paying, key=lambda share: share.subsidy_fen) if paying else None


@remembered
def _usable(organisation_id: str, at: datetime) -> list[tuple[Voucher, int]]:
    """Vouchers that can be spent and what each has left, in the order of use."""
    vouchers = (
        Voucher.objects.annotate(ends=ENDS_AT)
        .filter(Q(ends__isnull=True) | Q(ends__gt=at))
        .filter(organisation_id=organisation_id, state__in=SPENDABLE)
        .select_related("programme_version", "application")
        .order_by(F("ends").asc(nulls_last=True), "issued_at", "id")
    )
    return [
        (voucher, fen) for voucher in vouchers if is_deducted(voucher) and (fen := available_fen(voucher)) > 0
    ]


def _best(pools: Sequence[Pool], charge: Charge) -> tuple[tuple[Pool, ...], list[Shares]]:
    """The lawful set that pays most, and what it pays; smaller and earlier sets are tried first and keep
    their place against equals."""
    best: tuple[Pool, ...] = ()
    shares: list[Shares] = []
    most_fen = 0
    for size in range(1, len(pools) + 1):
        for some in combinations(pools, size):
            if len({pool.document.id for pool in some}) < size:
                continue
            found = lawful(some, charge)
            fen = sum(share.subsidy_fen for part in found or () for share in part)
            if found is not None and fen > most_fen:
                best, shares, most_fen = some, found, fen
    return best, shares


def lawful(pools: Sequence[Pool], charge: Charge) -> list[Shares] | None:
    """What each pool pays beside the others; ``None`` where some programme's rule does not allow it.

    Each is decided beside those that are used before it, and then each once more beside all the others: a
    programme that would pay less, or nothing, had it known of the others, has not agreed to them.
    """
    found: list[Shares] = []
    aid: list[Aid] = []
    for pool in pools:
        shares = pool.shares(charge, aid)
        fen = sum(share.subsidy_fen for share in shares)
        if not fen:
            return None
        found.append(shares)
        aid.append(beside(pool, fen))
    for place, pool in enumerate(pools):
        others = [one for at, one in enumerate(aid) if at != place]
        if others and pool.decide(charge, others).subsidy_fen < aid[place].amount_fen:
            return None
    return found


def _order(shares: Sequence[VoucherShare]) -> Iterator[TraceLine]:
    ends = {one.id: one.ends_at for one in Voucher.objects.filter(id__in=[s.voucher_id for s in shares])}
    for place, share in enumerate(shares, start=1):
        day = ends[share.voucher_id]
        yield TraceLine(
            "burn order",
            "",
            f"{place}. Voucher {share.code} pays up to {format_yuan(share.subsidy_fen)}: "
            + (f"it ends {day:%Y-%m-%d}, what ends first is used first." if day else "it does not end."),
            f"第 {place} 张：算力券 {share.code} 至多支付 {format_yuan(share.subsidy_fen)}，"
            + (f"有效期至 {day:%Y-%m-%d}，先到期者先用。" if day else "长期有效。"),
        )


def _left_out(pool: Pool, best: Sequence[Pool], charge: Charge) -> TraceLine:
    same = next((one for one in best if one.document.id == pool.document.id), None)
    if same is not None:
        return TraceLine(
            "not combined",
            "",
            f"{pool.codes} is not used: {same.codes} of the same programme pays; an order is decided once.",
            f"未使用 {pool.codes}：同一计划的 {same.codes} 已支付，一个订单只核定一次。",
        )
    if lawful([*best, pool], charge) is None:
        ids = ", ".join(one.document.id for one in best)
        return TraceLine(
            "not combined",
            pool.document.cite("stacking.mode"),
            f"{pool.codes} is not used beside {ids}: the programmes' rules about other public money do not"
            " allow both, and this set pays more.",
            f"未与 {ids} 同时使用 {pool.codes}：各计划关于叠加资助的规定不允许，且所选组合支付更多。",
        )
    return TraceLine(
        "not combined",
        "",
        f"{pool.codes} is not used: nothing is left to pay.",
        f"未使用 {pool.codes}：已无可支付部分。",
    )


def _pays_nothing(pool: Pool, item: Item, decision: Decision) -> TraceLine:
    """Why: another kind of line is bought than the document pays, else what it refused, else its rule."""
    base = pool.document.base
    kinds = base.kinds if base is not None else None
    if isinstance(kinds, tuple) and item.kind not in kinds:
        citing = pool.document.cite("base.kinds")
        why = f"what is bought is {kind_words(item.kind)[0]}, and its rule pays only {_kinds(kinds, 0)}"
        why_zh = f"所购为{kind_words(item.kind)[1]}，而该计划只支付{_kinds(kinds, 1)}"
    else:
        citing = ""
        why = "; ".join(one.sentence("en") for one in decision.failures) or "its rule pays 0"
        why_zh = "；".join(one.sentence("zh") for one in decision.failures) or "按规则支付 0"
    return TraceLine(
        "pays nothing",
        citing,
        f"Voucher {pool.codes} pays nothing here: {why}",
        f"算力券 {pool.codes} 在此不支付：{why_zh}",
    )


def _kinds(kinds: Sequence[str], language: int) -> str:
    return ("、" if language else ", ").join(kind_words(one)[language] for one in kinds)
