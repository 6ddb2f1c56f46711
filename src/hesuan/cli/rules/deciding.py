"""``hesuan programme decide``: one request under a document, with every step it was decided by."""

from __future__ import annotations

from pathlib import Path

from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.rules.answers import as_json as decision_as_json
from hesuan.cli.rules.answers import show
from hesuan.cli.rules.files import print_json, read_text, read_text_or_input
from hesuan.policy.book import Book
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import needed
from hesuan.policy.programme import Programme
from hesuan.policy.requests import load_counters, load_facts
from hesuan.policy.schema import load, load_assumptions


def run(path: Path, *, facts: Path, counters: Path | None, assume: Path | None, as_json: bool) -> Exit:
    """Decides and prints; 0 where something is granted, 1 where not."""
    programme = read_programme(path, assume)
    text, source = read_text_or_input(facts)
    asked = load_facts(text, source=source)
    needs = needed(programme, asked)
    found = Book().counters(needs)
    if counters is not None:
        text, source = read_text_or_input(counters)
        found = load_counters(text, source=source, programme=programme)
    decision = decide(programme, asked, found)
    if as_json:
        print_json(decision_as_json(decision))
    else:
        show(programme, decision)
        if counters is None and needs:
            names = ", ".join(one.id for one in needs)
            names_zh = "，".join(programme.names_zh[f"{one.kind} {one.id}"] for one in needs)
            print(
                said(
                    en=f"Nothing was taken as used of {names}; --counters says otherwise.",
                    zh=f"{names_zh}按尚未使用计；可用 --counters 另行给出。",
                )
            )
    return Exit.DONE if decision.granted else Exit.REFUSED


def read_programme(path: Path, assume: Path | None) -> Programme:
    """A document, its open rules filled by a file of assumptions where one is given.

    Raises:
        Faults, InputFault: everything wrong with either.
    """
    extra = () if assume is None else load_assumptions(read_text(assume), source=assume.name)
    return load(read_text(path), source=path.name, extra=extra)
