"""Published rows: what tables say becomes inputs, what they leave out is noted, and nothing crashes."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hesuan.planner.backtest.metric import Counting, counting_of, flops_per_token, peak_of
from hesuan.planner.backtest.rows import COLUMNS, Row, Unread, counted, parse_row, read_rows
from hesuan.planner.backtest.stack import Instrument
from hesuan.planner.backtest.words import (
    era_of,
    memory_gib_of,
    number,
    precision_of,
    recompute_of,
    sharding_of,
    wires_of,
)
from hesuan.planner.catalog import model
from hesuan.planner.cost import Plans, evaluate
from hesuan.planner.inputs import Precision, Recompute, Schedule

OWN = Path(__file__).parent / "rows" / "own.csv"
with OWN.open(encoding="utf-8") as file:
    RECORDS = list(csv.DictReader(file))
MEASUREMENTS = Path(os.environ.get("HESUAN_MEASUREMENTS", "../shared/measurements"))


@pytest.fixture(scope="module")
def own() -> dict[str, Row]:
    rows, _ = read_rows(OWN)
    return {row.id: row for row in rows}


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("MXFP8", Precision.FP8),
        ("FP8-CS", Precision.FP8),
        ("bf16+fp8", Precision.FP8),
        ("NVFP4", Precision.FP4),
        ("fp16/bf16 (see page)", Precision.BF16),
        ("amp_bf16", Precision.BF16),
        ("fp16 O2", Precision.FP16),
        ("amp", Precision.FP16),
        ("int8 (AQT) + bf16", Precision.INT8),
    ],
)
def test_precision_words(text: str, precision: Precision) -> None:
    assert precision_of(text) == (precision, "")


def test_no_precision_is_bf16_and_said() -> None:
    assert precision_of("")[0] is Precision.BF16 and precision_of("")[1]


@pytest.mark.parametrize(
    ("text", "pp", "stage", "degree"),
    [
        ("0", 1, 0, 0),
        ("fsdp FULL_SHARD", 1, 3, 0),
        ("fsdp SHARD_GRAD_OP", 1, 2, 0),
        ("fsdp-style (optimizer+gradient sharding)", 16, 2, 0),
        ("fsdp", 1, 3, 0),
        ("fsdp", 8, 2, 0),
        ("fsdp 48 x data 16", 1, 3, 48),
        ("distributed optimizer (recipe default)", 1, 1, 0),
        ("distributed optimizer (zero1)", 1, 1, 0),
        ("zero1 within 8", 1, 1, 8),
        ("sharding stage2", 1, 2, 0),
        ("stage1 degree1", 1, 1, 1),
    ],
)
def test_sharding_words(text: str, pp: int, stage: int, degree: int) -> None:
    found = sharding_of(text, pp=pp)
    assert (found.stage, found.degree, found.note) == (stage, degree, "")


@pytest.mark.parametrize(
    ("text", "notes", "found"),
    [
        ("full (use_checkpoint true in config)", "", (Recompute.FULL, None)),
        ("full block 10", "", (Recompute.FULL, 10)),
        ("full uniform 1", "", (Recompute.FULL, None)),
        ("selective per-op", "", (Recompute.SELECTIVE, None)),
        ("minimal", "", (Recompute.SELECTIVE, None)),
        ("none", "", (Recompute.NONE, None)),
        ("see README row", "README row recompute=True; large gap", (Recompute.FULL, None)),
        ("", "", None),
    ],
)
def test_recompute_words(text: str, notes: str, found: object) -> None:
    assert recompute_of(text, notes) == found


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("NVIDIA Megatron-Bridge docs/x.md release 26.04.01, Pre-Training", 2026.29),
        ("MLPerf Training v3.1 result logs, eos_n64_ngc23.09_nemo/gpt3", 2023.71),
        ("MLPerf Training v4.1 result logs, Google/results/x", 2024.8),
        ("torchtitan benchmarks/asyncTP_llama3_h100_2025-06_torchtitan.md", 2025.46),
        ("Somebody et al. (arXiv 2502.11089)", 2024.82),
    ],
)
def test_the_era_of_the_software(text: str, year: float) -> None:
    assert era_of(text) == pytest.approx(year, abs=0.02)


def test_no_era_without_a_hint() -> None:
    assert era_of("a page without a date, 4104.04473 and 12345678") is None


@pytest.mark.parametrize(
    ("text", "gbps"),
    [
        ("NVLink3 + 4x100Gb/s Omni-Path per node", 6.25),
        ("NVLink3 + 8x200Gb/s HDR IB per node (Selene)", 25.0),
        ("NVLink3 + 800 Gb/s per node (config inter_node_bandwidth)", 12.5),
        ("1600 Gb/s RoCE per node", 25.0),
        ("NVLink4 + 400Gb/s IB", 50.0),
        ("NVLink 160 GB/s each way + 8x400Gb/s IB per node", 50.0),
        ("ICI torus", None),
    ],
)
def test_the_network_of_one_card(text: str, gbps: float | None) -> None:
    assert wires_of(text, cards_per_node=8).network_gbps == gbps


def test_peak_memory_words() -> None:
    assert memory_gib_of("59/80") == 59
    assert memory_gib_of("33 GB as published") == pytest.approx(30.73, abs=0.01)
    assert memory_gib_of("OOM") is None
    assert number("about 6,000") == 6000


def test_the_definitions_of_flops_differ_as_they_should() -> None:
    """GPT-3 175B at 2048: four forwards are 4/3 of three, head aside; half the square takes 1.3 % off."""
    gpt = model("gpt-3-175b")
    full = flops_per_token(gpt, 2048, Counting.MODEL, Recompute.FULL)
    hardware = flops_per_token(gpt, 2048, Counting.HARDWARE, Recompute.FULL)
    assert hardware / full == pytest.approx(4 / 3, rel=0.002)
    assert flops_per_token(gpt, 2048, Counting.HARDWARE, Recompute.NONE) == full
    causal = flops_per_token(gpt, 2048, Counting.CAUSAL, Recompute.NONE)
    assert full - causal == pytest.approx(6 * 96 * 12288 * 2048, rel=1e-9)
    palm = flops_per_token(gpt, 2048, Counting.PALM, Recompute.NONE)
    assert palm == pytest.approx(full, rel=0.01)


@pytest.mark.parametrize(
    ("notes", "era", "counting"),
    [
        (
            "hardware-FLOP style: counts the recomputed forward (4x fwd); % of 312 TF",
            2021.2,
            Counting.HARDWARE,
        ),
        ("table MFU 26.91% (PaLM definition)", 2023.9, Counting.PALM),
        ("MFU 46.2%, HFU 57.8% of 275 TF", 2022.0, Counting.PALM),
        ("model FLOPs / 312 TF", 2023.8, Counting.MODEL),
        ("abstract; GPU count from compendium", 2025.9, Counting.CAUSAL),
    ],
)
def test_how_a_source_counts(notes: str, era: float, counting: Counting) -> None:
    assert counting_of(notes, era=era) is counting


def test_the_peak_a_share_refers_to() -> None:
    assert peak_of("paper MFU 0.530 of 312 TF", 1.0) == 312e12
    assert peak_of("as reported", 989e12) == 989e12


def test_a_full_row(own: dict[str, Row]) -> None:
    row = own["own-gpt175"]
    plan = row.plan
    assert (plan.tp, plan.pp, plan.vpp, plan.dp, plan.schedule) == (8, 8, 3, 1, Schedule.INTERLEAVED)
    assert row.observed_s == 13.75 and plan.sequence_parallel and not row.workload.training.flash_attention
    assert row.workload.model.gated is False
    assert row.derived == ("DP 1 = chips / (TP PP CP)",)
    assert row.workload.cluster.fabric.levels[-1].bandwidth_bytes_per_s == 25e9
    assert row.mfu == pytest.approx(0.51, abs=0.01)


def test_shares_of_peak_become_step_time(own: dict[str, Row]) -> None:
    """Llama 3 at 41 %: 6 * 405e9 * 16.8 million tokens / (0.41 * 989e12 * 16,384) = 6.1 s and attention."""
    row = own["own-llama405"]
    assert row.observed_s == pytest.approx(6.45, rel=0.03)
    assert [level.name for level in row.workload.cluster.fabric.levels] == ["scale-up", "pod", "network"]
    assert row.workload.cluster.fabric.levels[-1].oversubscription == 7


def test_a_row_of_an_unknown_model_and_no_plan_is_filled_and_says_so(own: dict[str, Row]) -> None:
    row = own["own-sparse"]
    assert not row.model_known and not row.plan_known and row.chip_known
    assert row.workload.model.params == pytest.approx(34e9, rel=0.05)
    assert row.plan.cards == 64 and row.observed_s and len(row.assumed) >= 6


def test_experts_and_schedules(own: dict[str, Row]) -> None:
    row = own["own-v3"]
    assert row.plan.schedule is Schedule.DUALPIPE and row.plan.overlap_ep and row.plan.ep == 64
    assert row.workload.model.mla is not None and row.workload.model.mtp_layers == 1
    assert row.workload.cluster.fabric.levels[0].bandwidth_bytes_per_s == 160e9


def test_a_row_out_of_memory_has_no_step_time(own: dict[str, Row]) -> None:
    row = own["own-oom"]
    assert row.out_of_memory and row.observed_s is None and row.mfu is None


def test_a_row_that_cannot_be_read_gives_its_reason() -> None:
    _, unread = read_rows(OWN)
    (one,) = unread
    assert one.id == "own-bad" and "furlongs" in one.reason and "不在" in one.reason_zh


def test_every_fault_of_a_row_stands_in_its_reason_in_both_languages() -> None:
    row = {
        "reported_metric": "step_s",
        "value": "2",
        "model": "zz",
        "chip": "H100",
        "layers": "8",
        "hidden": "0",
    }
    found = parse_row(row)
    assert isinstance(found, Unread)
    assert "`hidden` is 0" in found.reason and "`ffn` is 0" in found.reason
    assert "“hidden”为 0" in found.reason_zh and "“ffn”为 0" in found.reason_zh


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(COLUMNS), st.text(max_size=12) | st.sampled_from(["8", "0", "-1", "1e9"]))
)
def test_no_row_crashes(record: dict[str, str]) -> None:
    whole = {"reported_metric": "step_s", "value": "2", "model": "Llama-3-8B", "chip": "H100"} | record
    assert isinstance(parse_row(whole), Row | Unread)


@pytest.mark.measurements
@pytest.mark.skipif(not (MEASUREMENTS / "training.csv").exists(), reason="the published rows are not here")
def test_every_published_row_is_read() -> None:
    rows, unread = read_rows(MEASUREMENTS / "training.csv")
    assert len(rows) >= 625 and not unread
    assert all(row.is_sane for row in rows), [row.id for row in rows if not row.is_sane]
    assert sum(not row.chip_known for row in rows) == 0
    assert sum(row.plan_known for row in rows) > 0.9 * len(rows)
    assert counted(rows)[0][0].startswith("assumed")


def row_with(**other: str) -> Row:
    base = {
        "model": "Llama-3-8B", "chip": "H100-80GB-SXM", "n_chips": "64", "TP": "1", "PP": "8", "seq": "8192",
        "global_batch": "256", "reported_metric": "step_s", "value": "5",
    }  # fmt: skip
    row = parse_row(base | other)
    assert isinstance(row, Row), row
    return row


def test_torchtitan_cuts_a_local_batch_into_as_many_micro_batches_as_stages() -> None:
    row = row_with(source="torchtitan benchmarks/x_202412", notes="Interleaved 1F1B; local batch 32", VPP="")
    assert (row.plan.micro_batch, row.plan.vpp, row.plan.schedule) == (4, 2, Schedule.INTERLEAVED)


def test_a_note_that_corrects_the_batch_is_believed() -> None:
    row = row_with(
        global_batch="2048", notes="header says GBS=512 but column prints 2048 (512 fits the TFLOPs)"
    )
    assert row.workload.training.global_batch == 512
    assert any("512 instead of 2048" in note for note in row.assumed)


def test_the_gate_is_found_by_counting() -> None:
    dims = {"layers": "40", "hidden": "5120", "heads": "40", "ffn": "20480", "vocab": "32000"}
    assert row_with(model="Unheard-Of", params_b="17.1", **dims).workload.model.gated
    assert not row_with(model="Unheard-Of", params_b="12.9", **dims).workload.model.gated


def test_a_die_pair_and_its_node_stay_levels_of_a_smaller_supernode() -> None:
    row = row_with(chip="Ascend 910C die (Atlas 900 A3 SuperPoD)", scale_up_domain="64", TP="2", PP="1")
    sizes = [level.size for level in row.workload.cluster.fabric.levels if level.scale_up]
    assert sizes == [2, 16, 64]


def test_tokens_of_a_package_are_those_of_two_dies() -> None:
    tokens = {"reported_metric": "tokens_per_s_per_chip", "value": "7617", "TP": "2", "PP": "1"}
    chip = {"chip": "Ascend 910C die (Atlas 900 A3 SuperPoD)", "n_chips": "16", "scale_up_domain": "16"}
    die = row_with(**tokens, **chip)
    package = row_with(**tokens, **chip, mfu_definition_notes="it must be per 910C package (2 dies)")
    assert die.observed_s and package.observed_s == pytest.approx(2 * die.observed_s)


def test_selective_means_half_of_the_layers_in_torchtitan() -> None:
    row = row_with(source="torchtitan benchmarks/x_202412", recompute="selective")
    assert (row.plan.recompute, row.plan.recompute_layers) == (Recompute.FULL, 2)
    assert row_with(recompute="selective").plan.recompute is Recompute.SELECTIVE


def test_a_gradient_beside_its_fp32_sum_takes_six_bytes() -> None:
    text = "bf16 (new BF16_Optimizer, fp32 gradient accumulation)"
    assert row_with(precision=text).workload.training.grad_bytes == 6
    assert row_with(precision="bf16").workload.training.grad_bytes == 4


@pytest.mark.parametrize(
    ("source", "precision", "held"),
    [
        ("Megatron-LM", "bf16", (4, 12)),
        ("FlagPerf llama2_7b-megatron-deepspeed README", "amp", (2, 16)),
        ("Megatron-DeepSpeed", "bf16 (new BF16_Optimizer, fp32 gradient accumulation)", (6, 12)),
    ],
)
def test_a_code_base_holds_gradients_and_states_its_own_way(
    source: str, precision: str, held: tuple[int, int]
) -> None:
    training = row_with(source=source, precision=precision).workload.training
    assert (training.grad_bytes, training.state_bytes) == held


@pytest.mark.parametrize(
    ("source", "notes", "fused"),
    [
        ("torchtitan benchmarks/x_202412", "", False),
        ("torchtitan benchmarks/x_202506", "", True),
        ("mosaicml/llm-foundry 2023-12", "", True),
        ("Megatron-LM 2023-12", "", False),
        ("Megatron-LM 2023-12", "cross-entropy fusion on", True),
        ("NVIDIA Megatron-Bridge 25.11 2025-11", "", True),
    ],
)
def test_cross_entropy_is_one_kernel_by_age_or_by_word(source: str, notes: str, fused: bool) -> None:
    assert row_with(source=source, notes=notes).workload.training.fused_loss is fused


def test_a_source_says_by_its_name_what_read_its_memory() -> None:
    assert row_with(source="torchtitan x").instrument is Instrument.FRAMEWORK
    assert row_with(source="FlagPerf x").instrument is Instrument.MONITOR


def test_flagperf_shares_norms_only_where_it_fits_only_so() -> None:
    """Llama 3 on H100: 8B on TP 2 fits without, 70B on TP 8 and PP 4 keeps 20 layers of 4 micro-batches."""
    flagperf = {"source": "FlagPerf x README 2024-06", "chip": "H100-80GB-SXM", "seq": "8192"}
    run = {"PP": "1", "microbatch": "1", "global_batch": "512", "recompute": "selective", **flagperf}
    small = row_with(model="Llama-3-8B", n_chips="8", TP="2", **run)
    large = row_with(model="Llama-3-70B", n_chips="64", TP="8", **{**run, "PP": "4"})
    other = row_with(model="Llama-3-8B", n_chips="8", TP="2", **{**run, "source": "Megatron 2024-06"})
    assert not small.plan.sequence_parallel
    assert large.plan.sequence_parallel and other.plan.sequence_parallel
    assert any("sequence parallelism not given" in note for note in small.assumed)


def test_an_eager_run_is_told_from_its_compiled_twin_and_is_slower() -> None:
    """torchtitan, December 2024, Llama 3 8B on 8 cards: compiled 6667 tokens/s, eager 5762: 16 % more."""
    source = {"source": "torchtitan benchmarks/x_202412", "n_chips": "8", "PP": "1", "recompute": "selective"}
    batch = {"microbatch": "2", "global_batch": "16", "zero": "fsdp", "precision": "bf16"}
    eager, compiled = (row_with(notes=note, **source, **batch) for note in ("FSDP; x", "FSDP+compile; x"))
    assert (eager.workload.training.compiled, compiled.workload.training.compiled) == (False, True)
    steps = [float(evaluate(row.workload, Plans.of([row.plan])).step_s[0]) for row in (eager, compiled)]
    assert steps[0] / steps[1] == pytest.approx(1.16, abs=0.08)


FIELDS_THAT_MAY_BE_BLANK = [name for name in COLUMNS if name not in ("id", "reported_metric", "value")]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["own-gpt175", "own-v3", "own-palm", "own-llama405"]),
       st.sets(st.sampled_from(FIELDS_THAT_MAY_BE_BLANK), max_size=12))  # fmt: skip
def test_a_row_with_blanks_can_still_be_forecast(name: str, blanks: set[str]) -> None:
    record = dict(next(one for one in RECORDS if one["id"] == name)) | dict.fromkeys(blanks, "")
    row = parse_row(record)
    assert isinstance(row, Row), row
    step_s = float(evaluate(row.workload, Plans.of([row.plan])).step_s[0])
    assert step_s > 0 and step_s < float("inf")
