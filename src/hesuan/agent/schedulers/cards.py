"""Cards as a cluster counts them: by names of its own, perhaps as several slices each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hesuan.agent.schedulers.contract import NO_CARD, RunSpec
from hesuan.agent.survey import Node
from hesuan.errors import Refused


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of accelerator as a cluster counts it: ``gpu:ascend910c`` of Slurm, ``NPU`` of Ray."""

    card: str
    """Its name in the planner's catalogue."""
    slices: int = 1
    """How many of them are one card: 4 for quarters, 2 where each die is counted."""


def wanted(spec: RunSpec, resources: Mapping[str, Resource]) -> tuple[str, Resource]:
    """What a run that asks for cards needs of the cluster, with the cluster's name of it.

    Args:
        spec: The run.
        resources: The cluster's name of each kind → what it is, as the site's file has them.

    Raises:
        Refused: ``agent.no_such_card``.
    """
    for name, one in resources.items():
        if one.card == spec.card:
            return name, one
    known = ", ".join(sorted(one.card for one in resources.values())) or "–"
    raise Refused(NO_CARD, cards=spec.cards, card=spec.card or "?", known=known)


def sizes(nodes: Iterable[Node], resources: Mapping[str, Resource]) -> list[tuple[str, int]]:
    """The sizes whose start is told, as a card's name and a count: none; then of each kind of card that the
    site maps one, and as many as a node has."""
    largest: Counter[str] = Counter()
    for node in nodes:
        for card in node.cards:
            largest[card.chip] = max(largest[card.chip], card.count)
    names = sorted({one.card for one in resources.values()})
    asked = [(name, count) for name in names for count in sorted({1, largest[name]}) if largest[name]]
    return [("", 0), *asked]
