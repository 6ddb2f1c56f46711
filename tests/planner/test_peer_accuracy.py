"""Published rows as calculon's inputs, run through a stand-in for it, and the errors told by source."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tools.peer_accuracy import compared, main
from tools.peer_errors import Forecast, line_of, lines_of
from tools.peer_inputs import Inexpressible, Job, job_of, plain_width
from tools.peer_page import page

from hesuan.planner.backtest.rows import Row, read_rows
from hesuan.planner.inputs import Precision

ROWS = {row.id: row for row in read_rows(Path(__file__).parent / "rows/runs.csv")[0]}
GPT = ROWS["sc21-002"]
CURVE = [[128, 0.95], [0, 0.1]]


def file(tflops: float) -> dict[str, object]:
    """A system file in the shape of calculon's."""
    processor = {"tflops": tflops, "gflops_efficiency": CURVE}
    network = {"bandwidth": 300, "size": 8, "latency": 1e-5}
    return {
        "matrix": {"float16": processor},
        "vector": {"float16": {"tflops": tflops / 4, "gflops_efficiency": CURVE}},
        "mem1": {"GiB": 80, "GBps": 2048},
        "networks": [network, network | {"bandwidth": 25, "size": 65536}],
    }


FILES = {"a100_80g": file(312), "h100_80g_nvl8": file(1000)}
STAND_IN = """
class Llm:
    class Error(Exception): ...
    class Application(dict): ...
    class Execution(dict):
        from_json = classmethod(lambda cls, given: cls(given))
    def __init__(self, model, log): self.model = model
    def compile(self, system, execution):
        if execution["tensor_par"] > 4: raise self.Error("TP is too large")
        self.execution = execution
    def run(self, system): self.system = system
    def get_stats_json(self, layers):
        return {"total_time": self.system["networks"][1]["bandwidth"] * 1.0}
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder laid out like a checkout: its answer is the network's bandwidth, and it refuses TP above 4."""
    (tmp_path / "calculon/llm").mkdir(parents=True)
    (tmp_path / "systems").mkdir()
    (tmp_path / "calculon/__init__.py").write_text("")
    (tmp_path / "calculon/llm/__init__.py").write_text(STAND_IN)
    (tmp_path / "calculon/system.py").write_text("System = dict\n")
    for name, content in FILES.items():
        (tmp_path / f"systems/{name}.json").write_text(json.dumps(content))
    return tmp_path


def job(row: Row) -> Job:
    found = job_of(row, FILES)
    assert isinstance(found, Job)
    return found


def test_a_gpt_with_written_out_attention_is_exact_and_keeps_its_sizes() -> None:
    found = job(GPT)
    assert found.adapted == ()
    assert found.model["feedforward"] == 4 * found.model["hidden"] == 12288
    assert found.execution["num_procs"] == 64 == 2 * 1 * found.execution["data_par"]
    assert found.execution["activation_recompute"] == "full"
    assert not found.execution["optimizer_sharding"]
    assert set(found.systems) == {"row", "shipped"}


def test_a_gated_model_with_grouped_heads_keeps_its_weights() -> None:
    """
    width 12288, 3 matrices, hidden 3072; 8 of 32 heads of 96 have keys
    ----
    f' = (3 * 3072 * 12288 - 2 * 3072 * 24 * 96) / (2 * 3072) = 18432 - 2304 = 16128
    """
    model = replace(GPT.workload.model, gated=True, kv_heads=8, ffn=12288)
    assert model.head_dim == 96
    assert plain_width(model, 2) == 16128
    found = job(replace(GPT, workload=replace(GPT.workload, model=model)))
    assert found.adapted == ("gated MLP", "grouped heads")


def test_the_rows_wires_replace_those_of_the_file_and_curves_stay() -> None:
    shipped, own = job(GPT).systems["shipped"], job(GPT).systems["row"]
    network = GPT.workload.cluster.fabric.levels[-1].bandwidth_bytes_per_s / 1e9
    assert own["networks"][1]["bandwidth"] == network
    assert own["mem1"]["GBps"] == 2039
    assert shipped["mem1"]["GBps"] == 2048
    assert own["matrix"]["float16"]["gflops_efficiency"] == CURVE
    assert FILES["a100_80g"]["mem1"] == {"GiB": 80, "GBps": 2048}, "the file itself is left alone"


@pytest.mark.parametrize(
    ("plan", "precision", "reason"),
    [
        ({"cp": 2, "dp": 16}, Precision.FP16, "context parallelism"),
        ({"zero": 3}, Precision.FP16, "weights sharded over ranks (FSDP, ZeRO-3)"),
        ({"recompute_layers": 2}, Precision.FP16, "recomputation of some layers"),
        ({}, Precision.FP4, "format fp4"),
    ],
)
def test_what_it_has_no_input_for_is_left_out_with_the_reason(
    plan: dict[str, int], precision: Precision, reason: str
) -> None:
    training = replace(GPT.workload.training, precision=precision)
    row = replace(GPT, plan=replace(GPT.plan, **plan), workload=replace(GPT.workload, training=training))  # type: ignore[arg-type]
    assert job_of(row, FILES) == Inexpressible(GPT.id, reason)


def test_a_run_gives_answers_and_refusals_by_row(stand_in: Path) -> None:
    wide = replace(GPT, id="wide", plan=replace(GPT.plan, tp=8, dp=8))
    moe = replace(GPT, id="cp", plan=replace(GPT.plan, cp=2, dp=16))
    found = compared([GPT, wide, moe], stand_in)
    assert found.commit == "unknown"
    (one,) = found.forecasts
    assert (one.id, one.peer_shipped_s) == (GPT.id, 25.0)
    assert one.peer_row_s == GPT.workload.cluster.fabric.levels[-1].bandwidth_bytes_per_s / 1e9
    assert dict(found.not_run) == {"cp": "context parallelism", "wide": "refused: TP is too large"}
    assert "| Megatron-LM · ampere |" in page(found)


def forecast(name: str, peer_s: float, ours_s: float) -> Forecast:
    return Forecast("r", name, (), 10.0, peer_s + 1, peer_s, 10.0, ours_s)


def test_lower_means_below_the_better_of_both_readings() -> None:
    (line,) = lines_of([forecast("a", 11.0, 8.0), forecast("a", 7.0, 11.0)])
    assert (line.rows, round(line.peer_row, 6), round(line.peer_row_bias, 6)) == (2, 0.2, -0.1)
    assert round(line.ours_left_out, 6) == 0.15
    assert line.is_lower
    assert not line_of("a", [forecast("a", 11.0, 8.0)]).is_lower


def test_a_lost_source_is_told_with_its_cause_or_without(stand_in: Path) -> None:
    found = replace(compared([GPT], stand_in), forecasts=(forecast("Somebody · ampere", 10.0, 12.0),))
    assert "**Somebody · ampere** No cause found." in page(found)


def test_without_a_checkout_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HESUAN_CALCULON", raising=False)
    assert main(["show", "rows.csv"]) == 2
    assert "HESUAN_CALCULON" in capsys.readouterr().err
