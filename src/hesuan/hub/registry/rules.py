"""Decisions of the registry on plain values: which facts hold, which steps are open, who is related."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction

from hesuan.wire.canonical import Json

DECLARED, CHECKED, REFUSED, WITHDRAWN = "declared", "checked", "refused", "withdrawn"
STEPS = {DECLARED: (CHECKED, REFUSED, WITHDRAWN), CHECKED: (WITHDRAWN,), REFUSED: (), WITHDRAWN: ()}
"""State → the states it may become. That a day passes is no step: expiry is asked of a day."""

# --- Facts ---


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact on record, in the state it had when it was asked for."""

    entry_id: str
    name: str
    value: Json
    issuer: str
    document_id: str | None
    source: str
    valid_from: date
    expires_on: date | None
    state: str
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class StaleFact:
    """A fact that does not hold on a day, and why."""

    fact: KnownFact
    reason: str
    """``not_checked``, ``refused``, ``withdrawn``, ``not_yet``, ``expired`` or ``replaced``."""
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on record of an organisation on a day."""

    on: date
    holds: dict[str, KnownFact] = field(default_factory=dict)
    """Name → the fact that holds."""
    stale: tuple[StaleFact, ...] = ()

    def values(self) -> dict[str, Json]:
        """Name → value of what holds."""
        return {name: fact.value for name, fact in self.holds.items()}


def standing(facts: Iterable[KnownFact], on: date) -> Standing:
    """Of each name the checked fact that holds on a day; of several the one that began, then came, last."""
    holds: dict[str, KnownFact] = {}
    stale: list[StaleFact] = []
    newest_first = sorted(facts, key=lambda one: (one.valid_from, one.entered_at, one.entry_id), reverse=True)
    for fact in newest_first:
        if why := _stale(fact, on):
            stale.append(StaleFact(fact, *why))
        elif fact.name in holds:
            later = holds[fact.name]
            en = f"replaced by what holds from {later.valid_from}"
            stale.append(StaleFact(fact, "replaced", en, f"已由 {later.valid_from} 起的记录取代"))
        else:
            holds[fact.name] = fact
    return Standing(on, dict(sorted(holds.items())), tuple(stale))


def _stale(fact: KnownFact, on: date) -> tuple[str, str, str] | None:
    if fact.state == DECLARED:
        return "not_checked", "declared; nobody has checked it", "已申报，尚未核验"
    if fact.state == REFUSED:
        return "refused", "checked and not confirmed", "核验未通过"
    if fact.state == WITHDRAWN:
        return "withdrawn", "withdrawn", "已撤回"
    if on < fact.valid_from:
        return "not_yet", f"holds from {fact.valid_from}", f"自 {fact.valid_from} 起有效"
    if fact.expires_on is not None and on > fact.expires_on:
        return "expired", f"expired on {fact.expires_on}", f"已于 {fact.expires_on} 到期"
    return None


# --- Relations ---

FAMILIES = {
    "shareholding": "party",
    "legal_representative": "party",
    "registration": "party",
    "address": "address",
    "bank_account": "bank_account",
    "phone": "phone",
}
"""Kind of relation → what its other end is; a person who manages one firm and owns another is one party."""
SAME_PARTY = "registration"
"""An organisation's own registration number: two accounts under one number are one party."""
THRESHOLD = Fraction(1, 4)
"""A shareholding from here on relates (State Taxation Administration announcement 2016 no. 42, article 2)."""


@dataclass(frozen=True, slots=True)
class Tie:
    """One relation as an edge between two nodes, such as ``organisation:01J…`` and ``phone:<hash>``."""

    relation_id: str
    kind: str
    left: str
    """The organisation that it was entered for."""
    right: str
    ratio: Fraction | None = None
    proved: bool = True
    """Checked, or from a registry. What is only declared counts against who declared it, and nobody else."""


@dataclass(frozen=True, slots=True)
class Path:
    """How two parties are related: one tie, or two with what lies between them."""

    ties: tuple[Tie, ...]
    through: str | None = None
    """The node between; ``None`` for a direct tie, and for two accounts of one party."""


def distance(path: Path) -> int:
    """How near a path is: 0 for one party, 1 for one tie or something shared, 2 through an organisation."""
    if path.through is None:
        return 0 if all(tie.kind == SAME_PARTY for tie in path.ties) else 1
    return 2 if path.through.startswith("organisation:") else 1


def related(ties: Iterable[Tie], first: str, second: str, *, threshold: Fraction = THRESHOLD) -> Path | None:
    """How two parties are related: directly or through one intermediate, in whichever direction.

    Args:
        ties: Every tie that might matter; more do no harm.
        first: A node.
        second: A node; the order does not matter.
        threshold: The least shareholding that counts.

    Returns:
        The shortest path, of equal ones the first by relation ids; ``None`` where there is none.
    """
    counting = sorted(_counting(ties, {first, second}, threshold), key=lambda tie: tie.relation_id)
    same = _same_party(counting)
    here, there = same.get(first, first), same.get(second, second)
    if here == there:
        return Path(tuple(tie for tie in counting if tie.kind == SAME_PARTY and same[tie.left] == here))
    reached: dict[str, dict[str, Tie]] = {here: {}, there: {}}
    for tie in counting:
        left, right = same.get(tie.left, tie.left), same.get(tie.right, tie.right)
        for near, far in ((left, right), (right, left)):
            if near in reached and near != far:
                reached[near].setdefault(far, tie)
    if there in reached[here]:
        return Path((reached[here][there],))
    between = sorted(reached[here].keys() & reached[there].keys())
    found = [Path((reached[here][node], reached[there][node]), node) for node in between]
    return min(found, key=_order) if found else None


def _order(path: Path) -> tuple[list[str], str]:
    return sorted(tie.relation_id for tie in path.ties), path.through or ""


def _counting(ties: Iterable[Tie], asked: set[str], threshold: Fraction) -> Iterator[Tie]:
    for tie in ties:
        enough = tie.kind != "shareholding" or (tie.ratio is not None and tie.ratio >= threshold)
        if enough and (tie.proved or tie.left in asked):
            yield tie


def _same_party(ties: Sequence[Tie]) -> dict[str, str]:
    """Node → the node that stands for its party, for nodes that a registration number joins."""
    of: dict[str, str] = {}
    for tie in ties:
        if tie.kind == SAME_PARTY:
            left, right = of.get(tie.left, tie.left), of.get(tie.right, tie.right)
            keep, drop = min(left, right), max(left, right)
            of |= {node: keep for node, stands in of.items() if stands == drop}
            of |= {tie.left: keep, tie.right: keep, drop: keep}
    return of
