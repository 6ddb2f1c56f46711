"""What a programme's document says, as frozen values; read by :mod:`hesuan.policy.schema`.

A field is a value, :class:`~hesuan.policy.fields.Open` where the published rule does not say, or ``None``
where the key was left out and may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from hesuan.money import RoundingMode
from hesuan.policy.fields import Interpretation, Open, Unexecuted
from hesuan.policy.nodes import Mark, Plain
from hesuan.policy.predicates import Pred

AWARD_RATE = "award.rate"
"""A tier whose rate stands in each award."""
OPEN_ENDED = "open_ended"
"""A period or a validity without an end."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be given out in one window."""

    id: str
    path: str
    window: str | Open | None
    limit_fen: int | Open | None
    counts: str | Open | None
    on_exhaust: str | Open | None


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays which share of a subsidy."""

    payer: str
    path: str
    share: Fraction | Open | None


@dataclass(frozen=True, slots=True)
class Apportion:
    """The share of a contract's days that lies inside a baseline period."""

    day_count: str | Open | None
    baseline_from: date | Open | None
    baseline_to: date | Open | None


@dataclass(frozen=True, slots=True)
class Base:
    """What the rate is applied to."""

    measure: str | Open | None
    kinds: tuple[str, ...] | Open | None
    tax: str | Open | None
    min_fen: int | Open | None
    max_fen: int | Open | None
    apportion: Apportion | None


@dataclass(frozen=True, slots=True)
class Tier:
    """A rate and for whom it is."""

    id: str
    path: str
    when: Pred | Open | None
    rate: Fraction | str | Open | None
    """``"award.rate"`` where each award carries its own."""
    rate_kind: str | Open | None
    cap_fen: int | Open | None


@dataclass(frozen=True, slots=True)
class Floor:
    """Below this nothing is paid."""

    path: str
    on: str | Open | None
    min_fen: int | Open | None
    before_rounding: str | Open | None
    otherwise: str | Open | None


@dataclass(frozen=True, slots=True)
class Cap:
    """Most that one key may be given in one window."""

    id: str
    path: str
    key: tuple[str, ...] | Open | None
    window: str | Open | None
    limit_fen: int | Open | None
    counts: str | Open | None


@dataclass(frozen=True, slots=True)
class Stacking:
    """How other public money for the same thing is treated."""

    mode: str | Open | None
    ratio: Fraction | Open | None


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a voucher lives: a count of ``D``, ``M`` or ``Y``, a last day, or without end."""

    count: int = 0
    unit: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Rounding:
    """To what, how, and after which steps amounts are rounded."""

    quantum_fen: int | Open | None
    mode: RoundingMode | Open | None
    stages: tuple[str, ...] | Open | None


@dataclass(frozen=True, slots=True)
class Programme:
    """One version of a programme as its document states it. ``None`` stands for a key left out."""

    id: str
    version: int
    title: str
    issuer: str
    unit: str
    source: str
    digest: str
    """``sha256:`` over the text as it stands."""
    period_from: date | Open | None
    period_to: date | str | Open | None
    budgets: tuple[Budget, ...]
    funding: tuple[Payer, ...]
    eligible: Pred | Open | None
    registries: tuple[str, ...] | Open | None
    supplier_rules: tuple[Pred, ...]
    base: Base | None
    select: str | Open | None
    tiers: tuple[Tier, ...]
    floors: tuple[Floor, ...]
    caps: tuple[Cap, ...]
    stacking: Stacking | None
    event: str | Open | None
    validity: Validity | Open | None
    flow: str | Open | None
    rounding: Rounding | None
    recorded: dict[str, Plain]
    opens: tuple[Open, ...]
    unexecuted: tuple[Unexecuted, ...]
    interpreted: dict[str, Interpretation]
    places: dict[str, Mark]

    def cite(self, path: str) -> str:
        """``file:line`` of a rule; of the interpretation where one fills it."""
        if path in self.interpreted:
            return self.interpreted[path].where
        mark = self.places.get(path)
        return f"{self.source}:{mark.line}" if mark else self.source

    def is_open(self, path: str) -> bool:
        """Whether a field says ``"?"`` and nobody filled it."""
        return any(one.path == path for one in self.opens)
