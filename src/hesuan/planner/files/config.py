"""A model from its published ``config.json``, as Hugging Face writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hesuan.errors import InputFault, declare
from hesuan.planner.inputs import Mla, Model

CONFIG_UNREADABLE = declare(
    "planner.config_unreadable",
    en="{path} is not a model's config.json: {problem}.",
    zh="{path} 不是模型的 config.json：{problem}。",
)
NEEDED = ("num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size")
EXPERTS = ("n_routed_experts", "num_local_experts", "num_experts")
PLAIN_ACTIVATIONS = ("gelu", "gelu_new", "gelu_fast", "relu")
"""With these an MLP has two matrices; with any other it is gated and has three."""


def model_from_config(path: Path) -> Model:
    """The model of a ``config.json``.

    Raises:
        InputFault: ``planner.config_unreadable``.
        Faults: dimensions that cannot be.
    """
    config = _read(path)
    if missing := [key for key in NEEDED if not isinstance(config.get(key), int)]:
        raise InputFault(CONFIG_UNREADABLE, path=path, problem=f"no {', '.join(missing)}")
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    width = int(config.get("intermediate_size") or 4 * hidden)
    experts = next((int(config[key]) for key in EXPERTS if config.get(key)), 0)
    return Model(
        name=str(config.get("_name_or_path") or config.get("model_type") or path.stem),
        layers=config["num_hidden_layers"],
        hidden=hidden,
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or hidden // heads),
        ffn=width,
        vocab=config["vocab_size"],
        gated=config.get("hidden_act", "silu") not in PLAIN_ACTIVATIONS,
        tied=bool(config.get("tie_word_embeddings", False)),
        mla=_mla(config),
        mtp_layers=int(config.get("num_nextn_predict_layers") or 0),
        **_experts(config, experts, width),
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFault(CONFIG_UNREADABLE, path=path, problem=error) from None
    if not isinstance(config, dict):
        raise InputFault(CONFIG_UNREADABLE, path=path, problem="not an object")
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, dict) else config


def _experts(config: Mapping[str, Any], experts: int, width: int) -> dict[str, int]:
    """Where no width of an expert is given, ``intermediate_size`` is it (Mixtral)."""
    if not experts:
        return {}
    return {
        "experts": experts,
        "top_k": int(config.get("num_experts_per_tok") or 1),
        "expert_ffn": int(config.get("moe_intermediate_size") or width),
        "shared_experts": int(config.get("n_shared_experts") or 0),
        "shared_ffn": int(config.get("shared_expert_intermediate_size") or 0),
        "dense_layers": int(config.get("first_k_dense_replace") or 0),
    }


def _mla(config: Mapping[str, Any]) -> Mla | None:
    if not config.get("kv_lora_rank"):
        return None
    return Mla(
        q_lora=int(config.get("q_lora_rank") or 0),
        kv_lora=int(config["kv_lora_rank"]),
        rope=int(config["qk_rope_head_dim"]),
        nope=int(config["qk_nope_head_dim"]),
        value=int(config["v_head_dim"]),
    )
