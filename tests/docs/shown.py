"""What a page shows of a terminal: each command, with the text that stands below it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def shown(page: Path) -> Iterator[tuple[str, str]]:
    """Every ``hesuan …`` of a page, without its first word, and its answer."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.S):
        for entry in re.split(r"^\$ hesuan ", block, flags=re.M)[1:]:
            command, _, answer = entry.partition("\n")
            yield command, answer.strip("\n")
