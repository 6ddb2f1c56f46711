"""RUN.toml: the examples are read, and whatever is wrong is told at its line, all at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hesuan.errors import Faults
from hesuan.planner.files import read_cluster, read_run
from hesuan.planner.inputs import UNBOUNDED, Precision, Schedule

FOLDER = Path(__file__).resolve().parents[2] / "examples"
EXAMPLES = sorted(path for path in FOLDER.glob("*.toml") if "-serving-" not in path.name)

WHOLE = """\
[model]
name = "llama-3-70b"
[cluster]
name = "hgx-h100"
cards = 64
price_yuan_per_card_hour = "14.00"
[training]
seq = 8192
global_batch = 128
[plan]
tp = 8
pp = 2
schedule = "1f1b"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


def faults(path: Path) -> list[str]:
    with pytest.raises(Faults) as caught:
        read_run(path)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_run_whose_plan_takes_the_cluster(path: Path) -> None:
    run = read_run(path)
    assert run.plan is not None and run.plan.cards == run.workload.cluster.cards
    assert run.workload.cluster.price_fen_per_card_hour


def test_what_a_file_says_is_what_is_read(tmp_path: Path) -> None:
    run = read_run(written(tmp_path, WHOLE))
    assert run.plan is not None
    assert (run.plan.tp, run.plan.pp, run.plan.dp, run.plan.schedule) == (8, 2, 4, Schedule.ONE_F_ONE_B)
    assert run.workload.cluster.price_fen_per_card_hour == 1400
    assert run.workload.training.precision is Precision.BF16


def test_a_run_without_a_plan_has_none(tmp_path: Path) -> None:
    assert read_run(written(tmp_path, WHOLE.partition("[plan]")[0])).plan is None


def test_every_fault_is_told_once_in_order_with_its_line(tmp_path: Path) -> None:
    text = (
        WHOLE.replace("llama-3-70b", "lama-3-70b")
        .replace("hgx-h100", "hgx-h10")
        .replace('"14.00"', '"14.0.0"')
        .replace("seq = 8192", 'seq = "8k"')
        .replace("schedule =", "schedul =")
        .replace("tp = 8", "tp = 0")
    )
    found = faults(written(tmp_path, text))
    lines = [int(one.split("run.toml:")[1].split(":")[0]) for one in found]
    assert lines == sorted(lines) == [2, 4, 6, 8, 13]
    assert "`llama-3-70b`" in found[0] and "`hgx-h100`" in found[1]
    assert "Did you mean `schedule`?" in found[-1]


def test_a_field_out_of_range_is_told_at_its_line(tmp_path: Path) -> None:
    (found,) = faults(written(tmp_path, WHOLE.replace("tp = 8", "tp = 8\nzero = 7")))
    assert "run.toml:12: `zero` is 7; it must lie between 0 and 3." in found
    (found,) = faults(written(tmp_path, WHOLE.replace('"1f1b"', '"1f2b"')))
    assert "run.toml:13:" in found and "dualpipe" in found


def test_dp_left_out_must_divide(tmp_path: Path) -> None:
    (found,) = faults(written(tmp_path, WHOLE.replace("pp = 2", "pp = 3")))
    assert "tp x pp x cp = 24" in found and "64 cards" in found


def test_a_missing_table_a_broken_file_and_no_file(tmp_path: Path) -> None:
    assert "`training` is missing" in faults(written(tmp_path, WHOLE.replace("[training]", "[trainin]")))[0]
    assert "input.not_toml" in faults(written(tmp_path, "[model"))[0]
    assert "planner.file_unreadable" in faults(tmp_path / "absent.toml")[0]


def test_a_model_by_its_dimensions_and_a_known_one_changed(tmp_path: Path) -> None:
    own = 'layers = 4\nhidden = 256\nheads = 8\nffn = 512\nvocab = 1000\nname = "ours"'
    model = read_run(written(tmp_path, WHOLE.replace('name = "llama-3-70b"', own))).workload.model
    assert (model.name, model.head_dim, model.kv_heads) == ("ours", 32, 8)
    changed = WHOLE.replace('"llama-3-70b"', '"llama-3-70b"\nvocab = 32000')
    assert read_run(written(tmp_path, changed)).workload.model.vocab == 32000
    assert "`experst`" in faults(written(tmp_path, WHOLE.replace("[cluster]", "experst = 8\n[cluster]")))[0]


def test_a_cluster_written_out_has_its_levels_in_order(tmp_path: Path) -> None:
    text = """\
[cluster]
chip = "ascend-910c-die"
cards = 1024
price_yuan_per_card_hour = "6.00"
[[cluster.levels]]
name = "supernode"
size = 256
gb_per_s = 196
scale_up = true
[[cluster.levels]]
size = 0
gb_per_s = 25
latency_us = 8.0
oversubscription = 2.0
"""
    cluster = read_cluster(written(tmp_path, text))
    assert [level.size for level in cluster.fabric.levels] == [256, UNBOUNDED]
    assert cluster.fabric.scale_up_domain == 256
    assert cluster.fabric.levels[1].latency_s == 8e-6
    with pytest.raises(Faults, match="gb_per_s"):
        read_cluster(written(tmp_path, text.replace("gb_per_s = 25\n", "")))


CONFIG = {
    "model_type": "deepseek_v3",
    "num_hidden_layers": 61,
    "hidden_size": 7168,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "intermediate_size": 18432,
    "vocab_size": 129280,
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "n_shared_experts": 1,
    "moe_intermediate_size": 2048,
    "first_k_dense_replace": 3,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
}


def test_a_published_config_counts_as_the_catalogues_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    text = WHOLE.replace('name = "llama-3-70b"', 'config = "config.json"\nname = "ours"')
    model = read_run(written(tmp_path, text)).workload.model
    assert model.name == "ours"
    assert model.params == pytest.approx(671e9, rel=0.01)
    assert model.active_params == pytest.approx(37e9, rel=0.05)


@pytest.mark.parametrize("content", ["{}", "[]", "{", json.dumps({**CONFIG, "num_hidden_layers": 0})])
def test_a_config_that_is_none_is_told_at_its_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    told = faults(written(tmp_path, WHOLE.replace('name = "llama-3-70b"', 'config = "config.json"')))
    assert told and all("run.toml:2:" in one for one in told[:1])
