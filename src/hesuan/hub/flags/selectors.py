"""Reads of flags for the rooms that must wait for them. Who may see a flag is for surveillance to say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from hesuan.errors import Refused, declare
from hesuan.hub.flags.models import Flag, FlagKey, Tuning
from hesuan.surveillance.thresholds import DEFAULT, Thresholds

STANDS = declare(
    "flag.stands",
    en="{verb} waits: rule {rule} raised flag {flag} ({action}), and nobody has dismissed it. A reviewer"
    " of the programme's office decides it.",
    zh="{verb_zh} 须等待：规则 {rule} 已提出风险信号 {flag}（{action_zh}），尚未排除；"
    "由计划管理方审核人员处理。",
)
ACTION_ZH = {"stop": "阻止", "hold": "暂停结算", "flag": "提示"}
Action, State = Flag.Action, Flag.State


def standing(keys: Iterable[str], *, actions: Sequence[str]) -> QuerySet[Flag]:
    """Flags that stand in the way of something that has these keys, oldest first.

    A hold stands while nobody has decided it. A stop stands until it is dismissed: confirmed, it is final.
    """
    undecided = Q(state=State.OPEN) | Q(state=State.CONFIRMED, action=Action.STOP)
    found = Flag.objects.filter(undecided, keys__key__in=sorted(set(keys)), action__in=actions)
    return found.distinct().order_by("raised_at", "id")


def standing_keys(*, actions: Sequence[str]) -> set[str]:
    """Everything that a standing flag of these actions concerns; for who asks for many at once."""
    undecided = Q(flag__state=State.OPEN) | Q(flag__state=State.CONFIRMED, flag__action=Action.STOP)
    rows = FlagKey.objects.filter(undecided, flag__action__in=actions)
    return set(rows.values_list("key", flat=True))


def open_and_locked(key: str, *, rule: str) -> Flag | None:
    """The oldest flag of a rule that concerns something and that nobody has decided, locked."""
    found = Flag.objects.select_for_update(of=("self",)).filter(rule=rule, state=State.OPEN, keys__key=key)
    return found.order_by("raised_at", "id").first()


def keys(flag: Flag) -> list[str]:
    """What a flag concerns, in order."""
    return sorted(flag.keys.values_list("key", flat=True))


def need_none(keys: Iterable[str], *, actions: Sequence[str], verb: tuple[str, str]) -> None:
    """Raises: Refused: ``flag.stands``, with the first flag in the way."""
    first = standing(keys, actions=actions).first()
    if first is not None:
        raise Refused(
            STANDS,
            flag=first.id,
            rule=first.rule,
            action=first.action,
            action_zh=ACTION_ZH[first.action],
            verb=verb[0],
            verb_zh=verb[1],
        )


def tunings(programme_id: str, *, until: datetime | None = None) -> dict[str, int]:
    """What a programme tuned (up to a moment), by the threshold's name."""
    rows = Tuning.objects.filter(programme=programme_id).order_by("at", "id")
    if until is not None:
        rows = rows.filter(at__lte=until)
    return dict(rows.values_list("name", "value"))


def thresholds(programme_id: str) -> Thresholds:
    """The thresholds that a programme is judged by."""
    return DEFAULT.tuned(tunings(programme_id))
