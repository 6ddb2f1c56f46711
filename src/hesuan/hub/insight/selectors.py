"""The signals an actor may see now: windows gathered from the rooms below, judged by :mod:`.rules`.

Tenancy: a signal is gathered only from rows its reader may see. A centre's people hear of their agents, a
programme's office of its budgets, an organisation of its own runs and requests; auditors and the platform's
operators hear of all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from hesuan.hub.centres.models import Agent
from hesuan.hub.disclosure import lag
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything, visible_to
from hesuan.hub.insight import rules
from hesuan.hub.insight.rules import Level, Signal
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market.models import Offering, QuoteRefusal, QuoteRequest
from hesuan.hub.programmes import accounts
from hesuan.hub.programmes.models import BudgetYear
from hesuan.hub.runs.rules import FINAL
from hesuan.hub.settlement.models import Receipt

FORECAST_RUNS = 20
"""Newest runs of one application at one centre that a forecast is judged by."""
DEMAND_DAYS = 7


def signals(actor: Actor, now: datetime | None = None) -> list[Signal]:
    """Every signal that stands now and concerns what this actor may see, warnings first, newest first."""
    moment = now or timezone.now()
    found = [
        *(rules.agent_silent(window, now=moment) for window in _agents(actor)),
        *(rules.budget_burn(window, now=moment) for window in _budgets(actor)),
        *(rules.forecasts_off(window) for window in _forecasts(actor)),
        *(rules.unmet_demand(window) for window in _demand(actor, moment)),
        *(rules.log_late(window, now=moment) for window in _logs(actor, moment)),
    ]
    standing = [signal for signal in found if signal is not None]
    return sorted(standing, key=lambda signal: (signal.level != Level.WARNING, -signal.at.timestamp()))


def _agents(actor: Actor) -> Iterator[rules.AgentWindow]:
    """The agent that takes each centre's commands; older ones are meant to be silent."""
    agents = Agent.objects.filter(visible_to(actor, "centre__organisation_id"), revoked_at__isnull=True)
    waiting = Count("runs", filter=~Q(runs__state__in=FINAL))
    counted = agents.select_related("centre").annotate(open_runs=waiting).order_by("enrolled_at", "id")
    current = {agent.centre_id: agent for agent in counted}
    for agent in current.values():
        yield rules.AgentWindow(
            agent_id=agent.id,
            name=agent.name,
            centre=agent.centre.name,
            enrolled_at=agent.enrolled_at,
            last_seen_at=agent.last_seen_at,
            open_runs=agent.open_runs,
        )


def _logs(actor: Actor, now: datetime) -> Iterator[rules.LogWindow]:
    """Logs that are late, for who looks after them and who audits them."""
    if sees_everything(actor):
        for one in lag.late(now):
            yield rules.LogWindow(one.log, one.what, one.count, one.since)


def _budgets(actor: Actor) -> Iterator[rules.BudgetWindow]:
    years = BudgetYear.objects.filter(visible_to(actor, "programme__office_id"), closed_at__isnull=True)
    for year in years.order_by("programme_id", "budget"):
        if not year.window.isdecimal():
            continue  # a budget for life has no end to be early for
        left = ledger.balance(accounts.ledger_of(year.programme_id), accounts.BUDGET).available_fen
        number = int(year.window)
        yield rules.BudgetWindow(
            programme_id=year.programme_id,
            budget=year.budget,
            funded_fen=year.funded_fen,
            used_fen=max(0, year.funded_fen - left),
            begins=datetime(number, 1, 1, tzinfo=UTC),
            ends=datetime(number + 1, 1, 1, tzinfo=UTC),
        )


def _forecasts(actor: Actor) -> Iterator[rules.ForecastWindow]:
    seen = visible_to(actor, "settlement__order__organisation_id") | visible_to(
        actor, "settlement__order__centre__organisation_id"
    )
    receipts = Receipt.objects.filter(seen, settlement__state="COMPLETED")
    newest = receipts.select_related("settlement__order__centre").order_by("-created_at", "-id")[:2000]
    grouped: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in newest:
        prediction, work = receipt.document["prediction"], receipt.document["quote"]["work"]
        group = grouped[receipt.document["centre"], str(work.get("app", ""))]
        if prediction and prediction["kind"] != "assumed" and len(group) < FORECAST_RUNS:
            group.append(receipt)
    for (centre_id, app), group in grouped.items():
        if group:
            yield _forecast(centre_id, app, group)


def _forecast(centre_id: str, app: str, group: list[Receipt]) -> rules.ForecastWindow:
    sides = Counter(_side(receipt.document) for receipt in group)
    return rules.ForecastWindow(
        centre_id=centre_id,
        centre=group[0].settlement.order.centre.name,
        app=app,
        below=sides["below"],
        inside=sides["inside"],
        above=sides["above"],
        last_at=group[0].created_at,
    )


def _side(document: dict[str, dict[str, int]]) -> str:
    wall_ms, prediction = document["actual"]["wall_ms"], document["prediction"]
    if wall_ms < prediction["low_ms"]:
        return "below"
    return "above" if wall_ms > prediction["high_ms"] else "inside"


def _demand(actor: Actor, now: datetime) -> Iterator[rules.DemandWindow]:
    since = now - timedelta(days=DEMAND_DAYS)
    requests = QuoteRequest.objects.filter(visible_to(actor), created_at__gte=since)
    unmet = requests.filter(quotes__isnull=True)
    if sees_everything(actor):
        yield from _window(
            "market",
            "Hesuan",
            requests.count(),
            list(unmet.values_list("id", flat=True)),
            now,
        )
    else:
        for organisation_id, name in requests.values_list("organisation_id", "organisation__name").distinct():
            own = requests.filter(organisation_id=organisation_id)
            lost = list(unmet.filter(organisation_id=organisation_id).values_list("id", flat=True))
            yield from _window(organisation_id, name, own.count(), lost, now)
    yield from _offerings(actor, since, now)


def _window(
    subject: str, label: str, requests: int, unmet: list[str], now: datetime
) -> Iterator[rules.DemandWindow]:
    codes = Counter(QuoteRefusal.objects.filter(request_id__in=unmet).values_list("code", flat=True))
    code, count = codes.most_common(1)[0] if codes else ("market.no_offering", len(unmet))
    yield rules.DemandWindow(subject, label, DEMAND_DAYS, requests, len(unmet), code, count, now)


def _offerings(actor: Actor, since: datetime, now: datetime) -> Iterator[rules.DemandWindow]:
    """What a centre's own people see: how often their offerings had to refuse."""
    if sees_everything(actor):
        return
    own = Offering.objects.filter(
        centre__organisation_id__in=actor.organisations(), state=Offering.State.PUBLISHED
    )
    for offering in own.order_by("id"):
        refused = QuoteRefusal.objects.filter(offering=offering, created_at__gte=since)
        quoted = offering.quotes.filter(request__created_at__gte=since).count()
        codes = Counter(refused.values_list("code", flat=True))
        if codes:
            code, count = codes.most_common(1)[0]
            lost = codes.total()
            yield rules.DemandWindow(
                offering.id, offering.title, DEMAND_DAYS, quoted + lost, lost, code, count, now
            )
