"""The mission's claims against the forecast: MFU of Llama 3, supernode gains, large domains, one expert a
unit.

Every number stands with its miss and its cause in ``docs/model/claims.md``. What misses is pinned beside
what holds.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tools import planner_claims

from hesuan.errors import Faults
from hesuan.figures import Kind
from hesuan.planner import Plan, Precision, Training, Workload, cluster, model, predict
from hesuan.planner.explore import Limits
from hesuan.planner.explore.space import enumerate_plans
from hesuan.planner.forecast import MEASURED_DOMAIN_CARDS, PREDICTION_ONLY
from hesuan.planner.serving.inputs import Pool

WITHIN = 0.12
"""The bar on the supernode's gains."""
HOLDING = 5
"""Of eight pairs at least so many are within the bar (six on the day the page was written); which ones miss,
and why, stands on the page."""


@pytest.mark.parametrize(
    ("score", "forecast"), planner_claims.llama3(), ids=lambda item: getattr(item, "name", "")
)
def test_llama_3_runs_at_43_41_and_38_per_cent(score: planner_claims.Score, forecast: object) -> None:
    """The whole mask counted; 15 % is the bar for a forecast without calibration."""
    assert score.forecast == pytest.approx(score.published, rel=0.15)


def test_llama_3_falls_with_scale_and_with_context_where_only_needed_work_counts() -> None:
    runs = [forecast for _, forecast in planner_claims.llama3()]
    assert runs[0].mfu > runs[1].mfu > runs[2].mfu
    assert runs[0].mfu_full_attention > runs[1].mfu_full_attention


def test_llama_3_holds_only_with_an_interleaved_pipeline() -> None:
    """One chunk per stage: 15 stages wait for 16 micro-batches, and the forecast falls below 30 %."""
    told = planner_claims.facts("llama3.toml")
    run = told["run"][1]
    plain = Plan(**run["plan"], zero=2)
    training = Training(seq=run["seq"], global_batch=run["global_batch"], era=told["era"])
    found = predict(model(told["model"]), cluster(told["cluster"], 16384), training, plain, strict=False)
    assert found.mfu < 0.30 < run["mfu"]


def test_a_16384_card_forecast_says_an_interruption_every_3_hours_and_90_per_cent() -> None:
    _, forecast = planner_claims.llama3()[1]
    goodput = forecast.operation.goodput
    assert goodput.mtbf_s / 3600 == pytest.approx(3.1, rel=0.02)
    assert 0.90 < goodput.share < 0.94


def test_a_72_card_domain_gains_about_what_was_measured() -> None:
    """The bar of 12 % is met by a part of the pairs; all gain, and the mean gain is within the bar."""
    pairs = [score for score in planner_claims.supernode() if "EP 64" not in score.name]
    assert len(pairs) == 8
    assert sum(abs(score.miss) <= WITHIN for score in pairs) >= HOLDING
    assert all(1.0 < score.forecast < 1.61 for score in pairs)
    assert all(-0.35 < score.miss < WITHIN for score in pairs)
    mean = sum(score.forecast for score in pairs) / sum(score.published for score in pairs)
    assert abs(mean - 1) <= 0.15


def test_a_job_inside_8_cards_gains_nothing_from_the_domain() -> None:
    told = planner_claims.facts("supernode.toml")
    for row in told["control"].values():
        ratio = planner_claims._ratio(row, row["era"])
        assert ratio.forecast == pytest.approx(1.0, abs=0.08)


def test_experts_spread_over_64_cards_on_both_fabrics_favour_the_domain_far_more_than_own_plans() -> None:
    scores = {score.name: score.forecast for score in planner_claims.supernode()}
    forced = scores["gpt-oss-120b 26.02, EP 64 on both"]
    assert forced > 1.25 * scores["gpt-oss-120b 26.04.01"]


DEEPSEEK = model("deepseek-v3")
LONG = Training(seq=4096, global_batch=8192, precision=Precision.BF16)


@pytest.mark.parametrize(
    ("name", "cards", "plan"),
    [
        ("cloudmatrix384-packages", 384, Plan(tp=2, pp=3, dp=64, ep=64)),
        ("cloudmatrix384", 768, Plan(tp=4, pp=3, dp=64, ep=256)),
        ("atlas-950-superpod", 8192, Plan(tp=2, pp=1, dp=4096, ep=256)),
    ],
)
def test_384_and_8192_cards_in_one_domain_plan_and_say_prediction_only(
    name: str, cards: int, plan: Plan
) -> None:
    machine = cluster(name, cards)
    assert machine.fabric.scale_up_domain == cards
    found = predict(DEEPSEEK, machine, LONG, plan, strict=False)
    legal = enumerate_plans(Workload(DEEPSEEK, machine, LONG), Limits(card_counts=(cards,)))
    columns = legal.columns
    listed = (columns["tp"] == plan.tp) & (columns["pp"] == plan.pp) & (columns["ep"] == plan.ep)
    assert listed.any(), "the search lists it"
    assert found.kind is Kind.ESTIMATED
    assert PREDICTION_ONLY in {figure.source for figure in found.assumed}
    assert 0.05 < found.mfu < 0.8


def test_a_measured_domain_is_not_marked() -> None:
    assert MEASURED_DOMAIN_CARDS == 72
    small = predict(DEEPSEEK, cluster("nvl72-gb300", 256), LONG, Plan(pp=8, dp=32, ep=32), strict=False)
    assert PREDICTION_ONLY not in {figure.source for figure in small.assumed}


@pytest.mark.parametrize(("experts", "dies"), [(256, 256), (256, 768), (320, 320), (320, 640)])
def test_one_expert_per_die_is_in_the_space(experts: int, dies: int) -> None:
    """256 routed experts; 320 with shared and redundant ones counted, as CloudMatrix384 places them."""
    spread = replace(DEEPSEEK, experts=experts, published_params=0.0)
    machine = cluster("cloudmatrix384", dies)
    training = replace(LONG, global_batch=5 * 1024)
    legal = enumerate_plans(Workload(spread, machine, training), Limits(card_counts=(dies,)))
    assert (legal.columns["ep"] == experts).any()


def test_a_decode_pool_of_320_dies_holds_one_expert_each() -> None:
    pool = Pool(tp=1, dp=320, ep=320)
    assert pool.ep == 320
    with pytest.raises(Faults):
        Pool(tp=1, dp=320, ep=300)


def test_the_page_says_what_the_planner_says() -> None:
    """Numbers may drift by 3 % before somebody must run ``python -m tools.planner_claims write``."""
    page = planner_claims.PAGE.read_text("utf-8")
    for name, table in planner_claims.blocks().items():
        written = page.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- /{name} -->")[0]
        assert len(written.splitlines()) == len(table.splitlines())
        for old, new in zip(written.splitlines(), table.splitlines(), strict=True):
            assert cells(old)[0] == cells(new)[0]
            assert figure(old) == pytest.approx(figure(new), rel=0.03)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def figure(line: str) -> float:
    """The forecast of a line: the third cell, the second where nothing was published; 0 in a head."""
    own = cells(line)
    told = own[2] if len(own) > 2 else own[1]
    match = re.match(r"[0-9.]+", told)
    return float(match[0]) if match else 0.0


def test_the_page_names_every_miss_and_its_cause() -> None:
    page = planner_claims.PAGE.read_text("utf-8")
    causes = page.split("**Misses and causes:**")[1].split("Each offer at")[0]
    for score in planner_claims.supernode():
        if abs(score.miss) > 1.15 * WITHIN:
            assert score.name in causes, f"{score.name} misses by {score.miss:.0%} and no cause is given"
