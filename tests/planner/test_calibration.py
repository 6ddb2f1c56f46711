"""A saved fit: read back as written, moves forecasts as the fit said, and never another chip's."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hesuan.errors import Faults, HesuanError, InputFault, Refused
from hesuan.figures import Kind
from hesuan.planner import (
    Calibration,
    Plan,
    Training,
    Workload,
    cluster,
    compare,
    model,
    predict,
    search,
)
from hesuan.planner.backtest.rows import Row, read_rows
from hesuan.planner.backtest.score import observations_of
from hesuan.planner.calibrate import Observation, Source, fit, saved
from hesuan.planner.calibrate.fewshot import spread_out
from hesuan.planner.calibration import Factor, Near, chosen
from hesuan.planner.constants import DEFAULT
from hesuan.planner.cost import Parts, Plans, basis, evaluate
from hesuan.planner.cost.reference import CASES
from hesuan.planner.explore import Limits

ROWS = Path(__file__).parent / "rows" / "runs.csv"
MEASURED = Path(os.environ.get("HESUAN_MEASUREMENTS", "../shared/measurements")) / "training.csv"
SOURCE = Source(file="ours.toml", clusters=("hgx-a100",), rows_sha256="0" * 64, dated="2021-04")
SMALL = Training(seq=2048, global_batch=256, era=2021.5)


@pytest.fixture
def rows() -> tuple[Row, ...]:
    return read_rows(ROWS)[0]


@pytest.fixture
def ours(rows: tuple[Row, ...]) -> Calibration:
    return saved(observations_of(rows), SOURCE)


def moved(one: Calibration, **logs: float) -> Calibration:
    """With other factors."""
    factors = [replace(f, factor=math.exp(logs.get(f.name, math.log(f.factor)))) for f in one.factors]
    return replace(one, factors=tuple(factors))


def code_of(caught: pytest.ExceptionInfo[HesuanError]) -> str:
    return caught.value.code.name


def test_what_is_written_is_read_back_number_for_number(ours: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(ours.text())
    assert Calibration.load(path) == replace(ours, file=str(path))


def test_a_forecast_says_what_the_fit_said_of_the_same_run(rows: tuple[Row, ...], ours: Calibration) -> None:
    seen = observations_of(rows)
    found = fit(seen)
    for row, one in zip(rows, seen, strict=True):
        work = row.workload
        told = predict(work.model, work.cluster, work.training, row.plan, calibration=ours, strict=False)
        assert told.step_s == pytest.approx(found.apply(one)[1], rel=1e-4)
        assert sum(told.parts.values()) == pytest.approx(told.step_s)
        assert told.kind is Kind.CALIBRATED
        assert told.calibration is not None and told.calibration.file == "ours.toml"


def test_the_interval_is_the_fits_and_narrower_than_without(rows: tuple[Row, ...], ours: Calibration) -> None:
    work, plan = rows[1].workload, rows[1].plan
    plain = predict(work.model, work.cluster, work.training, plan)
    told = predict(work.model, work.cluster, work.training, plan, calibration=ours)
    assert told.high_s / told.low_s < plain.high_s / plain.low_s


def test_another_chip_is_refused_by_every_door(ours: Calibration) -> None:
    llama, other = model("llama-3-8b"), cluster("hgx-h100", 8)
    with pytest.raises(Refused) as caught:
        predict(llama, other, SMALL, Plan(tp=8), calibration=ours)
    assert code_of(caught) == "plan.calibration_other_chip"
    assert "a100-80gb-sxm" in str(caught.value) and "h100" in str(caught.value)
    with pytest.raises(Refused):
        search(Workload(llama, other, SMALL), calibration=ours)
    with pytest.raises(Refused):
        predict(llama, other, SMALL, Plan(tp=8), replace(DEFAULT, calibration=ours))
    with pytest.raises(Faults) as faults:
        compare(llama, SMALL, [other], calibrations=[ours])
    assert faults.value.faults[0].code.name == "plan.calibration_unused"


def test_other_constants_are_refused(ours: Calibration) -> None:
    stale = replace(ours, constants="0123456789ab")
    with pytest.raises(Refused) as caught:
        predict(model("llama-3-8b"), cluster("hgx-a100", 8), SMALL, Plan(tp=8), calibration=stale)
    assert code_of(caught) == "plan.calibration_other_constants"


def test_the_version_changes_with_a_constant_and_with_a_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    now = basis(DEFAULT)
    assert basis(replace(DEFAULT, interval=0.5)) == now
    assert basis(replace(DEFAULT, tp_overlap=0.3)) != now
    basis.cache_clear()
    monkeypatch.setattr("hesuan.planner.cost.kernel.optimizer_s", lambda *_: np.zeros(1))
    assert basis(DEFAULT) != now
    basis.cache_clear()


def test_the_reference_steps_use_every_part() -> None:
    used = {
        name
        for work, plans in CASES
        for name in Parts.TIMES
        if np.any(getattr(evaluate(work, Plans.of(plans)), name) > 0)
    }
    assert used == set(Parts.TIMES)


def test_another_cluster_of_the_chip_and_another_kind_are_told_and_narrow_nothing(ours: Calibration) -> None:
    llama, here = model("llama-3-8b"), cluster("hgx-a100", 8)
    there = replace(here, name="dc-7")
    plain = predict(llama, there, SMALL, Plan(tp=8))
    told = predict(llama, there, SMALL, Plan(tp=8), calibration=ours)
    assert told.kind is Kind.ESTIMATED
    assert [one.what for one in told.calibration.caveats] == ["cluster"] if told.calibration else False
    assert told.high_s / told.low_s >= plain.high_s / plain.low_s * (1 - 1e-9)
    work = Workload(model("mixtral-8x7b"), here, replace(SMALL, era=2025.0))
    assert [one.what for one in ours.caveats(work)] == ["kind", "era"]


def test_a_search_under_a_calibration_cuts_nothing_that_would_have_won(ours: Calibration) -> None:
    """Factors far from one in both directions: the bound must still lie below every step."""
    bent = moved(
        ours, common=-0.3, compute=0.5, tensor=-0.6, bubble=0.7, tensor_degree=0.2, micro_tokens=-0.1
    )
    work = Workload(model("llama-3-70b"), cluster("hgx-a100", 512), SMALL)
    limits = Limits()
    cut = search(work, limits, calibration=bent, explain=False)
    whole = search(work, limits, calibration=bent, bound=None, explain=False)
    assert cut.cut_by_bound > 0
    assert [one.plan for one in cut.top] == [one.plan for one in whole.top]
    assert cut.frontier == whole.frontier
    best = cut.best["time"]
    told = predict(work.model, work.cluster, work.training, best.plan, calibration=bent)
    assert told.step_s == pytest.approx(best.step_s)


def test_each_offer_is_moved_by_the_calibration_of_its_chip(ours: Calibration) -> None:
    slow = moved(ours, common=math.log(2.0))
    offers = [cluster("hgx-a100", 8), cluster("hgx-h100", 8)]
    llama = model("llama-3-8b")
    plain = {o.name: o.tokens_per_s for o in compare(llama, SMALL, offers).offers}
    found = {o.name: o for o in compare(llama, SMALL, offers, calibrations=[slow]).offers}
    assert found["hgx-h100"].tokens_per_s == plain["hgx-h100"]
    assert found["hgx-h100"].result.calibration is None
    assert found["hgx-a100"].tokens_per_s < 0.7 * plain["hgx-a100"]
    assert found["hgx-a100"].result.calibration is not None


def test_the_one_that_names_the_cluster_is_taken_and_two_are_a_fault(ours: Calibration) -> None:
    other = replace(ours, file="theirs.toml", clusters=("dc-7",))
    assert chosen([other, ours], cluster("hgx-a100", 8)) is ours
    with pytest.raises(InputFault) as caught:
        chosen([ours, replace(ours, file="again.toml")], cluster("hgx-a100", 8))
    assert code_of(caught) == "plan.calibration_ambiguous" and "again.toml" in str(caught.value)


def test_rows_of_two_chips_are_not_saved_as_one(rows: tuple[Row, ...]) -> None:
    one, *_ = observations_of(rows)
    with pytest.raises(InputFault) as caught:
        saved([one, replace(one, chip="h100-sxm")], SOURCE)
    assert code_of(caught) == "plan.calibration_one_chip"


def test_every_fault_of_a_file_is_told_with_its_line(ours: Calibration, tmp_path: Path) -> None:
    text = ours.text().replace("chip =", "chp =").replace("rows = 3", 'rows = "three"')
    path = tmp_path / "ours.toml"
    path.write_text(text.replace("quantile = ", "quantile = -"))
    with pytest.raises(Faults) as caught:
        Calibration.load(path)
    told = str(caught.value)
    for word in ("`holds_for.chip` is missing", "Did you mean `chip`", "fit.rows", "must be above 0"):
        assert word in told, word
    assert all(f"{path}:" in line for line in told.splitlines())


def test_a_covariance_of_another_size_is_refused(ours: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(replace(ours, factors=(*ours.factors, Factor("more", 1.0, 0.9, 1.1))).text())
    with pytest.raises(Faults, match=r"plan\.not_a_calibration"):
        Calibration.load(path)


@pytest.mark.measurements
@pytest.mark.skipif(not MEASURED.exists(), reason="the published rows are not here")
def test_five_published_rows_of_a_cluster_bring_its_other_rows_closer() -> None:
    """Every cluster with ten published rows or more: five are saved, the others forecast through the file."""
    every, _ = read_rows(MEASURED)
    groups: dict[str, list[tuple[Row, Observation]]] = defaultdict(list)
    timed = [row for row in every if row.observed_s is not None]
    for row, one in zip(timed, observations_of(timed), strict=True):
        groups[one.cluster].append((row, one))
    before, after, inside = [], [], []
    for pairs in (pairs for pairs in groups.values() if len(pairs) >= 10):
        five = spread_out([one for _, one in pairs], 5)
        names = tuple({pairs[i][0].workload.cluster.name for i in five})
        ours = saved([pairs[i][1] for i in five], replace(SOURCE, clusters=names))
        for row, one in (pair for i, pair in enumerate(pairs) if i not in five):
            work = row.workload
            told = predict(work.model, work.cluster, work.training, row.plan, calibration=ours, strict=False)
            before.append(abs(one.predicted_s / one.observed_s - 1))
            after.append(abs(told.step_s / one.observed_s - 1))
            inside.append(told.low_s <= one.observed_s <= told.high_s)
    assert len(after) > 100
    assert np.mean(after) < 0.8 * np.mean(before)
    assert np.mean(inside) > 0.75


def test_runs_near_a_plan_and_of_its_model_pull_it_and_far_ones_do_not(ours: Calibration) -> None:
    run = replace(ours.runs[0], model="mine", pull=2.0, at=(0.0,) * 6)
    one = replace(ours, runs=(run,), near=Near(plan=0.2, reach=1.0, model=0.1))
    here, away = [np.array([0.0, 9.0])] * 6, np.array([0.2**2 * 2.0, 0.0])
    assert one.local("another", here) == pytest.approx(away)
    assert one.local("mine", here) == pytest.approx(away + 0.1**2 * 2.0)
