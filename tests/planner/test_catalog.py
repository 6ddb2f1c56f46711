"""The catalogue: its figures agree with each other, and free texts find what they mean."""

from __future__ import annotations

import pytest

from hesuan.errors import InputFault
from hesuan.figures import Kind
from hesuan.planner.catalog import (
    chip,
    chip_names,
    cluster,
    cluster_names,
    model,
    model_names,
    resolve_chip,
    resolve_model,
)
from hesuan.planner.catalog.data import table
from hesuan.planner.inputs import Precision


@pytest.mark.parametrize("name", chip_names())
def test_every_figure_of_a_chip_has_unit_kind_and_source(name: str) -> None:
    unit = chip(name)
    assert {"memory", "bandwidth", "tdp"} <= set(unit.figures)
    for key, figure in unit.figures.items():
        assert figure.value > 0 and figure.unit and figure.source, key
        assert figure.kind in (Kind.MEASURED, Kind.PUBLISHED, Kind.ASSUMED)
    for precision, rate in unit.matmul_flops.items():
        assert rate <= unit.peak_flops[precision], "nobody measures more than the peak"


def test_the_catalogue_holds_the_39_chips_and_unreliable_ones_are_marked() -> None:
    assert len(chip_names()) >= 39
    for name in ("cambricon-mlu590", "mthreads-s5000", "biren-br106", "ascend-950dt"):
        assert Precision.BF16 in {Precision(key) for key, _ in chip(name).assumed if key in list(Precision)}


@pytest.mark.parametrize("name", model_names())
def test_dimensions_count_to_the_published_parameters(name: str) -> None:
    entry, counted = table("models.toml")[name], model(name)
    if "params_b" in entry:
        assert counted.params / 1e9 == pytest.approx(entry["params_b"], rel=0.035)
    if "active_b" in entry:
        assert counted.active_params / 1e9 == pytest.approx(entry["active_b"], rel=0.17)


@pytest.mark.parametrize("name", cluster_names())
def test_every_cluster_can_be_made(name: str) -> None:
    made = cluster(name)
    assert made.fabric.levels[-1].size >= made.cards
    assert made.price_fen_per_card_hour is None, "a price is never guessed"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A100-class (Ampere, 312 TF)", "a100-80gb-sxm"),
        ("A100-40GB-SXM", "a100-40gb-sxm"),
        ("A800-80GB-SXM (README also says A100)", "a800-80gb-sxm"),
        ("H100-96GB-HBM2e 500W (Grand Teton)", "h100-96gb-hbm2e"),
        ("h200_sxm", "h200-141gb-sxm"),
        ("GB300", "gb300-nvl72"),
        ("TPU v6e (Trillium)", "tpu-v6e"),
        ("Ascend 910B (Atlas 900 A2 PODc, 353.9 TF bf16 SKU assumed)", "ascend-910b-376t"),
        ("Ascend 910B (A2, 313T SKU)", "ascend-910b-313t"),
        ("Ascend 910C", "ascend-910c"),
        ("Ascend 910C (A3 package, 2 dies)", "ascend-910c"),
        ("Ascend 910C die (Atlas 900 A3 SuperPoD)", "ascend-910c-die"),
        ("Ascend A3-class (undisclosed; die counted as NPU)", "ascend-910c-die"),
        ("MetaX C500-64G", "metax-c500"),
    ],
)
def test_a_free_text_finds_its_chip(text: str, name: str) -> None:
    match = resolve_chip(text)
    assert (match.name, match.exact) == (name, True)


def test_an_unknown_chip_gets_its_nearest_relative_and_says_so() -> None:
    match = resolve_chip("Ascend 910D prototype")
    assert match.value.kin == "ascend" and "910D" in match.note
    assert not resolve_chip("Quantum-9000").exact


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("LLaMA3.1-8B", "llama-3.1-8b"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("nvidia/DeepSeek-V3.1-NVFP4", "deepseek-v3.1"),
        ("DeepSeek-R1 671B", "deepseek-r1"),
        ("DeepSeek-V3/R1", "deepseek-v3"),
        ("Qwen/Qwen3-235B-A22B-FP8", "qwen3-235b-a22b"),
        ("zhipuai/GLM-5", "glm-5"),
        ("GPT-175B (Megatron-LM)", "gpt-3-175b"),
        ("Qwen1.5-MoE-A2.7B (14.3B)", "qwen1.5-moe-a2.7b"),
        ("Bloom-7B1", "bloom-7b1"),
        ("GPT-OSS-120B", "gpt-oss-120b"),
    ],
)
def test_a_free_text_finds_its_model(text: str, name: str) -> None:
    assert resolve_model(text).name == name


def test_a_truncated_model_has_fewer_layers() -> None:
    cut = resolve_model("DeepSeek-V3 truncated to 4 layers").value
    assert (cut.layers, cut.dense_layers, cut.experts) == (4, 1, 256)


def test_an_unknown_model_gets_the_nearest_shape_at_its_size() -> None:
    match = resolve_model("Foo-45B")
    assert match.value.params == pytest.approx(45e9, rel=0.05) and match.note
    assert resolve_model("Bar-100B-A10B").value.is_moe


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputFault, match="hgx-h100"):
        cluster("hgx-h10")


def test_a_job_fills_its_domains_alike() -> None:
    """256 cards on racks of 72: four racks with 64 each; 72 cards: one whole rack."""
    assert [cluster("nvl72-gb200", cards).fabric.scale_up_domain for cards in (256, 72, 1536, 8)] == [
        64,
        72,
        64,
        72,
    ]
    assert cluster("cloudmatrix384", 8192).fabric.scale_up_domain == 512
