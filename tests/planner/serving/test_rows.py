"""Published rows: what is written, what was left out, and rows nobody can read."""

from __future__ import annotations

import csv
import json

import pytest
from tests.planner.serving.machines import ROWS

from hesuan.planner.serving import ExpertBalance, Phase, Pool, backtest, is_serving_table
from hesuan.planner.serving.layout import Layout, aggregated_pool, read_layout, undivided_pools
from hesuan.planner.serving.names import NAMES
from hesuan.planner.serving.rows import ServingRow, Unreadable, read_row

AGG = {
    "id": "r",
    "source": "s",
    "model": "deepseek-ai/DeepSeek-R1",
    "chip": "h200_sxm",
    "engine": "sglang 0.5.9",
    "phase": "agg",
    "precision": "fp8",
    "isl": "1024",
    "osl_or_kv": "1024",
    "batch": "64",
    "TP": "8",
    "DP_attention": "1",
    "moe_TP": "8",
    "EP": "1",
    "reported_metric": "ttft_ms and tpot_ms",
    "value": "23.4",
    "ttft_ms": "500",
    "tpot_ms": "23.4",
    "notes": "silicon_concurrency=64; measured=2026-01-14T00:00:00",
}


def read(**changes: str) -> ServingRow:
    row = read_row(AGG | changes, NAMES)
    assert isinstance(row, ServingRow), row
    return row


@pytest.mark.parametrize(
    ("changes", "balance"),
    [
        ({}, ExpertBalance.NATURAL),
        ({"source": "prefill table: perfect EPLB"}, ExpertBalance.BALANCED),
        ({"notes": "batch = tokens per device; perfect EPLB"}, ExpertBalance.BALANCED),
        ({"source": "blog table: DeepSeek profile decode"}, ExpertBalance.BALANCED),
        ({"notes": "EPLB on; default expert distribution"}, ExpertBalance.NATURAL),
    ],
)
def test_a_row_is_even_where_it_says_so(changes: dict[str, str], balance: ExpertBalance) -> None:
    assert read(**changes).serving.expert_balance is balance


def test_a_row_becomes_a_deployment() -> None:
    row = read()
    assert row.deployment.decode == Pool(tp=8)
    assert (row.serving.concurrency, row.serving.era) == (64.0, pytest.approx(2026.04, abs=0.01))
    assert (row.observed.tpot_s, row.observed.ttft_s) == (pytest.approx(0.0234), pytest.approx(0.5))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("4x(tp8 pp1 dp1 ep8 bs4)", Layout(4, 8, 1, 1, 8, 4)),
        ("x(tp4 pp1 dp1 ep1 bs)", Layout(None, 4, 1, 1, 1, None)),
        ("2x(tp1 pp1 dp4 ep0 bs1)", Layout(2, 1, 1, 4, 1, 1)),
        ("", None),
        ("8 nodes", None),
    ],
)
def test_layouts(text: str, wanted: Layout | None) -> None:
    assert read_layout(text) == wanted


def test_a_product_written_as_tp_is_read_as_tp_and_ep_and_says_so() -> None:
    assumed: list[str] = []
    assert aggregated_pool(tp=64, dp=1, pp=1, moe_tp=8, ep=8, assumed=assumed) == Pool(tp=8, ep=8)
    assert assumed == ["tp64 read as TP 8 with EP 8"]


def test_attention_dp_multiplied_into_ep_is_read_on_the_same_cards() -> None:
    assumed: list[str] = []
    assert aggregated_pool(tp=4, dp=4, pp=1, moe_tp=1, ep=16, assumed=assumed) == Pool(dp=4, ep=4)
    assert aggregated_pool(tp=4, dp=2, pp=1, moe_tp=1, ep=8, assumed=[]) == Pool(tp=4, dp=2, ep=8)
    assert len(assumed) == 1


