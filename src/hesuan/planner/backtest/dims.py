"""The model of a published row: its own dimensions first, the catalogue's second, counted guesses last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hesuan.planner.backtest.words import number, whole
from hesuan.planner.catalog import resolve_model
from hesuan.planner.inputs import Model

PLAIN_MLP = re.compile(r"gpt|bloom|mpt|opt|megatron|mt-nlg|nemotron|falcon|pythia|neox|turing|bert", re.I)
GATED_NOT_PLAIN = re.compile(r"gpt-?oss|llama-?nemotron", re.I)
COUNT_TOLERANCE = 0.12


@dataclass(slots=True)
class Notes:
    """What had to be derived (follows from other fields) and what assumed (may be otherwise)."""

    derived: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


def model_of(row: Mapping[str, str], notes: Notes) -> Model:
    """The model a row speaks of."""
    match = resolve_model(row["model"], number(row["params_b"]))
    written = _written(row)
    base = match.value
    if match.note and not (match.kin_only and {"layers", "hidden"} <= set(written)):
        notes.assumed.append(match.note)
    if "layers" not in written or "hidden" not in written:
        found = base
    elif match.kin_only or _foreign(base, written):
        found = _from_scratch(row, written, notes)
    else:
        found = _overridden(base, written, notes)
    found = _with_mtp(found, row, notes)
    _compare(found, row, notes)
    return found


def _written(row: Mapping[str, str]) -> dict[str, int]:
    """The dimensions a row gives, under the names of the model's fields."""
    names = {
        "layers": "layers",
        "hidden": "hidden",
        "heads": "heads",
        "kv_heads": "kv_heads",
        "ffn": "ffn",
        "vocab": "vocab",
        "experts": "experts",
        "topk": "top_k",
        "shared_experts": "shared_experts",
        "moe_ffn": "expert_ffn",
    }
    found = {own: whole(row[theirs]) for theirs, own in names.items()}
    return {name: value for name, value in found.items() if value is not None and value >= 0}


def _foreign(base: Model, written: Mapping[str, int]) -> bool:
    """Whether the row's model merely shares the catalogue's name."""
    return base.hidden != written["hidden"] or base.is_moe != bool(written.get("experts", base.experts))


def _overridden(base: Model, written: dict[str, int], notes: Notes) -> Model:
    """The catalogue's model with the row's figures."""
    if written["layers"] != base.layers:
        share = written["layers"] / base.layers
        base = replace(
            base,
            layers=written["layers"],
            dense_layers=min(base.dense_layers, max(written["layers"] - 1, 0)),
            window_layers=round(base.window_layers * share),
        )
        notes.derived.append(f"{base.name} with {written['layers']} layers")
    values = dict(written)
    if base.mla is not None or base.is_moe:
        values = {name: value for name, value in values.items() if name not in ("kv_heads", "shared_experts")}
    if values.get("heads", base.heads) != base.heads:
        notes.derived.append("head size = hidden / heads")
        values["head_dim"] = base.hidden // values["heads"]
        values.setdefault("kv_heads", base.kv_heads if base.kv_heads < base.heads else values["heads"])
    heads, keys = values.get("heads") or base.heads, values.get("kv_heads") or base.kv_heads
    if keys and heads % keys:
        notes.assumed.append(f"{keys} key-value heads do not divide {heads} heads, one for each")
        values["kv_heads"] = heads
    if not base.is_moe:
        values = {name: value for name, value in values.items() if name not in _EXPERT_FIELDS}
    return replace(base, **{name: value for name, value in values.items() if value})  # type: ignore[arg-type]


_EXPERT_FIELDS = ("experts", "top_k", "shared_experts", "expert_ffn")


def _from_scratch(row: Mapping[str, str], written: Mapping[str, int], notes: Notes) -> Model:
    """A model from a row's figures alone; the gate of its MLP is found by counting."""
    hidden = written["hidden"]
    keys = written.get("kv_heads") or 1
    heads = written.get("heads") or _default(notes, "heads", max(1, hidden // 128 // keys) * keys)
    if heads % keys:
        notes.assumed.append(f"{keys} key-value heads do not divide {heads} heads, one for each")
        keys = heads
    experts = written.get("experts", 0)
    plain = is_plain(row["model"])
    vocab = written.get("vocab") or _default(notes, "vocab", 51200 if plain else 128256)
    width = written.get("ffn") or _default(notes, "ffn", 4 * hidden if plain else int(8 / 3 * hidden))
    if experts and "ffn" not in written:
        width = 0
    shaped = Model(
        name=row["model"],
        layers=written["layers"],
        hidden=hidden,
        heads=heads,
        kv_heads=keys if written.get("kv_heads") else heads,
        head_dim=max(1, hidden // heads),
        ffn=width,
        vocab=vocab,
        gated=not plain,
        tied=plain,
        experts=experts,
        top_k=written.get("top_k", 2) if experts else 0,
        shared_experts=written.get("shared_experts", 0) if experts else 0,
        expert_ffn=(written.get("expert_ffn") or width or 4 * hidden) if experts else 0,
    )
    return _gated_by_count(shaped, row, notes)


def is_plain(name: str) -> bool:
    """Whether models of this name have an MLP without gate, by family."""
    return bool(PLAIN_MLP.search(name)) and not GATED_NOT_PLAIN.search(name)


def _gated_by_count(shaped: Model, row: Mapping[str, str], notes: Notes) -> Model:
    """With parameters given: of gated and plain, tied and not, what counts nearest to them."""
    billions = number(row["params_b"])
    if not billions:
        if shaped.ffn == 4 * shaped.hidden and shaped.gated and not shaped.is_moe:
            shaped = replace(shaped, gated=False)
        notes.assumed.append(f"MLP {'with' if shaped.gated else 'without'} a gate, from name and width")
        return shaped
    target = billions * 1e9
    other = replace(shaped, gated=not shaped.gated)
    off, off_other = abs(shaped.params / target - 1), abs(other.params / target - 1)
    if off_other < off - 0.02:
        notes.derived.append(f"MLP {'with' if other.gated else 'without'} a gate, by counting parameters")
        return other
    return shaped


MTP_TRAINED = ((r"deepseek-?v3(?!.*truncated)", 1), (r"nemotron-3(\.5)?-(super|lightning)", 2))
"""Models whose trainings predict further tokens unless a row says otherwise: found by the FLOPs of one token
that Megatron-Bridge prints beside tokens/s (2.60e11 for DeepSeek-V3, 2.50e11 in the row without)."""


def _with_mtp(model: Model, row: Mapping[str, str], notes: Notes) -> Model:
    """Layers that predict further tokens, where the row says so or this model's trainings have them."""
    text = f"{row['notes']} {row['source']} {row['model']}".lower()
    if "w/o mtp" in text or "without mtp" in text:
        return model
    if "w/ mtp" in text or "with mtp" in text:
        return replace(model, mtp_layers=1)
    for pattern, layers in MTP_TRAINED:
        if re.search(pattern, row["model"].lower()):
            notes.assumed.append(f"{layers} MTP layers, as {row['model']} is trained with")
            return replace(model, mtp_layers=layers)
    return model


def _compare(model: Model, row: Mapping[str, str], notes: Notes) -> None:
    billions = number(row["params_b"])
    if billions and abs(model.params / (billions * 1e9) - 1) > COUNT_TOLERANCE:
        notes.assumed.append(f"{model.params / 1e9:.1f} billion parameters counted, {billions} published")


def _default(notes: Notes, name: str, value: int) -> int:
    notes.assumed.append(f"{name} not given, {value}")
    return value
