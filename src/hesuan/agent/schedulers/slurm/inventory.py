"""What a Slurm cluster has, by its own word: nodes, cores, memory, cards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from hesuan.agent.cards import CardGroup
from hesuan.agent.detect import Machine
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.slurm.tools import Tools

_CARD = re.compile(r"([A-Za-z0-9_]+(?::[A-Za-z0-9_.\-]+)?):(\d+)")
_UNUSABLE = ("down", "drain", "drng", "fail", "inval", "maint", "unk")


def machine(tools: Tools, software: Mapping[str, str]) -> Machine:
    """The cluster as one machine: what one run can have at most, and all cards that are in service.

    Raises:
        Unavailable: ``agent.slurm_away``.
    """
    partition = ("-p", tools.settings.partition) if tools.settings.partition else ()
    text = tools.read("sinfo", "-h", "-N", *partition, "-o", "%N|%c|%m|%G|%t")
    nodes = {row[0]: row for line in text.splitlines() if len(row := line.split("|")) == 5}
    usable = [row for row in nodes.values() if not row[4].startswith(_UNUSABLE)]
    away = [f"{row[0]} ({row[4]})" for row in nodes.values() if row not in usable]
    cards: Counter[str] = Counter()
    for row in usable:
        cards.update(_cards(row[3], tools.settings.gres))
    return Machine(
        host=tools.read("scontrol", "show", "config").partition("ClusterName")[2].split()[1],
        cores=max((_whole(row[1]) for row in usable), default=1),
        memory_bytes=max((_whole(row[2]) * 2**20 for row in usable), default=0) or None,
        cards=tuple(CardGroup(name, count, None) for name, count in sorted(cards.items())),
        software=software,
        notes=(f"Not in service: {', '.join(sorted(away))}.",) if away else (),
    )


def _cards(text: str, gres: Mapping[str, Resource]) -> Counter[str]:
    """``gpu:ascend910c:8(S:0-1)``: eight, by their catalogue's name where the site gives it."""
    found: Counter[str] = Counter()
    for name, count in _CARD.findall(re.sub(r"\([^)]*\)", "", text)):
        known = gres.get(name)
        found[known.card if known else name] += int(count) // (known.slices if known else 1)
    return found


def _whole(text: str) -> int:
    digits = text.rstrip("+")
    return int(digits) if digits.isdigit() else 0