@pytest.mark.parametrize(
    ("concurrency", "decode"), [("64", Pool(tp=8, instances=4)), ("2000", Pool(dp=8, ep=8))]
)
def test_instances_without_a_count_prefill_and_decode_as_such_engines_do(
    concurrency: str, decode: Pool
) -> None:
    """One published deployment stands in two files: ``tp8 ep8`` in one, attention-DP 8 in the other."""
    row = read(
        phase="disagg",
        engine="trtllm",
        prefill_layout="x(tp8 pp1 dp1 ep8 bs)",
        decode_layout="x(tp8 pp1 dp1 ep1 bs)",
        notes=f"silicon_concurrency={concurrency}",
    )
    assert row.deployment.prefill == Pool(dp=8, ep=8)
    assert row.deployment.decode == decode


def test_only_a_number_of_cards_is_known() -> None:
    assumed: list[str] = []
    prefill, decode = undivided_pools(72, 2048, assumed)
    assert (prefill.cards, decode.cards, decode.ep) == (24, 48, 48)
    assert assumed


def test_disaggregated_rows_keep_their_instances() -> None:
    row = read(
        phase="disagg",
        prefill_layout="2x(tp1 pp1 dp8 ep8 bs1)",
        decode_layout="9x(tp8 pp1 dp1 ep8 bs8)",
    )
    assert row.serving.phase is Phase.DISAGGREGATED
    assert row.deployment.cards == 16 + 72
    assert not row.match_prefill


def test_an_unknown_chip_and_model_are_forecast_and_named() -> None:
    row = read(chip="H999-imaginary", model="Foo-34B")
    assert any("H999-imaginary" in note for note in row.assumed)
    assert any("Foo-34B" in note for note in row.assumed)
    report = backtest([AGG | {"chip": "H999-imaginary", "model": "Foo-34B"}])
    assert report.plain["TPOT"].runs == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"phase": "dreaming"},
        {"phase": "disagg", "prefill_layout": "", "decode_layout": ""},
        {"phase": "prefill", "value": ""},
        {"phase": "decode", "reported_metric": "happiness"},
    ],
)
def test_a_row_that_cannot_be_read_is_counted_with_its_reason(changes: dict[str, str]) -> None:
    assert isinstance(read_row(AGG | changes, NAMES), Unreadable)
    report = backtest([AGG | changes, AGG])
    assert report.rows == 2
    assert len(report.unscored) == 1
    assert report.unscored[0].reason


@pytest.mark.parametrize(
    ("engine", "wanted"),
    [
        ("dynamo-trt 0.8", "trtllm"),
        ("SGLang", "sglang"),
        ("vllm nightly", "vllm"),
        ("mindie", "other"),
        ("", "other"),
    ],
)
def test_engines(engine: str, wanted: str) -> None:
    assert read(engine=engine).serving.engine == wanted


def test_no_rows_give_an_empty_report() -> None:
    assert backtest([]).rows == 0
    assert json.loads(backtest([]).json())["plain"] == {}


def test_the_table_is_told_by_its_columns() -> None:
    with ROWS.open(encoding="utf-8") as file:
        reader = csv.DictReader(file)
        assert is_serving_table(list(reader.fieldnames or ()))
    assert not is_serving_table(["model", "chip", "global_batch", "value"])


def test_a_published_row_that_should_not_fit_is_forecast_all_the_same() -> None:
    """Somebody ran it: the reckoning of memory is wrong, not the row."""
    report = backtest([AGG | {"TP": "2", "moe_TP": "2", "precision": "bf16"}])
    assert report.plain["TPOT"].runs == 1
    assert report.plain["TPOT"].mape < 10


@pytest.mark.parametrize(
    "changes",
    [
        {"isl": "", "osl_or_kv": "", "batch": "", "notes": ""},
        {"TP": "28", "moe_TP": "28"},
        {"TP": "abc", "EP": "-3"},
        {"precision": "w4a8-exotic", "engine": ""},
        {"chip": "TPU v6e"},
        {"chip": "Moore Threads S4000"},
        {"model": "nemotron-3-super"},
        {"model": ""},
        {"chip": ""},
        {"tpot_ms": "0", "ttft_ms": "-"},
    ],
)
def test_no_row_stops_the_others(changes: dict[str, str]) -> None:
    report = backtest([AGG | changes, AGG | {"phase": "decode"} | changes, AGG])
    assert report.rows == 3
    assert report.plain["TPOT"].runs >= 1
    json.loads(report.json())
