"""The file of a calibration: read strictly, written so that a person can read and argue with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hesuan.errors import InputFault
from hesuan.planner.inputs.checking import NOT_POSITIVE
from hesuan.toml_table import Table

HEAD = """\
# What measured runs of one cluster taught: written by `hesuan plan fit … --save`, read by `--calibration`.
# A factor multiplies time: 1 is as forecast, above 1 slower; low and high are its 80 % interval.
"""


def calibration_table(top: Table) -> dict[str, Any]:
    """The plain values of a calibration's file; faults are kept with their lines."""
    holds, fit, interval = (top.table(name) for name in ("holds_for", "fit", "interval"))
    era = _numbers(holds, "era")
    values: dict[str, Any] = {
        "chip": holds.text("chip"),
        "clusters": holds.texts("clusters"),
        "kinds": holds.texts("kinds"),
        "era": (era[0], era[-1]) if era else (0.0, 0.0),
        "constants": fit.text("constants"),
        "rows": fit.integer("rows"),
        "rows_sha256": fit.text("rows_sha256"),
        "dated": fit.text("dated", ""),
        "noise": _positive(interval, "noise"),
        "quantile": _positive(interval, "quantile"),
        "covariance": tuple(tuple(map(float, row)) for row in _matrix(interval)),
        "factors": [_factor(name, table) for name, table in top.tables("factors").items()],
        "near": _near(top),
        "runs": [_run(top, one) for one in top.get("runs", list, "a list of tables", []) or []],
    }
    for table in (holds, fit, interval, top):
        table.close()
    return values


def _numbers(table: Table, key: str) -> list[float]:
    values = table.get(key, list, "two years") or []
    return [float(one) for one in values if isinstance(one, int | float)]


def _matrix(table: Table) -> list[list[float]]:
    rows = table.get("covariance", list, "rows of numbers") or []
    return [row for row in rows if isinstance(row, list) and all(isinstance(n, int | float) for n in row)]


def _factor(name: str, table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    for key in ("factor", "low", "high"):
        found[key] = _positive(table, key)
    table.close()
    return found


def _near(top: Table) -> dict[str, float]:
    table = top.table("near")
    found = {"plan": table.number("plan"), "reach": _positive(table, "reach"), "model": table.number("model")}
    table.close()
    return found


def _positive(table: Table, key: str) -> float:
    value = table.number(key)
    if key in table.values and not value > 0:
        table.fault(InputFault(NOT_POSITIVE, where=table.where(key), field=key, found=table.values[key]))
    return value


def _run(top: Table, values: Any) -> dict[str, Any]:
    table = Table(top.document, values if isinstance(values, dict) else {}, ("runs",))
    found: dict[str, Any] = {"id": table.text("id"), "plan": table.text("plan", "")}
    found |= {key: _positive(table, key) for key in ("observed_s", "forecast_s", "calibrated_s")}
    found |= {"model": table.text("model", ""), "pull": table.number("pull"), "at": _at(table)}
    table.close()
    return found


def _at(table: Table) -> tuple[float, ...]:
    return tuple(_numbers(table, "at"))


def calibration_text(one: Any) -> str:
    """The file of a calibration. Numbers keep all their digits, so that reading gives it back.

    Args:
        one: A :class:`hesuan.planner.calibration.Calibration`.
    """
    lines = [HEAD, "[holds_for]"]
    lines += _pairs({"chip": one.chip, "clusters": one.clusters, "kinds": one.kinds, "era": one.era})
    lines += ["", "[fit]"]
    lines += _pairs({"constants": one.constants, "rows": one.rows, "rows_sha256": one.rows_sha256})
    lines += _pairs({"dated": one.dated}) if one.dated else []
    lines += ["", "[factors]"]
    lines += [f"{f.name} = {{ factor = {f.factor}, low = {f.low}, high = {f.high} }}" for f in one.factors]
    lines += [
        "",
        "[interval]",
        "# Of a further run: quantile x sqrt(x C x' + noise^2), in logs, C in the order above.",
    ]
    lines += _pairs({"noise": one.noise, "quantile": one.quantile})
    lines += ["covariance = [", *(f"  {_value(row)}," for row in one.covariance), "]"]
    lines += [
        "",
        "[near]",
        "# What plans within reach of a run, and runs of its model, share beyond factors.",
    ]
    lines += _pairs({"plan": one.near.plan, "reach": one.near.reach, "model": one.near.model})
    for run in one.runs:
        lines += ["", "[[runs]]", *_pairs({name: getattr(run, name) for name in RUN})]
        lines[-1] += f"  # left unexplained: {run.residual:+.4f} in logs"
    return "\n".join(lines) + "\n"


RUN = ("id", "plan", "model", "pull", "at", "observed_s", "forecast_s", "calibrated_s")


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in values.items()]


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Sequence | Iterable):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)
