"""A published row becomes a workload, a plan and an observed step time.

The problem: tables name models and chips in prose, leave half of a plan out and count FLOPs in five ways.
The choice: read what is written, derive what follows (``derived``), fill what customarily holds
(``assumed``), and say both with the row; a row that cannot be read is returned with its reason, never
dropped, never a crash.
Columns: those of ``training.csv``; a missing column is an empty one.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hesuan.errors import Faults, HesuanError
from hesuan.planner.backtest.dims import Notes, model_of
from hesuan.planner.backtest.fitting import least_recompute, shared_inputs
from hesuan.planner.backtest.layout import (
    Context,
    cards_of,
    cluster_of,
    global_batch_of,
    plan_of,
    sequence_of,
)
from hesuan.planner.backtest.metric import (
    SANE_MFU,
    Reported,
    bf16_peak,
    counting_of,
    implied_mfu,
    peak_of,
    step_s,
)
from hesuan.planner.backtest.stack import (
    Instrument,
    instrument_of,
    is_eager,
    is_fused_loss,
    is_sharing_optional,
    state_bytes_of,
)
from hesuan.planner.backtest.words import era_of, memory_gib_of, number, precision_of
from hesuan.planner.catalog import resolve_chip
from hesuan.planner.inputs import Plan, Precision, Training, Workload

COLUMNS = (
    *("id", "source", "url", "model", "layers", "hidden", "heads", "kv_heads", "ffn", "vocab", "seq"),
    *("experts", "topk", "shared_experts", "moe_ffn", "params_b", "active_params_b", "chip", "n_chips"),
    *("scale_up_domain", "interconnect", "TP", "PP", "VPP", "DP", "EP", "CP", "zero", "microbatch"),
    *("global_batch", "precision", "recompute", "reported_metric", "value", "mfu_definition_notes"),
    *("peak_mem_gib", "tier", "verified", "notes"),
)
METRICS = ("step_s", "tokens_per_s_per_chip", "tflops_per_chip", "mfu")
NO_FLASH = ("sc21", "korthikanti", "bigscience", "bloom", "vtrain", "neox", "opt-175b", "palm (")


@dataclass(frozen=True, slots=True)
class Row:
    """One published run, ready to be forecast."""

    id: str
    source: str
    workload: Workload
    plan: Plan
    metric: str
    value: float | None
    observed_s: float | None
    """Step time [s]; None where the run was out of memory."""
    out_of_memory: bool
    peak_memory_gib: float | None
    tier: str
    derived: tuple[str, ...]
    assumed: tuple[str, ...]
    chip_known: bool
    model_known: bool
    plan_known: bool
    """Whether tensor and pipeline parallelism stand in the row."""
    recompute_known: bool
    """Whether the row says what was recomputed; else its memory says nothing of ours."""
    instrument: Instrument = Instrument.MONITOR
    """With what the peak was read."""

    @property
    def mfu(self) -> float | None:
        """Model FLOPs of the observed step over the peak of its format; None without a step time."""
        return None if self.observed_s is None else implied_mfu(self.observed_s, self.workload)

    @property
    def is_sane(self) -> bool:
        """Whether the figure can be: nothing measured uses more than three quarters of a peak."""
        return self.mfu is None or 0.0 < self.mfu < SANE_MFU

    @property
    def origin(self) -> str:
        """Who measured, without the number of table, row or release behind it."""
        return self.source.split(",")[0].split(" line ")[0][:60]


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that cannot be forecast, with the reason."""

    id: str
    reason: str
    reason_zh: str = ""
    """The same in Chinese; empty where it stands in one language only."""


