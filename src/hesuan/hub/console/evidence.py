"""What was measured at a centre, as rates in work units per second: read for pages, computed nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hesuan.hub.centres import selectors
from hesuan.hub.identity.actors import Actor


@dataclass(frozen=True, slots=True)
class Rate:
    """A measured rate: the newest measurement of one app on one core count, at its largest size."""

    app: str
    work_unit: str
    cores: int
    units: int
    wall_ms: int
    source: str
    """``benchmark`` or ``run:<run id>``."""
    at: datetime
    checked: dict[str, int]

    @property
    def per_second(self) -> str:
        """Units per second, three significant digits or whole."""
        rate = self.units * 1000 / max(1, self.wall_ms)
        return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


@dataclass(frozen=True, slots=True)
class App:
    """An application that some centre has installed."""

    name: str
    work_unit: str


def measured_rates(actor: Actor, centre_id: str) -> list[Rate]:
    """The newest benchmark of each app and core count at a centre; none where nothing was measured."""
    units = {app.name: app.work_unit for app in apps_at(actor, centre_id)}
    newest: dict[tuple[str, int], Rate] = {}
    for row in selectors.benchmarks(actor, centre_id):
        key = (row.app, row.cores)
        if key in newest or row.source != "benchmark" or not row.points:
            continue
        largest = max(row.points, key=lambda point: point["units"])
        newest[key] = Rate(
            app=row.app,
            work_unit=units.get(row.app, ""),
            cores=row.cores,
            units=largest["units"],
            wall_ms=largest["wall_ms"],
            source=row.source,
            at=row.at,
            checked=row.checked,
        )
    return [newest[key] for key in sorted(newest)]


def apps_at(actor: Actor, centre_id: str) -> list[App]:
    """The applications that a centre's agent says are installed."""
    inventory = selectors.inventory(actor, centre_id)
    listed = inventory.body.get("apps", []) if inventory else []
    return [App(str(app["name"]), str(app.get("work_unit", ""))) for app in listed]


def installed_apps(actor: Actor) -> list[App]:
    """Every application that some visible centre has, by name, each once."""
    found = {app.name: app for centre in selectors.centres(actor) for app in apps_at(actor, centre.id)}
    return [found[name] for name in sorted(found)]


def work_units(actor: Actor) -> dict[str, str]:
    """App → work unit, for every app that some visible centre has."""
    return {app.name: app.work_unit for app in installed_apps(actor)}
