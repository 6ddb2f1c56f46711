"""Published serving rows (columns of ``inference.csv``) as cases: what was served, how, and what was seen.

Names are resolved by functions handed in, so that formulas and reader stay apart. A row that cannot be read
is returned with its reason; what a row leaves open is filled by a visible rule and listed as assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hesuan.planner.inputs import Cluster, Model, Precision
from hesuan.planner.serving.inputs import Deployment, Engine, ExpertBalance, Phase, Pool, Serving
from hesuan.planner.serving.layout import (
    WIDEST_TP,
    aggregated_pool,
    decode_pool,
    legal_ep,
    prefill_pool,
    read_layout,
    undivided_pools,
)

Row = Mapping[str, str]
COLUMNS = frozenset({"model", "chip", "phase", "isl", "osl_or_kv", "reported_metric", "value", "tpot_ms"})
"""A table with these columns holds serving rows."""
CARDS_PER_NODE = 8
EVEN_EXPERTS = ("perfect eplb", "deepseek profile")
"""Marks of rows with an even load of experts. DeepSeek's profiles simulate "an absolutely balanced MoE
routing strategy" (github.com/deepseek-ai/profile-data)."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A name found in the catalogue; ``note`` says what stood in for what where it was only similar."""

    cluster: Cluster
    dies: int
    """Ranks in one published chip."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """How names become things."""

    machine: Callable[[str], Resolved]
    model: Callable[[str], tuple[Model, str]]


@dataclass(frozen=True, slots=True)
class Observed:
    """What a row reports; None where it does not."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    tokens_per_s_per_chip: float | None = None
    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class ServingRow:
    """A row that can be forecast."""

    id: str
    family: str
    """Rows of one publication, machine, engine and phase: left out together."""
    chip: str
    phase: str
    deployment: Deployment
    serving: Serving
    observed: Observed
    ranks_per_chip: int
    assumed: tuple[str, ...]
    operator: str = ""
    """``dispatch`` or ``combine`` where one collective was measured."""
    tpot_limit_s: float | None = None
    """The batch is not stated: the largest that keeps this bound."""
    match_prefill: bool = False
    """The number of prefill instances is not stated."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that cannot be forecast, and why."""

    id: str
    chip: str
    phase: str
    reason: str


def is_serving_table(columns: list[str] | tuple[str, ...]) -> bool:
    """Whether a CSV with these columns holds serving rows."""
    return set(columns) >= COLUMNS


def read_row(row: Row, names: Names) -> ServingRow | Unreadable:
    """One row as a case, or the reason why not."""
    try:
        return _read(row, names)
    except Exception as error:
        reason = str(error) or type(error).__name__
        return Unreadable(_text(row, "id"), _text(row, "chip"), _text(row, "phase"), reason.splitlines()[0])


def _read(row: Row, names: Names) -> ServingRow:
    assumed: list[str] = []
    machine = names.machine(_text(row, "chip"))
    model, model_note = names.model(_text(row, "model"))
    assumed += [note for note in (machine.note, model_note) if note]
    phase = _text(row, "phase").lower()
    cluster = machine.cluster
    if phase in ("agg", "disagg"):
        read = _engine_row(row, model, cluster, assumed, disaggregated=phase == "disagg")
    elif phase.startswith(("prefill", "decode", "ep ")):
        read = _pool_row(row, model, machine, phase, assumed)
    else:
        raise ValueError(f"phase {phase!r} is not one this model knows")
    return replace(read, assumed=tuple(assumed), ranks_per_chip=machine.dies)


