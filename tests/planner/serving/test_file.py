"""RUN.toml of a serving: read, or refused with every fault at its line and the nearest legal value."""

from __future__ import annotations

from pathlib import Path

import pytest

from hesuan.errors import Faults
from hesuan.planner.catalog import cluster, model
from hesuan.planner.serving import (
    Deployment,
    ExpertBalance,
    Limits,
    Phase,
    Pool,
    Serving,
    energy,
    predict_serving,
)
from hesuan.planner.serving.comparison import compare_serving
from hesuan.planner.serving.file import ServingRun, read_serving

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*-serving-*.toml"))
HEAD = """\
[model]
name = "llama-3-70b"
[cluster]
name = "hgx-h100"
cards = 16
[serving]
isl = 2048
osl = 512
tpot_ms = 40
"""


def read(folder: Path, text: str) -> ServingRun:
    path = folder / "run.toml"
    path.write_text(text)
    return read_serving(path)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(Faults) as caught:
        read(folder, text)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_a_layout_that_fits_its_cluster_and_meets_its_bounds(path: Path) -> None:
    run = read_serving(path)
    assert run.deployment is not None and run.deployment.cards == run.cluster.cards
    assert predict_serving(run.deployment, run.serving, limits=run.limits).meets


def test_what_a_file_says_is_what_is_read(tmp_path: Path) -> None:
    run = read(tmp_path, HEAD + 'precision = "fp8"\nengine = "vllm"\n[plan]\ntp = 4\nbatch = 8\n')
    assert run.deployment == Deployment(
        model=run.model, cluster=run.cluster, decode=Pool(tp=4, instances=4), prefill=None
    )
    assert run.serving.concurrency == 8 * 4 and run.serving.phase is Phase.AGGREGATED
    assert run.limits == Limits(ttft_s=None, tpot_s=0.04)
    assert run.phases == (Phase.AGGREGATED, Phase.DISAGGREGATED)


def test_two_pools_are_a_serving_apart(tmp_path: Path) -> None:
    pool = "tp = 8\ninstances = 1\n"
    pools = f"[plan]\nconcurrency = 64\n[plan.prefill]\n{pool}[plan.decode]\n{pool}"
    run = read(tmp_path, HEAD + pools)
    assert run.serving.phase is Phase.DISAGGREGATED and run.serving.concurrency == 64
    assert run.deployment is not None and run.deployment.prefill == Pool(tp=8)


def test_without_a_plan_there_is_none_and_a_phase_narrows_the_search(tmp_path: Path) -> None:
    run = read(tmp_path, HEAD + 'phase = "agg"\n')
    assert run.deployment is None and run.phases == (Phase.AGGREGATED,)


@pytest.mark.parametrize(
    ("line", "balance"),
    [
        ("", ExpertBalance.NATURAL),
        ('expert_balance = "balanced"', ExpertBalance.BALANCED),
        ("expert_balance = 1.4", 1.4),
    ],
)
def test_expert_balance_is_a_word_or_a_number(
    line: str, balance: ExpertBalance | float, tmp_path: Path
) -> None:
    assert read(tmp_path, f"{HEAD}{line}\n").serving.expert_balance == balance


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('"perfect"', "run.toml:10: `expert_balance` is `perfect`; it is one of natural, balanced"),
        ("0.8", "run.toml:10: `expert_balance` is 0.8; it must lie between 1.0 and"),
        ("true", "input.wrong_type run.toml:10"),
    ],
)
def test_another_expert_balance_is_refused(value: str, told: str, tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, f"{HEAD}expert_balance = {value}\n")
    assert told in fault


