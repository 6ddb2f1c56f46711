"""Keeps the figures of the guide to serving as they are printed: ``python -m tools.guide_figures write``.

A block that begins with a command holds the first lines of what it prints, as many as stand there.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

from hesuan.cli.main import main as hesuan

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"en": ROOT / "docs" / "guide" / "serve.md", "zh": ROOT / "docs" / "guide" / "serve.zh.md"}
BLOCK = re.compile(r"```console\n\$ hesuan (plan [^\n]*)\n((?:[^`][^\n]*\n|\n)+)```")


def printed(text: str, language: str) -> str:
    """A page with its blocks as the commands print them now, run where examples/ lies."""

    def block(match: re.Match[str]) -> str:
        lines = output(match[1], language)[: match[2].count("\n")]
        return f"```console\n$ hesuan {match[1]}\n" + "\n".join(lines) + "\n```"

    return BLOCK.sub(block, text)


def output(command: str, language: str) -> list[str]:
    """The lines a command prints."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        assert hesuan([*shlex.split(command), "--lang", language]) == 0, command
    return told.getvalue().splitlines()


def main() -> int:
    """Writes the pages."""
    if sys.argv[1:] != ["write"]:
        print("usage: python -m tools.guide_figures write")
        return 2
    with contextlib.chdir(ROOT):
        for language, page in PAGES.items():
            page.write_text(printed(page.read_text(), language))
    return 0


if __name__ == "__main__":
    sys.exit(main())
