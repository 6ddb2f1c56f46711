"""Warning rules: a window of observations and thresholds in, a signal or none out. No clock, no database.

A signal carries the figures it was judged by, so that its reader can judge the rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hesuan.money import format_yuan
from hesuan.units import format_seconds


class Level(StrEnum):
    """How much a signal asks of its reader."""

    NOTICE = "notice"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Signal:
    """One rule's verdict on one subject, with its reason in both languages and the figures behind it."""

    rule: str
    level: Level
    subject: str
    """Id of what it speaks of."""
    label: str
    """Its name for people."""
    en: str
    zh: str
    at: datetime
    facts: dict[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What separates an ordinary day from a signal. Assumed until back-tests on real logs judge them."""

    silent_notice: timedelta = timedelta(minutes=2)
    silent_warning: timedelta = timedelta(minutes=15)
    burn_used_percent: int = 50
    """Below this share of a budget, its pace says nothing yet."""
    burn_soon: timedelta = timedelta(days=30)
    misses_runs: int = 5
    """Fewer runs than these prove nothing about an interval."""
    misses_percent: int = 40
    """An 80 % interval is missed by 20 % of honest runs; from twice that on it is wrong."""
    unmet_requests: int = 3
    unmet_percent: int = 20


DEFAULT = Thresholds()


@dataclass(frozen=True, slots=True)
class AgentWindow:
    """One enrolled agent and when it was last heard."""

    agent_id: str
    name: str
    centre: str
    enrolled_at: datetime
    last_seen_at: datetime | None
    open_runs: int
    """Runs there that have not ended."""


def agent_silent(window: AgentWindow, *, now: datetime, limits: Thresholds = DEFAULT) -> Signal | None:
    """An agent calls every few seconds; one that does not cannot start, end or account for anything."""
    last = window.last_seen_at or window.enrolled_at
    silent = now - last
    if silent < limits.silent_notice:
        return None
    since = format_seconds(silent.total_seconds())
    waiting = window.open_runs
    return Signal(
        rule="agent.silent",
        level=Level.WARNING if silent >= limits.silent_warning or waiting else Level.NOTICE,
        subject=window.agent_id,
        label=window.centre,
        en=f"Agent {window.name} of {window.centre} was last heard {since} ago; {waiting} runs wait for it.",
        zh=f"{window.centre} 的站点代理 {window.name} 已 {since} 未联系；有 {waiting} 个运行在等待。",
        at=last,
        facts={"silent_s": int(silent.total_seconds()), "open_runs": waiting},
    )


@dataclass(frozen=True, slots=True)
class BudgetWindow:
    """One budget in its period [fen]; used is what has been issued as vouchers."""

    programme_id: str
    budget: str
    funded_fen: int
    used_fen: int
    begins: datetime
    ends: datetime


def budget_burn(window: BudgetWindow, *, now: datetime, limits: Thresholds = DEFAULT) -> Signal | None:
    """At its present pace a budget is empty before its period ends."""
    elapsed = min(now, window.ends) - window.begins
    if window.funded_fen <= 0 or window.used_fen <= 0 or elapsed <= timedelta(0):
        return None
    percent = window.used_fen * 100 // window.funded_fen
    left = window.funded_fen - window.used_fen
    until_empty = elapsed * (left / window.used_fen)
    if percent < limits.burn_used_percent or now + until_empty >= window.ends:
        return None
    days = until_empty.days
    return Signal(
        rule="budget.burn",
        level=Level.WARNING if until_empty <= limits.burn_soon else Level.NOTICE,
        subject=window.programme_id,
        label=f"{window.programme_id} {window.budget}",
        en=f"Budget {window.budget} of {window.programme_id}: {format_yuan(window.used_fen)} of"
        f" {format_yuan(window.funded_fen)} ({percent} %) is issued; at this pace the rest lasts {days} days,"
        f" the period {(window.ends - now).days}.",
        zh=f"{window.programme_id} 的资金池 {window.budget}：已发放 {format_yuan(window.used_fen)}，"
        f"共 {format_yuan(window.funded_fen)}（{percent}%）；按此速度余额可用 {days} 天，"
        f"而期限还有 {(window.ends - now).days} 天。",
        at=now,
        facts={
            "used_fen": window.used_fen,
            "funded_fen": window.funded_fen,
            "used_percent": percent,
            "days_left": days,
        },
    )


@dataclass(frozen=True, slots=True)
class ForecastWindow:
    """Finished runs of one application at one centre against their own forecasts."""

    centre_id: str
    centre: str
    app: str
    below: int
    """Runs that took less than the forecast's low end."""
    inside: int
    above: int
    """Runs that took more than the forecast's high end."""
    last_at: datetime

    @property
    def runs(self) -> int:
        """All runs of the window."""
        return self.below + self.inside + self.above


def forecasts_off(window: ForecastWindow, *, limits: Thresholds = DEFAULT) -> Signal | None:
    """Runs miss their own forecast's interval more often than an honest interval is missed."""
    missed = window.below + window.above
    if window.runs < limits.misses_runs or missed * 100 < limits.misses_percent * window.runs:
        return None
    percent = missed * 100 // window.runs
    return Signal(
        rule="forecast.off",
        level=Level.WARNING if window.above >= window.below else Level.NOTICE,
        subject=window.centre_id,
        label=f"{window.app} @ {window.centre}",
        en=f"{window.app} at {window.centre}: {missed} of the last {window.runs} runs ({percent} %) lay"
        f" outside their forecast's 80 % interval, {window.above} slower and {window.below} faster.",
        zh=f"{window.centre} 的 {window.app}：最近 {window.runs} 次运行中有 {missed} 次（{percent}%）"
        f"超出预测的 80% 区间，其中偏慢 {window.above} 次、偏快 {window.below} 次。",
        at=window.last_at,
        facts={"runs": window.runs, "missed": missed, "above": window.above, "below": window.below},
    )


@dataclass(frozen=True, slots=True)
class DemandWindow:
    """Requests for quotes in a span of time, and how many came away with none."""

    subject: str
    label: str
    days: int
    requests: int
    unmet: int
    top_code: str
    """The commonest refusal among the unmet."""
    top_count: int
    last_at: datetime


def unmet_demand(window: DemandWindow, *, limits: Thresholds = DEFAULT) -> Signal | None:
    """People ask for work that nobody offers to do."""
    few = window.unmet == 0 or window.requests < limits.unmet_requests
    if few or window.unmet * 100 < limits.unmet_percent * window.requests:
        return None
    percent = window.unmet * 100 // window.requests
    return Signal(
        rule="demand.unmet",
        level=Level.WARNING if percent >= 2 * limits.unmet_percent else Level.NOTICE,
        subject=window.subject,
        label=window.label,
        en=f"{window.label}: {window.unmet} of {window.requests} requests in {window.days} days ({percent} %)"
        f" got no quote; the commonest reason is {window.top_code} ({window.top_count} times).",
        zh=f"{window.label}：{window.days} 天内 {window.requests} 次询价中有 {window.unmet} 次（{percent}%）"
        f"没有任何报价；最常见的原因是 {window.top_code}（{window.top_count} 次）。",
        at=window.last_at,
        facts={
            "requests": window.requests,
            "unmet": window.unmet,
            "top_code": window.top_code,
            "top_count": window.top_count,
        },
    )


@dataclass(frozen=True, slots=True)
class LogWindow:
    """What of one log waits: facts or transfers for their place, or its files for being published."""

    log: str
    what: str
    count: int
    since: datetime


WAITING = {
    "facts": ("facts wait for their place in it", "条事实尚未进入日志"),
    "transfers": ("transfers wait to be told to it", "笔转账尚未告知日志"),
    "files": ("leaves of it wait to be published", "条日志条目尚未公布"),
}


def log_late(window: LogWindow, *, now: datetime) -> Signal:
    """A log promises a day at most, and seconds are usual."""
    waited = now - window.since
    since = format_seconds(waited.total_seconds())
    en, zh = WAITING[window.what]
    return Signal(
        rule="log.late",
        level=Level.WARNING,
        subject=window.log,
        label=window.log,
        en=f"Log {window.log}: {window.count} {en}, the oldest for {since}; a day is promised.",
        zh=f"日志 {window.log}：{window.count} {zh}，最早的已等待 {since}；承诺为一日之内。",
        at=window.since,
        facts={"count": window.count, "waiting_s": int(waited.total_seconds())},
    )
