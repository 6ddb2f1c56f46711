"""``docs/reference/commands.md``: every command and option, as ``--help`` itself tells them."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator

from hesuan.cli import language
from hesuan.cli.exits import MEANINGS
from hesuan.cli.main import COMMANDS, load

WIDTH = 100

INTRODUCTION = """# Commands

`hesuan COMMAND …`; the language follows `--lang en|zh`, else `LC_ALL`, `LC_MESSAGES`, `LANG`. Answers go to
standard output, everything else to standard error. An error is one sentence with its code in brackets:
[errors.md](errors.md).

`hesuan 命令 …`；语言由 `--lang en|zh` 决定，否则取环境变量。回答写到标准输出，其余写到标准错误。

| Exit code | Meaning | 含义 |
| --- | --- | --- |
"""

VERIFY_NOTE = "\n`hesuan verify` has exit codes of its own, told in its help.\n"


def page() -> str:
    """The whole page."""
    rows = [f"| {int(code)} | {en} | {zh} |\n" for code, (en, zh) in sorted(MEANINGS.items())]
    parts = [INTRODUCTION, *rows, VERIFY_NOTE]
    for word, command in COMMANDS.items():
        extra = f"`pip install 'hesuan[{command.extra}]'`" if command.extra else "part of every installation"
        parts.append(f"\n## hesuan {word}\n\n{command.en} · {command.zh} ({extra})\n")
        for words, text in helps(word):
            if words != [word]:
                parts.append(f"\n### hesuan {' '.join(words)}\n")
            parts.append(f"\n```text\n{text}```\n")
    return "".join(parts)


def helps(word: str) -> Iterator[tuple[list[str], str]]:
    """The help of a command and of everything below it."""
    waiting = [[word]]
    while waiting:
        words = waiting.pop(0)
        text = help_of(words)
        yield words, text
        waiting += [[*words, sub] for sub in subcommands(text)]


def help_of(words: list[str]) -> str:
    """What ``hesuan WORDS --help`` prints, in English, :data:`WIDTH` columns wide."""
    shown = io.StringIO()
    before = {name: os.environ.get(name) for name in ("COLUMNS", "LANG", "LC_ALL")}
    os.environ.update(COLUMNS=str(WIDTH), LANG="C.UTF-8", LC_ALL="C.UTF-8")
    language.choose("en")
    try:
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            load(words[0])([*words[1:], "--help"])
    finally:
        language.choose(None)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return "\n".join(line.rstrip() for line in shown.getvalue().strip().splitlines()) + "\n"


def subcommands(text: str) -> list[str]:
    """The words below a command, from its help: click's ``Commands:``, argparse's ``{a,b}`` or ``a|b``."""
    if match := re.search(r"^Commands:\n((?:  .*\n?)+)", text, re.MULTILINE):
        return re.findall(r"^  ([a-z][a-z-]*)", match[1], re.MULTILINE)
    if match := re.search(r"^usage:.*?\{?([a-z-]+(?:[,|][a-z-]+)+)\}? \.\.\.", text):
        return re.split(r"[,|]", match[1])
    return []
