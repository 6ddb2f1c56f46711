"""``docs/reference/errors.md``: every error code with both sentences and its HTTP status."""

from __future__ import annotations

import ast
import inspect
import sys
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType

from hesuan import errors
from hesuan.hub.api import problems

Kind = type[errors.HesuanError]

KINDS = (
    errors.HesuanError,
    errors.InputFault,
    errors.Refused,
    errors.Conflict,
    errors.NotFound,
    errors.Unavailable,
)

INTRODUCTION = """# Error codes

The code is stable and for programs; the sentence is for people, in the language asked for; the facts in
braces travel beside both. A status of – means that the code is not answered over HTTP by itself: it is told
inside an answer (why an offering cannot quote), in a log, or on the command line. The table that decides
statuses is `STATUS` in `src/hesuan/hub/api/problems.py`.

代码稳定，供程序使用；句子供人阅读，中英文各一；花括号中的事实随附给出。
状态为 – 表示该代码不单独以 HTTP 状态返回。

"""


def page() -> str:
    """The whole page, a table per room."""
    rooms: dict[str, list[errors.Code]] = defaultdict(list)
    for name in sorted(errors.REGISTRY):
        rooms[name.partition(".")[0]].append(errors.REGISTRY[name])
    raised = statuses()
    parts = [INTRODUCTION]
    for room, codes in sorted(rooms.items()):
        parts.append(f"## {room}\n\n| Code | Status | English | 中文 |\n| --- | --- | --- | --- |\n")
        parts += [_row(code, raised.get(code.name, set())) for code in codes]
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def statuses() -> dict[str, set[int]]:
    """Code to the statuses with which the source raises it."""
    found: dict[str, set[int]] = defaultdict(set)
    for module in modules():
        for kind, code, _ in raised_in(module):
            found[code.name].add(problems.status_of_kind(kind, code.name))
    return found


def _row(code: errors.Code, raised: set[int]) -> str:
    own = problems.status_of_code(code.name)
    told = ", ".join(map(str, sorted({own} if own else raised))) or "–"
    cells = [f"`{code.name}`", told, _cell(code.en), _cell(code.zh)]
    return f"| {' | '.join(cells)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").strip()


def modules() -> list[ModuleType]:
    """Every module of Hesuan that is imported."""
    return [
        module
        for name, module in sorted(sys.modules.items())
        if (name == "hesuan" or name.startswith("hesuan."))
        and module is not None
        and hasattr(module, "__file__")
    ]


def raised_in(module: ModuleType) -> Iterator[tuple[Kind, errors.Code, ast.Call]]:
    """Every call ``Refused(CODE, …)`` in a module's source, class and code as the module knows them."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        kind, code = _value(module, node.func), _value(module, node.args[0])
        if isinstance(code, errors.Code) and kind in KINDS:
            yield kind, code, node


def _value(module: ModuleType, node: ast.expr) -> object:
    """What a name or a dotted name in a module stands for; None for anything else."""
    if isinstance(node, ast.Name):
        return getattr(module, node.id, None)
    if isinstance(node, ast.Attribute):
        return getattr(_value(module, node.value), node.attr, None)
    return None
