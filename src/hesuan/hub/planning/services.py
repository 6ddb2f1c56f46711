"""The only door to the planner: what will this work take at that centre, and on what evidence?

No evidence is an answer too (``None``), and ``absence`` says why: an offer without evidence is shown last and
says so; it never gets a default hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hesuan.errors import HesuanError, Refused
from hesuan.figures import Kind
from hesuan.hub.centres import selectors as centres
from hesuan.hub.centres import services as centre_services
from hesuan.hub.planning import rules
from hesuan.hub.planning.rules import Sentence
from hesuan.planner.application import AppForecast, AppModel, AppPoint, fit, forecast
from hesuan.planner.catalog.chips import chip
from hesuan.units import MS_PER_SECOND
from hesuan.wire.canonical import Json

__all__ = [
    "Card",
    "PlannerBroke",
    "Prediction",
    "Sentence",
    "absence",
    "card_named",
    "predict",
    "record_outcome",
]

ORIGINS = {
    "CN": (
        "Alibaba",
        "Baidu Kunlunxin",
        "Biren",
        "Cambricon",
        "Enflame",
        "Huawei",
        "Hygon",
        "Iluvatar",
        "MetaX",
        "Moore Threads",
    ),
    "US": ("AMD", "AWS", "Google", "Intel", "NVIDIA"),
}
"""Country → makers of the catalogue's cards with their seat there; a maker in none has an unknown origin."""


class PlannerBroke(RuntimeError):
    """The planner refused what planning asked of it, or told a time that is none.

    A broken program and nobody's wrong request: it is no :class:`HesuanError`, which would tell whoever asked
    for quotes that they had asked wrongly, and would be remembered under their key.
    """


@dataclass(frozen=True, slots=True)
class Card:
    """An accelerator card of the catalogue."""

    name: str
    origin: str
    """Country of its maker; empty where it is not known."""


def card_named(name: str) -> Card:
    """A card by its name or an alias in the planner's catalogue.

    Raises:
        InputFault: ``planner.unknown_name``.
    """
    found = chip(name)
    origin = next((country for country, makers in ORIGINS.items() if found.vendor in makers), "")
    return Card(found.name, origin)


@dataclass(frozen=True, slots=True)
class Prediction:
    """How long some work will take at one centre: an 80 % interval, its kind and its source."""

    low_ms: int
    mid_ms: int
    high_ms: int
    kind: str
    """``measured``, ``calibrated`` or ``assumed``."""
    source: str
    """What it rests on, in one English clause for documents."""
    app_digest: str | None
    """Of the app that was measured; ``None`` for a script."""
    units_per_s_milli: int | None
    """Thousandths of a work unit per second at this size; ``None`` for a script."""
    points_used: int
    reasons: tuple[Sentence, ...]
    """What it rests on and what it assumes, for people."""

    def document(self) -> dict[str, Json]:
        """The members a quote carries."""
        return {
            "low_ms": self.low_ms,
            "mid_ms": self.mid_ms,
            "high_ms": self.high_ms,
            "kind": self.kind,
            "source": self.source,
        }


def predict(*, centre_id: str, work: Mapping[str, Json]) -> Prediction | None:
    """Predicts a work order, already checked by ``market``, at one centre.

    Returns:
        ``None`` when there is no evidence: no agent, no such app there, never measured on this number
        of cores, or in one size only. For a script the user's own time limit stands, kind *assumed*.

    Raises:
        PlannerBroke: there is evidence, and the planner made nothing of it that a price may rest on.
    """
    if work["kind"] == "script":
        return _from_time_limit(_whole(work, "time_limit_s"))
    found = _ground(centre_id, work)
    if isinstance(found, Sentence):
        return None
    model, digest, runs = found
    answer = _forecast(model, _whole(work, "units"))
    return Prediction(
        low_ms=answer.low_ms,
        mid_ms=answer.mid_ms,
        high_ms=answer.high_ms,
        kind=answer.kind.value,
        source=rules.source(answer, runs=runs),
        app_digest=digest,
        units_per_s_milli=answer.units_per_s_milli,
        points_used=answer.points_used,
        reasons=rules.reasons(answer, app=str(work["app"]), cores=_whole(work, "cores"), runs=runs),
    )


def absence(*, centre_id: str, work: Mapping[str, Json]) -> Sentence:
    """Why ``predict`` gives ``None`` for this work at this centre; only asked when it does."""
    found = _ground(centre_id, work)
    assert isinstance(found, Sentence), "there is evidence"
    return found


def record_outcome(
    *, run_id: str, agent_id: str, work: Mapping[str, Json], app_digest: str, state: str, wall_ms: int
) -> bool:
    """A finished run becomes a measured point, once by run id: the loop from use back to the next quote.

    Only a COMPLETED run of an app did the work its units name; anything else teaches nothing of its speed.

    Returns:
        Whether the run is evidence.

    Raises:
        Conflict: ``centre.evidence_conflict`` when the run came before with other figures.
    """
    if work["kind"] != "app" or state != "COMPLETED" or wall_ms < 1:
        return False
    centre_services.add_measured_run(
        run_id=run_id,
        agent_id=agent_id,
        app=str(work["app"]),
        app_digest=app_digest,
        cores=_whole(work, "cores"),
        units=_whole(work, "units"),
        wall_ms=wall_ms,
    )
    return True


def _forecast(model: AppModel, units: int) -> AppForecast:
    """The planner's answer, once it is one: whole milliseconds in order, and some time at all."""
    try:
        answer = forecast(model, units)
    except HesuanError as error:
        raise PlannerBroke(f"no forecast of {units} units") from error
    times = (answer.low_ms, answer.mid_ms, answer.high_ms)
    if (
        not all(type(one) is int for one in times)
        or not 0 <= times[0] <= times[1] <= times[2]
        or not times[1]
    ):
        raise PlannerBroke(f"a forecast of {times} ms for {units} units")
    return answer


def _ground(centre_id: str, work: Mapping[str, Json]) -> tuple[AppModel, str, int] | Sentence:
    """The model, the app's digest, how many points are finished runs; or why there is none."""
    app, cores = str(work["app"]), _whole(work, "cores")
    if centres.agent_for(centre_id) is None:
        return rules.no_agent()
    digest = centres.app_digest_at(centre_id, app)
    if digest is None:
        return rules.no_app(app)
    points = centres.evidence(centre_id, app, cores, app_digest=digest)
    if not points:
        return rules.no_points(app, cores, centres.measured_cores(centre_id, app, digest))
    try:
        model = fit([AppPoint(units=point.units, wall_ms=point.wall_ms) for point in points])
    except Refused:
        return rules.one_size(app, cores)
    except HesuanError as error:
        raise PlannerBroke(f"no model of {app} on {cores} cores at centre {centre_id}") from error
    return model, digest, sum(point.source != "benchmark" for point in points)


def _from_time_limit(limit_s: int) -> Prediction:
    reason = Sentence(
        rules.TIME_LIMIT.en.format(limit_s=limit_s), rules.TIME_LIMIT.zh.format(limit_s=limit_s)
    )
    return Prediction(
        low_ms=0,
        mid_ms=limit_s * MS_PER_SECOND,
        high_ms=limit_s * MS_PER_SECOND,
        kind=Kind.ASSUMED.value,
        source="the user's own time limit",
        app_digest=None,
        units_per_s_milli=None,
        points_used=0,
        reasons=(reason,),
    )


def _whole(work: Mapping[str, Json], key: str) -> int:
    value = work[key]
    assert isinstance(value, int) and not isinstance(value, bool), f"work order's {key} was not checked"
    return value
