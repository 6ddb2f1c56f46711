"""``docs/model/peer.md``: the planner's errors beside calculon's by source, losses with their causes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hesuan.planner.tables import percent, table
from tools.peer_errors import Comparison, Forecast, Line, line_of, lines_of

CAUSES = Path(__file__).with_name("peer_causes.txt")
HEAD = """# Beside calculon

Written by `python -m tools.peer_accuracy write ROWS.csv` with `HESUAN_CALCULON` naming a checkout of
calculon; do not edit. calculon ([calculon-ai/calculon](https://github.com/calculon-ai/calculon), Apache-2.0;
Isaev et al. 2023, doi 10.1145/3581784.3607102), commit {commit} of {date}, runs as published, through its own
modules; nothing of it is part of this repository. Our errors on all rows: `accuracy.md`.

**Rows.** Of {rows} published trainings calculon ran {run}: {exact} **exact** (its inputs say the run as it
was) and {adapted} **adapted** to what it can say. The others need what it has no input for, or it refused
them: see below.

**Its inputs.** The row's plan, read as the planner reads it; fusions and re-gathers as in calculon's own
validation files; bf16 as its float16; memory is not asked about, as every row ran. *As shipped*: its own
system file where it has one for the chip (A100 80 GB, H100 80 GB), else the next. *Row's wires*: the peaks,
memory bandwidth, domain and network that the planner is given too, with the efficiency curves, latencies and
shares of its files (the A100's for its kin, the H100's for all others).

**Adapted** means: a gated MLP or grouped heads become the plain MLP of equal weights, so of equal FLOPs
({gated} rows); fused attention becomes its written-out one without further recomputation ({fused}; asking for
that too makes it no better overall); sharded gradients (ZeRO-2), or sharding over a part of the ranks, become
its optimizer sharding ({sharded}).

**Ours** is without calibration. *Left out*: constants fitted without any row of the row's measurer (the refit
taken as linear around the shipped constants). It is the figure that counts, as calculon saw none of these
rows save those of Korthikanti et al., the table it validates itself on. *Shipped*: constants fitted on all
rows. *Lower* asks whether our left-out error is below the better of calculon's two.
"""
COLUMNS = (
    *("", "rows", "calculon, as shipped", "calculon, row's wires", "its bias"),
    *("ours, left out", "our bias", "ours, shipped", "lower"),
)


def page(found: Comparison) -> str:
    """The whole page."""
    exact, adapted = split(found.forecasts)
    parts = [
        _head(found, exact, adapted),
        "## All sources\n\n" + _lines(_pools(exact, adapted)),
        "## By source, exact rows\n\n" + _lines(lines_of(exact)),
        "## By source, adapted rows\n\n" + _lines(lines_of(adapted)),
        "## Where calculon is nearer, and why\n\n" + _losses([*lines_of(exact), *lines_of(adapted)]),
        "## Not run\n\n" + _not_run(found),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def split(forecasts: Sequence[Forecast]) -> tuple[list[Forecast], list[Forecast]]:
    """Exact rows and adapted rows."""
    return [one for one in forecasts if not one.adapted], [one for one in forecasts if one.adapted]


def causes() -> dict[str, str]:
    """Why a source is lost, by hand after reading its rows: ``source | cause``."""
    lines = [line for line in CAUSES.read_text(encoding="utf-8").splitlines() if "|" in line]
    return {source.strip(): cause.strip() for source, cause in (line.split("|", 1) for line in lines)}


def _head(found: Comparison, exact: Sequence[Forecast], adapted: Sequence[Forecast]) -> str:
    def having(*names: str) -> int:
        return sum(1 for one in adapted if set(names) & set(one.adapted))

    return HEAD.format(
        commit=found.commit,
        date=found.date,
        rows=found.rows,
        run=len(found.forecasts),
        exact=len(exact),
        adapted=len(adapted),
        gated=having("gated MLP", "grouped heads"),
        fused=having("fused attention"),
        sharded=having("sharded gradients", "sharded over a part of the ranks"),
    )


def _pools(exact: Sequence[Forecast], adapted: Sequence[Forecast]) -> list[Line]:
    pools = (("exact", exact), ("adapted", adapted), ("both", [*exact, *adapted]))
    return [line_of(name, rows) for name, rows in pools if rows]


def _lines(lines: Sequence[Line]) -> str:
    return table(
        COLUMNS,
        [
            (
                one.name,
                str(one.rows),
                percent(one.peer_shipped),
                percent(one.peer_row),
                percent(one.peer_row_bias, signed=True),
                percent(one.ours_left_out),
                percent(one.ours_left_out_bias, signed=True),
                percent(one.ours),
                "yes" if one.is_lower else "**no**",
            )
            for one in lines
        ],
    )


def _losses(lines: Sequence[Line]) -> str:
    lost, known = [one.name for one in lines if not one.is_lower], causes()
    if not lost:
        return "Nowhere."
    counted = f"On {len(lost)} of {len(lines)} sources (a source with exact and adapted rows counts twice)."
    told = "\n".join(f"- **{name}** {known.get(name, 'No cause found.')}" for name in dict.fromkeys(lost))
    return f"{counted}\n\n{told}"


def _not_run(found: Comparison) -> str:
    counts = Counter(reason for _, reason in found.not_run)
    return table(("reason", "rows"), [(reason, str(rows)) for reason, rows in counts.most_common()])
