"""Everything the console does, the API does: each verb that a page calls is called by a route too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

from tools import reference
from tools.reference_errors import modules


def verbs(room: str) -> set[str]:
    """Functions of the rooms' ``services`` that the modules of a room call, by their full names."""
    reference.prepare()
    here = [module for module in modules() if module.__name__.startswith(f"hesuan.hub.{room}.")]
    return {name for module in here for name in called(module)}


def called(module: ModuleType) -> Iterator[str]:
    """What a module reaches through a room's ``services``, called or handed on."""
    assert module.__file__ is not None
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = getattr(module, node.value.id, None)
            verb = getattr(owner, node.attr, None)
            of_a_room = isinstance(owner, ModuleType) and owner.__name__.endswith(".services")
            if of_a_room and isinstance(verb, FunctionType):
                yield f"{owner.__name__}.{node.attr}"


def test_every_verb_of_the_console_has_an_address() -> None:
    assert verbs("console") - verbs("api") == set()


def test_the_comparison_sees_verbs() -> None:
    assert "hesuan.hub.runs.services.place_order" in verbs("api") & verbs("console")
