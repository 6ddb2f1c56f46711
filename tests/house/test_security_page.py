"""``docs/security.md`` promises tests by name: each of them exists, and both languages name the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "security.md", ROOT / "docs" / "security.zh.md"]
PROMISES = [f"S{number}" for number in range(1, 23)]


def named(text: str) -> dict[str, list[str]]:
    """Promise → tests, as one page has them."""
    sections = re.split(r"^## (S\d+)\b.*$", text, flags=re.M)[1:]
    return {
        promise: re.findall(r"^- `(tests/\S+::test_\w+)`$", body, re.M)
        for promise, body in zip(sections[::2], sections[1::2], strict=True)
    }


def missing(tests: list[str]) -> list[str]:
    """Those of the named tests that are not there."""
    gone = []
    for name in tests:
        path, _, function = name.partition("::")
        file = ROOT / path
        if not file.is_file() or function not in functions(file):
            gone.append(name)
    return gone


def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_promise_stands_there_with_tests_that_exist(page: Path) -> None:
    found = named(page.read_text())
    assert list(found) == PROMISES
    assert [promise for promise, tests in found.items() if not tests] == []
    assert {promise: gone for promise, tests in found.items() if (gone := missing(tests))} == {}


def test_both_languages_name_the_same_tests_and_say_what_is_not_done() -> None:
    english, chinese = (page.read_text() for page in PAGES)
    assert named(english) == named(chinese)
    assert english.count("**Not done**") == chinese.count("**未做**") == len(PROMISES)


def test_a_test_that_is_gone_is_noticed() -> None:
    here = "tests/house/test_security_page.py"
    assert missing([f"{here}::test_a_test_that_is_gone_is_noticed"]) == []
    assert missing([f"{here}::test_nothing", "tests/none.py::test_x"]) != []
