"""The programme officer's guide: commands print what stands below them, figures are the engine's."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest
from tests.docs.shown import ROOT, shown

from hesuan.cli import language
from hesuan.cli.main import main
from hesuan.policy.book import Book
from hesuan.policy.decision import Decision
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import needed
from hesuan.policy.linter import lint
from hesuan.policy.requests import load_facts
from hesuan.policy.schema import load, load_assumptions

PAGES = [ROOT / "docs" / "guide" / f"programme-officer{part}.md" for part in ("", ".zh")]
EXAMPLES = ROOT / "examples"
NANNING = ROOT / "src" / "hesuan" / "policy" / "programmes" / "cn.nanning.suanliquan.2025.yaml"
DRAFT = (EXAMPLES / "nanning-draft.yaml").read_text()
DECIDED = (EXAMPLES / "nanning-decided.yaml").read_text()

HABITS = {
    "the notice": (),
    "half up": (("mode: floor", "mode: half_up"),),
    "inclusive": (("value: end_minus_start", "value: inclusive"),),
    "fen twice": (('quantum: "1"', 'quantum: "0.01"'),),
    "fen at the end": (
        ('quantum: "1"', 'quantum: "0.01"'),
        ("stages: [base, subsidy]", "stages: [subsidy]"),
    ),
}
"""The rows of the table, in order: what a habit changes of draft and decisions."""


def decided(*changes: tuple[str, str]) -> Decision:
    """The example's case under the example's texts, changed."""
    draft, decisions = DRAFT, DECIDED
    for before, after in changes:
        assert before in draft + decisions
        draft, decisions = draft.replace(before, after), decisions.replace(before, after)
    programme = load(draft, source="draft", extra=load_assumptions(decisions, source="decided"))
    facts = load_facts((EXAMPLES / "nanning-facts.json").read_text(), source="facts")
    return decide(programme, facts, Book().counters(needed(programme, facts)))


def rules_of(text: str) -> list[str]:
    """The lines of a document that are more than comments."""
    return [line.partition(" #")[0].rstrip() for line in text.splitlines() if line[:1] not in ("", "#")]


@pytest.mark.parametrize(
    ("command", "answer"), [entry for page in PAGES for entry in shown(page)], ids=lambda text: text[:60]
)
def test_a_command_prints_what_the_page_shows(
    command: str,
    answer: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for folder in ("examples", "src"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    try:
        main(shlex.split(command))
    finally:
        language.choose(None)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.strip("\n") == answer


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readmes_commands_answer(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The draft's open rules block it (1); decided, it grants (0) and is simulated (0)."""
    monkeypatch.chdir(ROOT)
    lines = re.findall(r"^hesuan (programme [^#\n]*)", (ROOT / name).read_text(), re.M)
    assert [main(shlex.split(line)) for line in lines] == [1, 0, 0]
    assert capsys.readouterr().err == ""


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = ([command for command, _ in shown(page)] for page in PAGES)
    assert [command.removeprefix("--lang zh ") for command in chinese] == english != []


def test_the_draft_with_its_decisions_is_the_text_that_ships() -> None:
    whole = DRAFT + DECIDED.partition("programme: cn.nanning.suanliquan.2025\n")[2]
    assert rules_of(whole) == rules_of(NANNING.read_text())
    assert not [one for one in lint(load(whole, source="both")) if one.blocks]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_habit_pays_what_the_table_says(page: Path) -> None:
    rows = re.findall(r"^\| [^|]+ \| (83,[\d.,]+)(?:…*) \| (25,\d{3}\.\d\d) \|", page.read_text(), re.M)
    assert len(rows) == len(HABITS)
    for (base, subsidy), changes in zip(rows, HABITS.values(), strict=True):
        found = decided(*changes)
        assert f"{found.subsidy_fen / 100:,.2f}" == subsidy
        assert f"{float(found.base) / 100:,.4f}".startswith(base.rstrip("."))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_line_that_a_notice_becomes_stands_in_the_draft(page: Path) -> None:
    """Each term of the table's right column is a piece of the draft, but for what ``…`` leaves out."""
    section = page.read_text().partition("## 2.")[0]
    terms = [
        piece
        for row in re.findall(r"^\| .+ \| (.*`.+`) \|$", section, re.M)
        for term in re.findall(r"`([^`]+)`", row)
        for piece in re.findall(r"[a-z_.]+: (?:\"[^\"]*\"|[\w/.-]+|\[\w[^\]]*\])|[a-z_.]+ == \w+", term)
    ]
    text = " ".join(DRAFT.split())
    assert len(terms) > 30
    assert [term for term in terms if term not in text] == []


def test_the_claims_are_as_many_as_the_page_says() -> None:
    with (EXAMPLES / "nanning-claims.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len({row["claim"] for row in rows}) == 73 < len(rows)