def test_every_fault_is_told_at_once_with_line_and_suggestion(tmp_path: Path) -> None:
    text = HEAD.replace("llama-3-70b", "llama-3-70").replace("osl = 512", "olo = 512\nttft_ms = -1")
    told = faults(tmp_path, text + 'engine = "vlm"\n[plan]\ntp = 4\nbtch = 8\n')
    for start in (
        "planner.unknown_name run.toml:2:",
        "input.key_missing run.toml:6: `serving.osl`",
        "input.unknown_key run.toml:8: `olo` is not a key here. Did you mean `osl`",
        "planner.not_positive run.toml:9: `ttft_ms` is -1.0",
        "planner.not_a_choice run.toml:11: `engine` is `vlm`",
        "input.unknown_key run.toml:14: `btch` is not a key here. Did you mean `batch`",
        "serving.batch_or_concurrency run.toml:12",
    ):
        assert any(line.startswith(start) for line in told), (start, told)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (
            "tp = 3\nbatch = 8",
            "planner.not_divisible run.toml:11: `tp` is 3; model.heads = 64 is not divisible",
        ),
        (
            "tp = 8\nep = 8\nbatch = 8",
            "serving.no_experts run.toml:12: `ep` is 8; llama-3-70b has no experts",
        ),
        ("tp = 8\ninstances = 3\nbatch = 8", "takes 24 cards; the cluster has 16. With instances = 2"),
        (
            "tp = 8\ndp = 4\nbatch = 8",
            "tp x dp x pp = 32 cards; the cluster has 16 for it. With dp = 2 and tp = 8",
        ),
        ("tp = 32\nbatch = 8", "tp x dp x pp = 32 cards; the cluster has 16 for it. With dp = 1 and tp = 16"),
        (
            "batch = 8\n[plan.prefill]\ntp = 4\ninstances = 4\n[plan.decode]\ntp = 4\ninstances = 4",
            "takes 32 cards; the cluster has 16. With instances = prefill 2, decode 2",
        ),
        ("tp = 8", "serving.batch_or_concurrency run.toml:10"),
        ("tp = 8\nbatch = 8\nconcurrency = 8", "not 2"),
        ("tp = 8\nbatch = 0", "planner.not_positive run.toml:12"),
        ("pp = 99\nbatch = 1", "`pp` is 99; it must lie between 1 and 80"),
        ("batch = 1\n[plan.decode]\ntp = 8", "input.key_missing run.toml:12: `plan.decode.instances`"),
    ],
)
def test_a_plan_that_cannot_be_is_told_with_both_numbers_and_the_nearest(
    plan: str, told: str, tmp_path: Path
) -> None:
    found = faults(tmp_path, f"{HEAD}[plan]\n{plan}\n")
    assert any(told in line for line in found), found


def test_a_plan_of_another_phase_is_a_fault(tmp_path: Path) -> None:
    found = faults(tmp_path, HEAD + 'phase = "disagg"\n[plan]\ntp = 8\nbatch = 8\n')
    assert found[0].startswith("serving.plan_of_other_phase run.toml:10:")


def test_energy_falls_with_the_batch_and_is_unknown_without_a_rated_power() -> None:
    here = Deployment(model=model("llama-3-70b"), cluster=cluster("hgx-h100", 8), decode=Pool(tp=8))

    def kwh(concurrency: float) -> float:
        demand = Serving(phase=Phase.AGGREGATED, isl=1024, osl=512, concurrency=concurrency)
        found = energy.kwh_per_million_tokens(here, demand, predict_serving(here, demand))
        assert found is not None
        return found

    assert kwh(64) < kwh(8) < kwh(1)
    # By hand: 8 cards of 0.7 kW at PUE 1.2 draw between a quarter and all of it.
    demand = Serving(phase=Phase.AGGREGATED, isl=1024, osl=512, concurrency=8)
    rate = predict_serving(here, demand).output_tokens_per_s
    host_kw = here.cluster.host_w_per_card * 1e-3
    low, high = (8 * 1.2 * (0.7 * share + host_kw) / rate * 1e6 / 3600 for share in (0.25, 0.95))
    assert low < kwh(8) < high


def test_offers_are_ranked_by_answers_for_a_yuan_and_one_out_of_reach_stands_last() -> None:
    offers = [
        cluster("hgx-h100", 8, price_fen_per_card_hour=2800),
        cluster("hgx-h100", 8, price_fen_per_card_hour=1400),
        cluster("hgx-h100", 1, price_fen_per_card_hour=1),
    ]
    demand = Serving(phase=Phase.AGGREGATED, isl=1024, osl=512, concurrency=1)
    found = compare_serving(
        model("llama-3-405b"), demand, offers, limits=Limits(tpot_s=0.1), phases=(Phase.AGGREGATED,)
    )
    prices = [offer.cluster.price_fen_per_card_hour for offer in found.offers]
    assert prices == [1400, 2800, 1]
    assert [offer.is_pareto for offer in found.offers] == [True, False, False]
    assert found.offers[-1].best is None
