"""The reference pages say what the code says; every sentence gets its facts."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest
from tools import reference, reference_commands, reference_errors, reference_programmes, reference_settings

from hesuan import errors
from hesuan.cli.main import COMMANDS, load

SOURCES = sorted((Path(__file__).resolve().parents[2] / "src").rglob("*.py"))


@pytest.fixture(scope="module", autouse=True)
def everything() -> None:
    reference.prepare()


@pytest.mark.parametrize("name", list(reference.pages()))
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert reference.difference(name) == "", "run `make reference`"


def test_a_page_that_differs_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    assert "HESUAN_MODE" in reference.difference("settings.md")
    assert reference.check() == 1
    assert reference.write() == 0
    assert reference.check() == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_programme_that_ships_is_told_with_its_gaps(language: str) -> None:
    page = reference_programmes.page(language)
    for one in reference_programmes.shipped():
        section = page[page.index(f"\n## {one.programme.id}\n") :].partition("\n## ")[2].partition("\n## ")[0]
        told = set(re.findall(r"`([^`]+)`", section))
        assert {*one.open, *one.programme.interpreted} <= told, one.programme.id
        assert all(source.url in section for source in one.programme.terms.sources)


def test_every_command_has_its_module() -> None:
    for word in COMMANDS:
        assert callable(load(word)), word


def test_subcommands_are_found_in_both_kinds_of_help() -> None:
    click = "Usage: x\n\nCommands:\n  serve    Serves\n           and more.\n  check-it  Checks.\n"
    argparse = "usage: hesuan plan [-h] {show,find} ...\n"
    assert reference_commands.subcommands(click) == ["serve", "check-it"]
    assert reference_commands.subcommands(argparse) == ["show", "find"]
    assert reference_commands.subcommands("usage: hesuan x [-h] check|load ...\n") == ["check", "load"]
    assert reference_commands.subcommands("usage: hesuan verify [-h] [--lang {en,zh}] file\n") == []


def test_every_variable_in_the_source_is_documented() -> None:
    named = {name for path in SOURCES for name in re.findall(r"\bHESUAN_[A-Z][A-Z_]+\b", path.read_text())}
    assert named - reference_settings.documented() == set()


def test_every_raised_code_gets_the_facts_of_both_its_sentences() -> None:
    """``Refused(CODE, asked=…)`` without ``available=`` would fail at the moment it is needed most."""
    missing = [
        f"{module.__name__}:{call.lineno} {code.name} lacks {sorted(lacking)}"
        for module in reference_errors.modules()
        for _, code, call in reference_errors.raised_in(module)
        if (lacking := facts_of(code) - given(call)) and not any(one.arg is None for one in call.keywords)
    ]
    assert missing == []


def test_both_sentences_of_a_code_use_known_facts_and_are_there() -> None:
    for code in errors.REGISTRY.values():
        assert code.en.strip() and code.zh.strip(), code.name
        says_something = re.search("[a-z]{3}", re.sub(r"{[^}]*}", "", code.en))
        assert not says_something or re.search("[\u4e00-\u9fff]", code.zh), f"{code.name} has no Chinese"


def test_every_code_has_a_room_and_a_name() -> None:
    for name in errors.REGISTRY:
        assert re.fullmatch(r"[a-z][a-z_]*\.[a-z][a-z0-9_]*", name), name


def facts_of(code: errors.Code) -> set[str]:
    parts = [*Formatter().parse(code.en), *Formatter().parse(code.zh)]
    return {field for _, field, _, _ in parts if field}


def given(call: ast.Call) -> set[str]:
    return {one.arg for one in call.keywords if one.arg and one.arg != "where"}
