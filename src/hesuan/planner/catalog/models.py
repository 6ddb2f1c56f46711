"""Models of the catalogue, and which of them a free text means."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from hesuan.planner.catalog.data import Match, squashed, table, unknown
from hesuan.planner.inputs import Mla, Model

FILE = "models.toml"
SIZE_TOLERANCE = 0.25
"""Names round: a size within this of what is counted is the same model."""
_DECORATION = re.compile(
    r"[-_ ](instruct|chat|base|hf|fp8|nvfp4|mxfp4|bf16|int8|int4|awq|gptq|w8a8|it|v0\.\d|preview|vl|\d{4})\b"
)
_TRUNCATED = re.compile(r"truncated to (\d+) layers|\b(\d+) layers\b")
_SIZE = re.compile(r"(?<![\d.a])(\d+(?:\.\d+)?)\s*([bt])\b")
_ACTIVE = re.compile(r"a(\d+(?:\.\d+)?)b")


def model_names() -> tuple[str, ...]:
    """Every model of the catalogue."""
    return tuple(table(FILE))


@cache
def model(name: str) -> Model:
    """A model by its name.

    Raises:
        InputFault: ``planner.unknown_name``.
    """
    found = _by_squash().get(squashed(name))
    if found is None:
        raise unknown("model", name, model_names())
    return _made(found, table(FILE)[found])


def is_assumed(name: str) -> bool:
    """Whether the dimensions of a model were not read at their source."""
    return bool(table(FILE)[name].get("assumed", False))


def resolve_model(text: str, params_b: float | None = None) -> Match[Model]:
    """The model a free text means; unknown ones get the shape of the nearest relative, with a note."""
    name = _named(text)
    size = params_b or size_b(text)
    if name is None:
        return _nearest(text, size)
    found = model(name)
    note = f"dimensions of {name} are assumed" if is_assumed(name) else ""
    if cut := _TRUNCATED.search(text.lower()):
        found = truncated(found, int(cut[1] or cut[2]))
    return Match(found, name, note)


def truncated(whole: Model, layers: int) -> Model:
    """The same model with fewer layers, kinds of layers kept in proportion, dense ones first."""
    share = layers / whole.layers
    return replace(
        whole,
        name=f"{whole.name}-{layers}-layers",
        layers=layers,
        dense_layers=min(whole.dense_layers, max(round(whole.dense_layers * share), 1), max(layers - 1, 0)),
        attention_layers=None if whole.attention_layers is None else round(whole.attention_layers * share),
        mlp_layers=None if whole.mlp_layers is None else round(whole.mlp_layers * share),
        ssm_layers=round(whole.ssm_layers * share),
        window_layers=round(whole.window_layers * share),
        published_params=0.0,
    )


def size_b(text: str) -> float | None:
    """Billions of parameters a name speaks of: ``"Foo-34B"`` 34, ``"8x7B"`` 56, ``"1T"`` 1000."""
    lower = re.sub(r"[-_]a\d+(\.\d+)?b", "", text.lower()).replace("_", "-")
    if times := re.search(r"(\d+)x(\d+(?:\.\d+)?)b", lower):
        return float(times[1]) * float(times[2])
    if not (found := _SIZE.search(lower)):
        return None
    return float(found[1]) * (1000 if found[2] == "t" else 1)


def _named(text: str) -> str | None:
    """The catalogue's name in a free text: as it stands, undecorated, or as the longest beginning."""
    whole = _TRUNCATED.sub("", re.sub(r"\(.*?\)", "", text.lower())).strip()
    whole = re.sub(r".*distill[-_ ]", "", whole)
    parts = (whole.rsplit("/", maxsplit=1)[-1], whole.split("/", maxsplit=1)[0], whole)
    for part in parts:
        if (found := _spelled(part)) is not None:
            return found
    return _begun(_spelling(_DECORATION.sub("", parts[0])), size_b(parts[0]))