def _engine_row(
    row: Row, model: Model, cluster: Cluster, assumed: list[str], *, disaggregated: bool
) -> ServingRow:
    serving = _serving(row, assumed, Phase.DISAGGREGATED if disaggregated else Phase.AGGREGATED)
    match = False
    if disaggregated:
        before, after = (read_layout(_text(row, f"{side}_layout")) for side in ("prefill", "decode"))
        if before is None or after is None:
            raise ValueError("a disaggregated row without both layouts")
        decode = decode_pool(after, serving.concurrency, assumed, latent=model.mla is not None)
        spread = model.mla is not None and serving.engine is Engine.TRTLLM
        prefill: Pool | None = prefill_pool(before, assumed, spread=spread)
        match = before.count is None
        if not _concurrency(row):
            batch = (after.batch or 1) * decode.dp * decode.instances
            serving = replace(serving, concurrency=batch)
            assumed.append("concurrency: the decode instances are full")
    else:
        tp, dp = _whole(row, "TP", 1), _whole(row, "DP_attention", 1)
        ep, moe_tp = _whole(row, "EP", 1), _whole(row, "moe_TP", 0)
        decode, prefill = (
            aggregated_pool(tp=tp, dp=dp, pp=_whole(row, "PP", 1), moe_tp=moe_tp, ep=ep, assumed=assumed),
            None,
        )
        if decode.tp > WIDEST_TP and model.heads % decode.tp:
            prefill, decode = undivided_pools(decode.cards_per_instance, serving.concurrency, assumed)
            serving = replace(serving, phase=Phase.DISAGGREGATED)
        elif not _concurrency(row):
            serving = replace(serving, concurrency=serving.concurrency * decode.dp)
    observed = Observed(ttft_s=_ms(row, "ttft_ms"), tpot_s=_ms(row, "tpot_ms"))
    deployment = Deployment(model=model, cluster=cluster, decode=decode, prefill=prefill)
    return _row(row, deployment, serving, observed, match_prefill=match)


def _pool_row(row: Row, model: Model, machine: Resolved, phase: str, assumed: list[str]) -> ServingRow:
    chips = _whole(row, "n_chips", _whole(row, "EP", 1))
    ep = _whole(row, "EP", chips)
    ranks = max(ep, 1) if phase.startswith("ep ") else max(chips * machine.dies, ep)
    dies = machine.dies if ranks > chips else 1
    pool = Pool(tp=1, dp=ranks, ep=legal_ep(ep, ranks))
    deployment = Deployment(model=model, cluster=machine.cluster, decode=pool, prefill=pool)
    prefill = phase.startswith("prefill")
    serving = _serving(row, assumed, Phase.PREFILL if prefill else Phase.DECODE)
    batch = _number(row, "batch")
    limit = None
    if prefill:
        serving = replace(serving, tokens_per_rank=(batch or 16384.0) / dies)
    else:
        context = (_number(row, "osl_or_kv") or 0.0) + (_number(row, "isl") or 0.0)
        serving = replace(serving, isl=context or 4000.0, osl=1.0, concurrency=(batch or 1.0) / dies * ranks)
        limit = None if batch else (_ms(row, "tpot_ms") or 0.0)
        if limit == 0.0:
            assumed.append("batch: as many requests as memory holds, the row states none")
    serving = replace(serving, two_batch_overlap=ep >= 16)
    observed = _pool_observed(row)
    operator = phase.removeprefix("ep ") if phase.startswith("ep ") else ""
    if operator:
        serving = replace(serving, tokens_per_rank=batch or 128.0)
    return _row(row, deployment, serving, observed, operator=operator, tpot_limit_s=limit)


def _pool_observed(row: Row) -> Observed:
    metric, value = _text(row, "reported_metric"), _number(row, "value")
    if value is None:
        raise ValueError("no value is reported")
    if metric == "tokens_per_s_per_chip":
        return Observed(tokens_per_s_per_chip=value, tpot_s=_ms(row, "tpot_ms"))
    if metric == "tokens_per_s_per_node":
        return Observed(tokens_per_s_per_chip=value / CARDS_PER_NODE)
    if metric == "latency_us":
        return Observed(latency_s=value * 1e-6)
    raise ValueError(f"reported_metric {metric!r} is not one this model knows")


def _row(
    row: Row,
    deployment: Deployment,
    serving: Serving,
    observed: Observed,
    *,
    operator: str = "",
    tpot_limit_s: float | None = None,
    match_prefill: bool = False,
) -> ServingRow:
    source = re.sub(r"[ ,:]+row .*|[:,].*", "", _text(row, "source"))
    family = "|".join((source[:24], _text(row, "chip"), serving.engine, _text(row, "phase")))
    return ServingRow(
        id=_text(row, "id"),
        family=family,
        chip=_text(row, "chip"),
        phase=_text(row, "phase"),
        deployment=deployment,
        serving=serving,
        observed=observed,
        ranks_per_chip=1,
        assumed=(),
        operator=operator,
        tpot_limit_s=tpot_limit_s,
        match_prefill=match_prefill,
    )


