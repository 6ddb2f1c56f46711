"""What a programme's document says, as frozen values; read by :mod:`hesuan.policy.schema`.

A field is a value, :class:`~hesuan.policy.fields.Open` where the published rule does not say, or ``None``
where the key was left out and may be.

**Amounts.** Every ``*_fen`` is the hundredth of the programme's unit: a fen of CNY, a paisa of INR, a cent of
CAD, a hundredth of a credit or of a GPU-hour. A limit that counts claims counts a claim as 1.00, so that
counters of all kinds are read, added and shown alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from hesuan.money import RoundingMode
from hesuan.policy import names_zh
from hesuan.policy.fields import Interpretation, Open, Unexecuted
from hesuan.policy.nodes import Mark, Plain
from hesuan.policy.predicates import Pred
from hesuan.policy.terms import OPEN_ENDED, Settlement, Terms, Validity

__all__ = ["OPEN_ENDED", "Settlement", "Terms", "Validity"]

AWARD_RATE = "award.rate"
"""A tier whose rate stands in each award."""
AWARD_MAX = "award.max_subsidy"
"""A cap whose limit stands in each award."""
CLAIM_FEN = 100
"""What one claim counts where a limit counts claims."""


@dataclass(frozen=True, slots=True)
class ShareOf:
    """A limit as a share of another budget's."""

    pool: str
    ratio: Fraction | Open | None


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be given out in one window."""

    id: str
    path: str
    window: str | Open | None
    limit_fen: int | Open | None
    counts: str | Open | None
    on_exhaust: str | Open | None
    key: tuple[str, ...] | Open | None = None
    """What the budget is kept apart by; none for one budget of the whole programme."""
    share_of: ShareOf | None = None
    when: Pred | Open | None = None
    """Which requests it is for; all without."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays which share of a subsidy."""

    payer: str
    path: str
    share: Fraction | Open | None


@dataclass(frozen=True, slots=True)
class Apportion:
    """The part of a contract that lies inside a baseline period, by days or by the meter."""

    day_count: str | Open | None
    baseline_from: date | Open | None
    baseline_to: date | Open | None
    method: str | Open | None = "day_fraction"


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
class OrdinalCap:
    """A cap from the n-th request on."""

    path: str
    begin: int | Open | None
    cap_fen: int | Open | None


@dataclass(frozen=True, slots=True)
class Tier:
    """A rate, or a lump sum, and for whom it is."""

    id: str
    path: str
    when: Pred | Open | None
    rate: Fraction | str | Open | None
    """``"award.rate"`` where each award carries its own; ``None`` beside a lump sum."""
    rate_kind: str | Open | None
    cap_fen: int | Open | None
    lump_sum_fen: int | Open | None = None
    ordinal_caps: tuple[OrdinalCap, ...] = ()


@dataclass(frozen=True, slots=True)
class Floor:
    """Below this nothing is paid."""

    path: str
    on: str | Open | None
    min_fen: int | Open | None
    before_rounding: str | Open | None
    otherwise: str | Open | None
    at: str | Open | None = None
    """``issue`` or ``redeem``; without, where the entitlement is given."""


@dataclass(frozen=True, slots=True)
class Cap:
    """Most that one key may be given in one window."""

    id: str
    path: str
    key: tuple[str, ...] | Open | None
    window: str | Open | None
    limit_fen: int | str | Open | None
    """``"award.max_subsidy"`` where each award carries its own."""
    counts: str | Open | None
    """``issued``, ``redeemed``, ``both`` (each with its own counter), ``claims`` or ``active``."""
    when: Pred | Open | None = None
    """Which lines or requests it is for; all without."""
    tiers: tuple[str, ...] | Open | None = None
    """Which tiers' amounts it holds; all without."""
    override_by: tuple[str, ...] | Open | None = None
    """Roles that may set another limit in an award (``award.cap``); nobody without."""


@dataclass(frozen=True, slots=True)
class Match:
    """A rate of one's own, given because another programme has already given."""

    programme: str
    """The other programme or authority, as the register of other aid names it."""
    ratio_by_tier: Mapping[str, Fraction | Open]
    auto: bool | Open | None


@dataclass(frozen=True, slots=True)
class Stacking:
    """How other public money for the same thing is treated."""

    mode: str | Open | None
    ratio: Fraction | Open | None
    scope: str | Open | None = None
    authorities: tuple[str, ...] | Open | None = None
    ratio_by_tier: Mapping[str, Fraction | Open] | None = None
    match: Match | None = None


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
    scope: str | Open | None = None
    """Whether each line has a tier of its own (``line``) or the claim has one."""
    retroactive: bool | Open | None = None
    """Whether a tier reached in the year holds for the year's earlier claims too."""
    fiscal_year_start: tuple[int, int] | Open | None = None
    """Month and day."""
    set_by: str | Open | None = None
    """Whose step of ``settlement.steps`` sets each claim's rate under a ceiling, where the claim is the
    application; an extension of schema 1."""
    terms: Terms = field(default_factory=Terms)

    cites: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    """What :meth:`cite` has answered so far."""
    called: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What :attr:`names_zh` has answered; a version with other rates starts anew."""

    def cite(self, path: str) -> str:
        """``file:line`` of a rule; of the interpretation where one fills it."""
        found = self.cites.get(path)
        if found is None:
            mark = self.places.get(path)
            stands = f"{self.source}:{mark.line}" if mark else self.source
            found = self.interpreted[path].where if path in self.interpreted else stands
            self.cites[path] = found
        return found

    @property
    def names_zh(self) -> dict[str, str]:
        """What each tier, cap and budget is called in Chinese, by ``"cap <id>"``."""
        if self.called:
            return self.called
        named = {
            f"tier {one.id}": names_zh.tier(
                one.id,
                place=place,
                rate=one.rate,
                rate_kind=one.rate_kind,
                is_lump=one.lump_sum_fen is not None,
            )
            for place, one in enumerate(self.tiers, 1)
        }
        limits = [("cap", "上限", one) for one in self.caps] + [
            ("budget", "预算", one) for one in self.budgets
        ]
        for kind, kind_zh, one in limits:
            named[f"{kind} {one.id}"] = names_zh.limit(
                kind_zh, one.id, key=one.key, over=one.window, counts=one.counts
            )
        self.called.update(named)
        return named

    def note(self, path: str) -> tuple[str, str]:
        """What a trace says of an interpretation that was used, in both languages."""
        by, where = self.interpreted[path].decided_by, self.cite(path)
        return f" [`{path}` as decided by {by}, {where}]", f"［{names_zh.rule(path)}依“{by}”的裁定，{where}］"

    def is_open(self, path: str) -> bool:
        """Whether a field says ``"?"`` and nobody filled it."""
        return any(one.path == path for one in self.opens)