def _spelled(plain: str) -> str | None:
    known = _by_squash()
    bare = _DECORATION.sub("", plain)
    for candidate in (plain, bare, _DECORATION.sub("", bare)):
        words = candidate.split()
        for count in range(len(words), 0, -1):
            text = " ".join(words[:count])
            for one in (text, re.sub(r"^(meta|nvidia|openai|huggyllama)[-_ ]", "", text)):
                key = _spelling(one)
                for spelling in (
                    key,
                    re.sub(r"^gpt(?=[\d.]+b$)", "gpt3", key),
                    re.sub(r"^gpt3(?=\d)", "gpt", key),
                ):
                    if (found := known.get(spelling)) is not None:
                        return found
    return None


def _begun(key: str, size: float | None) -> str | None:
    """The longest name a text begins with, or the shortest that begins with it, if the size agrees."""
    known = {squash.replace(".", ""): name for squash, name in _by_squash().items()}
    flat = key.replace(".", "")
    longer = [one for one in known if len(one) >= 4 and flat.startswith(one)]
    shorter = [one for one in known if len(flat) >= 4 and one.startswith(flat)]
    for squash in sorted(longer, key=len, reverse=True) + sorted(shorter, key=len):
        if _agrees(model(known[squash]), size):
            return known[squash]
    return None


def _agrees(found: Model, size: float | None) -> bool:
    """Whether a size in a name is this model's, all of it or what works on one token."""
    if size is None:
        return True
    return any(
        abs(counted / (size * 1e9) - 1) < SIZE_TOLERANCE for counted in (found.params, found.active_params)
    )


def _spelling(text: str) -> str:
    """Known spellings of one family brought to the catalogue's."""
    key = squashed(text)
    for pattern, right in (
        (r"^metallama", "llama"), (r"^deepseekr1.*", "deepseekr1"),
        (r"^deepseekv3671b$", "deepseekv3"), (r"^deepseek671b$", "deepseekv3"),
        (r"^megatronturingnlg", "mtnlg"),
        (r"^(deepseekv2)236b$", r"\1"), (r"^deepseekv260b$", "deepseekv2"),
        (r"^deepseekv2lite16b$", "deepseekv2lite"), (r"^gpt175b$", "gpt3175b"),
        (r"^bloomz?176b$", "bloom176b"), (r"^bloom$", "bloom176b"),
    ):  # fmt: skip
        key = re.sub(pattern, right, key)
    return key


@cache
def _by_squash() -> Mapping[str, str]:
    return {squashed(name): name for name in table(FILE)}


def _nearest(text: str, size: float | None) -> Match[Model]:
    """The relative nearest in family, then in size, its depth stretched to the size asked for."""
    active = _ACTIVE.search(text.lower())
    wants_experts = active is not None or "moe" in text.lower() or bool(re.search(r"\dx\d", text.lower()))
    family = re.match(r"[a-z]+", squashed(text))
    word = family[0] if family else ""
    candidates = [model(name) for name in table(FILE) if model(name).is_moe == wants_experts]
    kin = [one for one in candidates if word and squashed(one.name).startswith(word)]
    target = (size or 7.0) * 1e9
    near = min(
        (one for one in candidates if not one.ssm_layers),
        key=lambda one: abs(math.log(one.params / target)) - (0.3 if one in kin else 0.0),
    )
    body = near.params - near.embedding_params
    layers = max(1, round(near.layers * max(target - near.embedding_params, 0.1 * target) / body))
    note = f"model `{text}` is not in the catalogue: the shape of {near.name} with {layers} layers"
    if size is None:
        note += ", its size unknown"
    return Match(replace(truncated(near, layers), name=text), near.name, note, kin_only=True)


def _made(name: str, entry: Mapping[str, Any]) -> Model:
    values = dict(entry)
    values.pop("assumed", None)
    values.pop("active_b", None)
    published = values.pop("params_b", 0.0) * 1e9
    mla = values.pop("mla", None)
    values.setdefault("ffn", 0)
    values.setdefault("head_dim", values["hidden"] // values["heads"])
    return Model(name=name, mla=Mla(*mla) if mla else None, published_params=published, **values)