def _serving(row: Row, assumed: list[str], phase: Phase) -> Serving:
    engine = _engine(_text(row, "engine"))
    precision = _precision(row, assumed)
    eight_bit = precision not in (Precision.BF16, Precision.FP16)
    eight_bit &= engine is Engine.TRTLLM or _text(row, "model").startswith("nvidia/")
    kv_bytes = 1.0 if eight_bit else 2.0
    assumed.append(f"cache in {kv_bytes:g} byte(s) an element")
    drafted, accepted = _speculation(row, assumed)
    return Serving(
        phase=phase,
        isl=_number(row, "isl") or 4096.0,
        osl=_number(row, "osl_or_kv") or 1024.0,
        concurrency=_concurrency(row) or _number(row, "batch") or 1.0,
        precision=precision,
        kv_bytes=kv_bytes,
        engine=engine,
        era=_era(row),
        accepted=accepted,
        drafted=drafted,
        cache_hit=_cache_hit(row),
        expert_balance=_expert_balance(row),
    )


def _speculation(row: Row, assumed: list[str]) -> tuple[int, float]:
    """One token ahead, taken in 70 % of the steps (arXiv 2506.12708), where a row says so."""
    stated = "MTP" in row.get("notes", "") or "MTP" in row.get("source", "")
    if not stated and _text(row, "engine") != "CloudMatrix-Infer":
        return 0, 1.0
    assumed.append("one token drafted and accepted in 70 % of the steps")
    return 1, 1.7


def _expert_balance(row: Row) -> ExpertBalance:
    """Even where a row says so; a balancer merely in use is the usual case."""
    stated = f"{row.get('source', '')} {row.get('notes', '')}".lower()
    is_even = any(mark in stated for mark in EVEN_EXPERTS)
    return ExpertBalance.BALANCED if is_even else ExpertBalance.NATURAL


def _cache_hit(row: Row) -> float:
    match = re.search(r"([\d.]+)\s?% of input tokens hit", row.get("notes", ""))
    return float(match.group(1)) / 100.0 if match else 0.0


def _era(row: Row) -> float:
    match = re.search(r"measured=(\d{4})-(\d\d)", row.get("notes", ""))
    return int(match.group(1)) + (int(match.group(2)) - 0.5) / 12.0 if match else 2025.5


def _concurrency(row: Row) -> float | None:
    match = re.search(r"silicon_concurrency=(\d+)", row.get("notes", ""))
    return float(match.group(1)) if match and int(match.group(1)) else None


def _engine(text: str) -> Engine:
    lower = text.lower()
    marks = {"trt": Engine.TRTLLM, "tensorrt": Engine.TRTLLM, "vllm": Engine.VLLM, "sglang": Engine.SGLANG}
    return next((engine for mark, engine in marks.items() if mark in lower), Engine.OTHER)


def _precision(row: Row, assumed: list[str]) -> Precision:
    stated = _text(row, "precision").lower()
    for precision in (Precision.FP8, Precision.INT8, Precision.FP4, Precision.INT4, Precision.BF16):
        if precision.value in stated:
            return precision
    name = _text(row, "model").lower()
    guess = Precision.FP4 if "fp4" in name else Precision.FP8 if _eight_bit_model(name) else Precision.BF16
    assumed.append(f"precision {guess}: the row states none")
    return guess


def _eight_bit_model(name: str) -> bool:
    return "fp8" in name or "deepseek" in name


def _text(row: Row, column: str) -> str:
    return (row.get(column) or "").strip()


def _number(row: Row, column: str) -> float | None:
    """The first number of the cell; a range is its middle."""
    text = _text(row, column)
    found = re.match(r"^([\d.]+)\s*-\s*([\d.]+)", text)
    if found:
        return (float(found.group(1)) + float(found.group(2))) / 2.0
    found = re.match(r"^[\d.]+", text)
    return float(found.group(0)) if found else None


def _ms(row: Row, column: str) -> float | None:
    value = _number(row, column)
    return value / 1000.0 if value else None


def _whole(row: Row, column: str, default: int) -> int:
    value = _number(row, column)
    return int(value) if value else default
