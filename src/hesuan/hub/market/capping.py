"""What a firm may still hold while surveillance asks whether it hoards (A2).

The cap is the rule's own line: so many times what was really used lately, over all vouchers of all firms that
the flag names, which are those under one control. It is lifted by who decides the flag, either way: a person
who confirms it names the measure that takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from hesuan.errors import Refused, declare
from hesuan.hub.flags import selectors as flags
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.programmes.accounts import voucher_account
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.rules import Use
from hesuan.money import format_yuan

HOARDING = "A2"
CAPPED = declare(
    "order.hold_capped",
    en="This order would hold {asked} on vouchers, {together} together with what is held already; {most} is"
    " the most while flag {flag} (rule A2: much is held, little used) is open: {times} times the {used} used"
    " within {days} days. Ask for less, or end what is held; a reviewer or approver of the programme's office"
    " lifts the cap by deciding the flag.",
    zh="本订单需在算力券上冻结 {asked}，连同已冻结额共 {together}；"
    "风险信号 {flag}（规则 A2：冻结多、使用少）未处理期间，上限为 {most}，"
    "即近 {days} 日已使用 {used} 的 {times} 倍。"
    "请减少金额，或先结束已有冻结；由计划管理方审核或批准人员处理该信号后解除上限。",
)


def need_below_cap(firm_id: str, uses: Sequence[Use]) -> None:
    """Refuses what a flagged firm would hold above its cap. Two orders at once wait for each other here.

    Args:
        firm_id: Who orders.
        uses: What the order would hold of vouchers.

    Raises:
        Refused: ``order.hold_capped``.
    """
    flag = flags.open_and_locked(f"firm:{firm_id}", rule=HOARDING) if uses else None
    if flag is None:
        return
    firms = [key.removeprefix("firm:") for key in flags.keys(flag) if key.startswith("firm:")]
    vouchers = Voucher.objects.filter(organisation_id__in=firms)
    used_here = Voucher.objects.filter(pk__in=[use.voucher_id for use in uses])
    programmes = used_here.values_list("programme_version__programme_id", flat=True).distinct()
    limits = [flags.thresholds(one) for one in programmes]
    times, days = min(one.a2_open_times for one in limits), min(one.a2_use_days for one in limits)
    held_fen, used_fen = ledger.held_and_captured_fen(
        [voucher_account(one) for one in vouchers.values_list("id", flat=True)],
        since=timezone.now() - timedelta(days=days),
    )
    asked_fen = sum(use.most_fen for use in uses)
    if held_fen + asked_fen > times * used_fen:
        raise Refused(
            CAPPED,
            flag=flag.id,
            asked=format_yuan(asked_fen),
            together=format_yuan(held_fen + asked_fen),
            most=format_yuan(times * used_fen),
            used=format_yuan(used_fen),
            times=times,
            days=days,
        )
