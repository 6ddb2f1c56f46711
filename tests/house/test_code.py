"""What import-linter cannot see, read off the source itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "hesuan"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)

BANNED_NAMES = {
    "get_model": "rooms reach each other through functions, not through the app registry",
    "import_module": "imports are written, so that the contracts can see them",
    "receiver": "news travels upward as audit facts, not as signals",
    "post_save": "no signals",
    "pre_save": "no signals",
}
LONGEST_FILE_LINES = 400
MONEY_ROOMS = ("ledger", "market", "settlement", "programmes", "metering", "registry")


def names_used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.rsplit(".", 1)[-1]


def banned_in(text: str) -> list[str]:
    return [
        f"line {line}: {name}: {BANNED_NAMES[name]}"
        for line, name in names_used(ast.parse(text))
        if name in BANNED_NAMES
    ]


def floats_in(text: str) -> list[str]:
    """Float literals and calls of ``float`` in code."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"line {node.lineno}: {node.value}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            found.append(f"line {node.lineno}: float(…)")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_uses_no_banned_name_and_fits_one_sitting(path: Path) -> None:
    text = path.read_text()
    assert banned_in(text) == []
    assert len(text.splitlines()) <= LONGEST_FILE_LINES, "when a file needs a table of contents, it is two"


def test_the_ban_finds_what_it_bans() -> None:
    assert banned_in("from django.dispatch import receiver") != []
    assert banned_in("apps.get_model('ledger', 'Account')") != []
    assert banned_in("import importlib\nimportlib.import_module('x')") != []


@pytest.mark.parametrize("room", MONEY_ROOMS)
def test_no_float_where_money_is(room: str) -> None:
    found = {
        str(path.relative_to(ROOT)): faults
        for path in MODULES
        if path.is_relative_to(SOURCE / "hub" / room) and (faults := floats_in(path.read_text()))
    }
    assert found == {}


def test_money_itself_has_no_float_and_the_check_would_see_one() -> None:
    assert floats_in((SOURCE / "money.py").read_text()) == []
    assert floats_in("rate = 0.2") and floats_in("float('1')")


def test_save_holds_no_logic() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            overrides = isinstance(node, ast.FunctionDef) and node.name == "save"
            assert not overrides, f"{path}:{getattr(node, 'lineno', 0)} overrides save()"


def test_every_wing_and_room_says_what_it_is() -> None:
    """A package that holds an idea opens with it; an outsider should know where they are."""
    silent = [
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("__init__.py")
        if "migrations" not in path.parts and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


REFUSED_IN_SOURCE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def test_nothing_is_left_open_in_the_source() -> None:
    open_ends = [
        f"{path.relative_to(ROOT)}:{i}"
        for path in MODULES
        for i, line in enumerate(path.read_text().splitlines(), 1)
        if REFUSED_IN_SOURCE.search(line)
    ]
    assert open_ends == []
