"""What ``hesuan agent check`` prints: a line a step as it is done, and for programs one JSON document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from hesuan.agent import words
from hesuan.agent.checkup import Step, Verdict
from hesuan.cli.exits import Exit
from hesuan.cli.language import said

_MARKS = {
    Verdict.OK: ("✓", "green"),
    Verdict.WARN: ("!", "yellow"),
    Verdict.FAILED: ("✗", "red"),
    Verdict.SKIPPED: ("–", "dim"),
}


def show(steps: Iterable[Step]) -> Exit:
    """Prints each step when it is done; REFUSED if one failed."""
    console, verdicts = Console(), Counter[Verdict]()
    for step in steps:
        verdicts[step.verdict] += 1
        mark, colour = _MARKS[step.verdict]
        line = Text.assemble((f"{mark} ", colour), (f"{name(step.name)}  ", "bold"), _said(step.found))
        console.print(line, soft_wrap=True)
        if step.do.en:
            arrow = Text.assemble(("→ ", "dim"), _said(step.do))
            console.print(Padding(arrow, (0, 0, 0, 2)), soft_wrap=True)
    console.print(
        said(
            en="{} ok, {} to look at, {} failed, {} not tried.",
            zh="{} 项正常，{} 项需留意，{} 项失败，{} 项未尝试。",
        ).format(*(verdicts[verdict] for verdict in Verdict)),
        soft_wrap=True,
    )
    return Exit.REFUSED if verdicts[Verdict.FAILED] else Exit.DONE


def as_json(steps: Iterable[Step]) -> Exit:
    """All steps as one list; REFUSED if one failed."""
    done = [asdict(step) for step in steps]
    click.echo(json.dumps(done, ensure_ascii=False, indent=1))
    return Exit.REFUSED if any(step["verdict"] == Verdict.FAILED for step in done) else Exit.DONE


def name(step: str) -> str:
    """A step's title."""
    return {
        "site": said(en="This site", zh="本站点"),
        "hub": said(en="Hub and clock", zh="平台与时钟"),
        "engine": said(en="Engine", zh="引擎"),
        "users": said(en="Local users", zh="本地用户"),
        "job": said(en="A job", zh="一个作业"),
        "once": said(en="Exactly once", zh="恰好一次"),
        "cancel": said(en="Cancelling", zh="取消"),
        "limit": said(en="Time limit", zh="时限"),
    }[step]


def _said(text: words.Text) -> str:
    return said(en=text.en, zh=text.zh)
