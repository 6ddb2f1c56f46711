"""Keeps the forecasts in ``docs/model/claims.md`` true: ``python -m tools.planner_claims write`` writes them.

The published figures are facts under ``tests/planner/rows``; the forecasts are what the planner says today.
The tests hold both: the page against the forecasts, the forecasts against the facts.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hesuan.planner import Forecast, Plan, Precision, Schedule, Training, cluster, model, predict
from hesuan.planner.explore import Limits, compare

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "model" / "claims.md"
ROWS = ROOT / "tests" / "planner" / "rows"
SUPERNODE_SEQ = 4096
OFFERS = (("GB300 / B300", "nvl72-gb300", "hgx-b300"), ("GB200 / B200", "nvl72-gb200", "hgx-b200"))
OWN_PLANS = (
    ("gpt-oss-120b", 64, 1280, "bf16"),
    ("qwen3-235b-a22b", 256, 8192, "fp8"),
    ("deepseek-v3", 256, 4096, "fp8"),
)
OWN_CONTROL = ("qwen3-30b-a3b", 8, 512, "fp8")


@dataclass(frozen=True, slots=True)
class Score:
    """One claim: what was published, what is forecast."""

    name: str
    published: float
    forecast: float
    note: str = ""

    @property
    def miss(self) -> float:
        """Forecast over published, less one."""
        return self.forecast / self.published - 1


def facts(name: str) -> dict[str, Any]:
    """A file of published figures."""
    return tomllib.loads((ROWS / name).read_text("utf-8"))


def llama3() -> list[tuple[Score, Forecast]]:
    """MFU of the three configurations, the masked half of attention counted as the back-test reads them."""
    told = facts("llama3.toml")
    found = []
    for run in told["run"]:
        plan = Plan(**run["plan"], **told["assumed"], zero=2, schedule=Schedule.INTERLEAVED)
        training = Training(seq=run["seq"], global_batch=run["global_batch"], era=told["era"])
        machine = cluster(told["cluster"], plan.cards)
        forecast = predict(model(told["model"]), machine, training, plan, strict=False)
        found.append((Score(run["id"], run["mfu"], forecast.mfu_full_attention), forecast))
    return found


def supernode() -> list[Score]:
    """Net gain of a 72-card domain for each published pair, controls divided out; forced pairs come last."""
    told = facts("supernode.toml")
    control = {name: _ratio(row, row["era"]) for name, row in told["control"].items()}
    scores = []
    for row in (*told["pair"], *told["forced"]):
        base = control[row["control"]]
        raw = _ratio(row, told["control"][row["control"]]["era"])
        note = "plan ours" if row.get("survey") else ""
        scores.append(Score(row["id"], raw.published / base.published, raw.forecast / base.forecast, note))
    return scores


def own_plans() -> list[Score]:
    """The net gain when each offer gets the planner's own best plan; nothing published to compare with."""
    control = _best_ratios(*OWN_CONTROL)
    scores = []
    for name, cards, batch, precision in OWN_PLANS:
        for offer, gain in _best_ratios(name, cards, batch, precision).items():
            scores.append(Score(f"{name}, {cards} cards, {offer}", float("nan"), gain / control[offer]))
    return scores


def _ratio(row: Mapping[str, Any], era: float) -> Score:
    large, small = (_tokens(row, row[side], era) for side in ("large", "small"))
    published = row.get("measured") or row["large"]["tokens"] / row["small"]["tokens"]
    return Score(str(row.get("id", "control")), published, large / small)


def _tokens(row: Mapping[str, Any], side: Mapping[str, Any], era: float) -> float:
    """Tokens per second and card of one side.

    An interleaved pipeline runs one micro-batch's exchange beside another's compute (Megatron-Core's
    ``overlap_moe_expert_parallel_comm`` asks for interleaving); without it nothing is there to hide behind.
    """
    tp, pp, vpp, ep, micro = side["plan"]
    plan = Plan(
        tp=tp,
        pp=pp,
        vpp=vpp,
        ep=ep,
        dp=row["cards"] // (tp * pp),
        micro_batch=micro,
        schedule=Schedule.INTERLEAVED if vpp > 1 else Schedule.ONE_F_ONE_B,
        overlap_ep=vpp > 1,
    )
    training = Training(
        seq=SUPERNODE_SEQ, global_batch=row["global_batch"], precision=Precision(row["precision"]), era=era
    )
    machine = cluster(side["cluster"], row["cards"])
    return predict(model(row["model"]), machine, training, plan, strict=False).tokens_per_s_per_card


def _best_ratios(name: str, cards: int, batch: int, precision: str) -> dict[str, float]:
    training = Training(seq=SUPERNODE_SEQ, global_batch=batch, precision=Precision(precision), era=2026.3)
    limits = Limits(schedules=(Schedule.ONE_F_ONE_B, Schedule.INTERLEAVED), offload=False)
    names = [one for _, *pair in OFFERS for one in pair]
    offers = [cluster(one, cards) for one in names]
    found = compare(model(name), training, offers, limits=limits)
    rate = {offer.name: offer.tokens_per_s for offer in found.offers}
    return {label: rate[large] / rate[small] for label, large, small in OFFERS}


def blocks() -> dict[str, str]:
    """The generated tables by the name of their place."""
    llama = [
        f"| {s.name} | {100 * s.published:.0f} % | {100 * s.forecast:.1f} % | {100 * s.miss:+.1f} % |"
        f" {100 * f.mfu:.1f} % | {100 * f.parts['bubble_s'] / f.step_s:.0f} % |"
        f" {100 * f.achievable_share:.0f} % |"
        for s, f in llama3()
    ]
    pairs = [
        f"| {s.name} | {s.published:.2f} | {s.forecast:.2f} | {100 * s.miss:+.0f} % | {s.note} |"
        for s in supernode()
    ]
    own = [f"| {s.name} | {s.forecast:.2f} |" for s in own_plans()]
    heads = {
        "llama3": "| Run | Published MFU | Forecast | Miss | Causal count | Bubble |"
        " Of achievable peak |\n" + "| --- " * 7 + "|\n",
        "supernode": "| Pair | Published net | Forecast net | Miss | |\n" + "| --- " * 5 + "|\n",
        "own": "| Workload, offers | Forecast net |\n" + "| --- " * 2 + "|\n",
    }
    bodies = {"llama3": llama, "supernode": pairs, "own": own}
    return {name: heads[name] + "\n".join(lines) for name, lines in bodies.items()}


def filled(page: str, tables: Mapping[str, str]) -> str:
    """The page with each table between its two marks."""
    for name, table in tables.items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = page.partition(opening)
        _, ended, after = rest.partition(closing)
        assert found and ended, f"{PAGE.name} has no place for {name}"
        page = f"{before}{opening}{table}\n{closing}{after}"
    return page


def main(arguments: list[str]) -> int:
    """``write`` writes the page; ``show`` prints the tables."""
    tables = blocks()
    if arguments == ["write"]:
        PAGE.write_text(filled(PAGE.read_text("utf-8"), tables), "utf-8")
        return 0
    print("\n\n".join(tables.values()))
    return 0 if arguments == ["show"] else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