def read_rows(path: Path) -> tuple[tuple[Row, ...], tuple[Unread, ...]]:
    """Every row of a CSV file.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        return sorted_rows(csv.DictReader(file))


def sorted_rows(records: Iterable[Mapping[str, str | None]]) -> tuple[tuple[Row, ...], tuple[Unread, ...]]:
    """Rows that can be forecast and rows that cannot, in their order."""
    read: list[Row] = []
    unread: list[Unread] = []
    for at, record in enumerate(records, start=2):
        one = parse_row(record, fallback_id=f"line {at}")
        read.append(one) if isinstance(one, Row) else unread.append(one)
    return tuple(read), tuple(unread)


def parse_row(record: Mapping[str, str | None], *, fallback_id: str = "?") -> Row | Unread:
    """One row; any trouble is its reason, not a crash."""
    row = {name: (record.get(name) or "").strip() for name in COLUMNS}
    name = row["id"] or fallback_id
    metric = row["reported_metric"].lower()
    ran_out = metric == "oom" or row["value"].upper() == "OOM"
    value = number(row["value"])
    if not ran_out and metric not in METRICS:
        found = row["reported_metric"]
        return Unread(
            name,
            f"metric `{found}` is not one of {', '.join(METRICS)}",
            f"指标“{found}”不在 {'、'.join(METRICS)} 之中",
        )
    if not ran_out and not value:
        found = row["value"]
        return Unread(name, f"value `{found}` is not a number above 0", f"数值“{found}”不是大于 0 的数")
    try:
        return _row(name, row, None if ran_out else value)
    except (Faults, HesuanError, ValueError, ArithmeticError) as error:
        return Unread(name, " ".join(str(error).split()), _in_chinese(error))


def _in_chinese(error: Exception) -> str:
    faults = error.faults if isinstance(error, Faults) else (error,)
    told = [f"{one.code.name} {one.sentence('zh')}" for one in faults if isinstance(one, HesuanError)]
    return " ".join(" ".join(told).split())


def _row(name: str, row: Mapping[str, str], value: float | None) -> Row:
    notes = Notes()
    model = model_of(row, notes)
    chip = resolve_chip(row["chip"])
    cards = cards_of(row, notes)
    text = f"{row['source']} {row['notes']} {row['mfu_definition_notes']}".lower()
    era = era_of(f"{row['source']} {row['notes']}")
    if era is None:
        era = chip.value.year + 1.0
        notes.assumed.append(f"software era not given, {era:.1f}")
    context = Context(model, chip.value, cards, era, text)
    plan, recompute_known = plan_of(row, context, notes)
    workload = Workload(model, cluster_of(row, chip, cards, notes), _training(row, context, plan, notes))
    if plan.tp > 1 and is_sharing_optional(row):
        plan = shared_inputs(workload, plan, notes)
    if not recompute_known and not context.is_tpu:
        plan = least_recompute(workload, plan, notes)
    observed_s = None
    if value is not None:
        observed_s = step_s(_reported(row, value, era, workload), workload, plan)
        if not 0 < implied_mfu(observed_s, workload) < SANE_MFU:
            notes.assumed.append(f"MFU {implied_mfu(observed_s, workload):.2f} cannot be: doubtful row")
    return Row(
        id=name,
        source=row["source"],
        workload=workload,
        plan=plan,
        metric=row["reported_metric"].lower(),
        value=value,
        observed_s=observed_s,
        out_of_memory=value is None,
        peak_memory_gib=None if value is None else memory_gib_of(row["peak_mem_gib"]),
        tier=row["tier"] or "B",
        derived=tuple(notes.derived),
        assumed=tuple(notes.assumed),
        chip_known=not chip.kin_only,
        model_known=not any("not in the catalogue" in note for note in notes.assumed),
        plan_known=bool(row["TP"] or row["PP"]),
        recompute_known=recompute_known,
        instrument=instrument_of(row),
    )


def _training(row: Mapping[str, str], context: Context, plan: Plan, notes: Notes) -> Training:
    precision = _precision(row, context, notes)
    grad_bytes, state_bytes = state_bytes_of(row)
    old = any(word in row["source"].lower() for word in NO_FLASH)
    return Training(
        seq=sequence_of(row, context.model, notes),
        global_batch=global_batch_of(row, plan, context, notes),
        precision=precision,
        grad_bytes=grad_bytes,
        state_bytes=state_bytes,
        era=context.era,
        flash_attention=context.era >= 2022.8 and not old,
        compiled=not is_eager(row),
        fused_loss=is_fused_loss(row, context.era),
        lora="lora" in f"{row['source']} {row['notes']}".lower(),
    )


def _precision(row: Mapping[str, str], context: Context, notes: Notes) -> Precision:
    """As written; contest entries that do not say run in the narrowest format their chip trains in."""
    precision, note = precision_of(row["precision"])
    if note and "mlperf" in context.text:
        narrow = (Precision.FP8, Precision.INT8)
        precision = next((one for one in narrow if one in context.chip.peak_flops), precision)
        note = f"precision of a contest entry not given, {precision}"
    if note:
        notes.assumed.append(note)
    return precision


def _reported(row: Mapping[str, str], value: float, era: float, workload: Workload) -> Reported:
    metric, notes = row["reported_metric"].lower(), row["mfu_definition_notes"]
    share = value / 100 if metric == "mfu" and value > 1 else value
    packages = "per 910c package" in notes.lower() and workload.cluster.chip.name.endswith("die")
    return Reported(
        metric=metric,
        value=share,
        counting=counting_of(f"{notes} {row['source']}", era=era),
        peak_flops=peak_of(notes, bf16_peak(workload)),
        chips_per_unit=2.0 if packages else 1.0,
    )


def counted(rows: Iterable[Row]) -> tuple[tuple[str, int], ...]:
    """How often each field was derived or assumed, numbers left out, the most frequent first."""
    kinds = Counter(
        f"{kind}: {_without_numbers(note)}"
        for row in rows
        for kind, notes in (("derived", row.derived), ("assumed", row.assumed))
        for note in notes
    )
    return tuple(kinds.most_common())


def _without_numbers(note: str) -> str:
    head = note.partition(",")[0].partition(" = ")[0]
    return re.sub(r"[\d.]*\d", "#", head)
