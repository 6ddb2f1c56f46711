"""Writes ``docs/model/surveillance.md`` and ``.zh.md``: every rule with what it found on made-up markets.

python -m tools.surveillance.page write     make the markets of all seeds, judge them, write both pages
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from hesuan.surveillance.rules import RULES, Rule, judge
from hesuan.surveillance.thresholds import DEFAULT
from tools.surveillance.frauds import make
from tools.surveillance.market import CENTRES, FIRMS, MONTHS
from tools.surveillance.measure import OTHERS, STOPS, Score, disturbed, score

FOLDER = Path(__file__).parents[2] / "docs" / "model"
TUNED, UNSEEN = (1, 2, 3), (101, 102, 103)
"""Seeds that were looked at while the rules were written, and seeds that were not."""

PAGES = {"page.en.txt": "surveillance.md", "page.zh.txt": "surveillance.zh.md"}
BAR = "| --- | --- | --- | --- | --- | --- |"


def measured(seeds: Sequence[int]) -> tuple[dict[int, dict[str, Score]], list[str]]:
    """Seed → rule → score, and the rows of the table of all rules."""
    scores, rows = {}, []
    for seed in seeds:
        case = make(seed)
        flags = judge(case.facts)
        scores[seed] = {rule: score(case, flags, rule) for rule in RULES}
        parts = {
            actions: [score(case, flags, rule, actions) for rule in RULES] for actions in (STOPS, OTHERS)
        }
        found = {
            actions: f"{sum(one.found for one in mine)} / {sum(one.cases for one in mine)}"
            for actions, mine in parts.items()
        }
        false = {actions: disturbed(case, flags, actions) for actions in (STOPS, OTHERS)}
        rate = 100 * false[OTHERS] / (FIRMS * MONTHS)
        rows.append(
            f"| {seed} | {found[STOPS]} | {false[STOPS]} | {found[OTHERS]} | {false[OTHERS]} | {rate:.2f} |\n"
        )
    return scores, rows


def page(words: str, scores: dict[int, dict[str, Score]], rows: Sequence[str]) -> str:
    """One page; ``words``: the file beside this one that says it in one language."""
    text = Path(__file__).with_name(words).read_text(encoding="utf-8")
    seeds = "| | " + " | ".join(map(str, scores)) + " |\n| --- |" + " --- |" * len(scores) + "\n"
    return text.format(
        firms=FIRMS,
        centres=CENTRES,
        bar=BAR,
        rules="".join(_row(rule, zh="zh" in words) for rule in RULES.values()),
        tuned=", ".join(map(str, TUNED)),
        unseen=", ".join(map(str, UNSEEN)),
        found=seeds + "".join(_found(rule, scores) for rule in RULES),
        all="".join(rows),
    )


def _row(rule: Rule, *, zh: bool) -> str:
    limits = "<br>".join(f"`{name}` = {value}" for name, value in DEFAULT.of(rule.id).items()) or "–"
    said = rule.zh if zh else rule.en
    return f"| {rule.id} | {rule.version} | {said} | {rule.actions} | {rule.source} | {limits} |\n"


def _found(rule: str, scores: dict[int, dict[str, Score]]) -> str:
    cells = [f"{of[rule].found}/{of[rule].cases}, {len(of[rule].false)}" for of in scores.values()]
    return f"| {rule} | " + " | ".join(cells) + " |\n"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["write"])
    parser.parse_args()
    scores, rows = measured((*TUNED, *UNSEEN))
    for words, name in PAGES.items():
        (FOLDER / name).write_text(page(words, scores, rows), encoding="utf-8")


if __name__ == "__main__":
    main()
