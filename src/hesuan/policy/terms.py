"""What a programme's document says beside the amount, as frozen values: issue, life, use and payment.

:mod:`hesuan.policy.programme` holds what an amount is worked out from; here stands when an entitlement is
given, how it is released and taken back, what proves its use, and how the money flows. A field is a value,
:class:`~hesuan.policy.fields.Open`, or ``None`` where the key was left out and may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from hesuan.policy.fields import Open
from hesuan.policy.nodes import Plain
from hesuan.policy.predicates import Pred

OPEN_ENDED = "open_ended"
"""A period or a validity without an end."""


@dataclass(frozen=True, slots=True)
class Validity:
    """How long something lives: a count of ``D``, ``M`` or ``Y``, a last day, or without end."""

    count: int = 0
    unit: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """From one day to another, both included."""

    begin: date | Open | None
    end: date | str | Open | None
    """``open_ended`` where it does not end."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule was read."""

    url: str
    title: str = ""
    quote_hash: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """One of ``evidence_required``: what proves a fact, from whom, how fresh, and who checks it."""

    fact: str
    doc_type: str
    issuer: str
    max_age: Validity | Open | None
    check: str | Open | None
    """``auto``, ``human`` or ``registry``."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Which of a supplier's services are admitted, and when."""

    batch: str
    service_items: tuple[str, ...]
    valid_from: date | Open | None
    valid_to: date | str | Open | None


@dataclass(frozen=True, slots=True)
class Suppliers:
    """Whose computing is paid."""

    registries: tuple[str, ...] | Open | None
    rules: tuple[Pred, ...]
    admission: Admission | None = None
    may: tuple[str, ...] = ()
    """What a supplier may answer to an exchange: ``approve``, ``modify``, ``decline``."""
    price_rule: str | Open | None = None


@dataclass(frozen=True, slots=True)
class RateVersion:
    """What one unit of a resource costs in the programme's unit, from a day on."""

    begin: date | Open | None
    rates: Mapping[str, Fraction | Open]
    """Resource → programme units for one unit of it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """How metered use becomes units of the programme."""

    table: str
    versioned: bool
    reversible: bool | Open | None
    state_factors: Mapping[str, Fraction | Open]
    charge_on: str | Open | None
    min_charge_fen: int | Open | None
    versions: tuple[RateVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Tranche:
    """A share of an award, and what releases it."""

    id: str
    path: str
    share: Fraction | Open | None
    release: str | date | Pred | Open | None
    """``issuance``, the name of an event such as ``progress_report``, a day, or a condition."""


@dataclass(frozen=True, slots=True)
class Issuance:
    """What a voucher is given for, to whom it may go, and who has to agree."""

    event: str | Open | None
    windows: tuple[Span, ...]
    validity: Validity | Open | None
    transferable: str | Open | None
    splittable: bool | Open | None
    tranches: tuple[Tranche, ...]
    auto_approve: Pred | Open | None
    else_steps: tuple[str, ...]
    selection: str | Open | None
    publicity_days: int | Open | None
    second_approver_above_fen: int | Open | None = None
    """Above this much subsidy a second approver, another person, has to agree; an extension of schema 1."""
    extension: Validity | Open | None = None
    """How much longer than its validity an office may let a voucher live, in all; nothing: not at all. An
    extension of schema 1."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """What is taken of the unused where the used share lies between two bounds."""

    path: str
    above: Fraction | Open | None
    above_included: bool
    below: Fraction | Open | None
    below_included: bool
    remove_of_unused: Fraction | Open | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A day on which what lies unused is reduced."""

    path: str
    on: date | Open | None
    reference: str | Open | None
    """Whether the used share is of the ``current`` or of the ``original`` allocation."""
    brackets: tuple[Bracket, ...]


@dataclass(frozen=True, slots=True)
class Expiry:
    """How an entitlement ends: at once, or piece by piece."""

    mode: str | Open | None
    checkpoints: tuple[Checkpoint, ...]
    exemption: str
    """The role that may exempt from a checkpoint; empty where nobody may."""
    returns_to: str | Open | None


@dataclass(frozen=True, slots=True)
class Redemption:
    """Who claims on what proof, and how a voucher is drawn."""

    claimant: str | Open | None
    trigger: str
    evidence: tuple[str, ...]
    drawdown: str | Open | None
    three_way_match: bool | Open | None
    claim_until: Validity | Open | None = None
    """How long after a voucher's last day, or until which day, what was used before it may be claimed; an
    extension of schema 1."""


@dataclass(frozen=True, slots=True)
class Instalment:
    """A share of what is paid, and when."""

    share: Fraction | Open | None
    when: str


@dataclass(frozen=True, slots=True)
class Float:
    """Money put with somebody in advance."""

    holder: str | Open | None
    size_fen: int | Open | None
    replenish: str | Open | None
    refund_unused: bool | Open | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """Which way the money flows."""

    flow: str | Open | None
    cadence: str | Open | None
    schedule: tuple[Instalment, ...]
    invoice: str | Open | None
    prefund: Float | None
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """What is done to who broke a rule; ``ban`` carries its length."""

    kind: str
    length: Validity | None = None


@dataclass(frozen=True, slots=True)
class Sanction:
    """What is done when something happens."""

    trigger: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything a document says beside the amount."""

    beneficiary: str | Open | None = None
    evidence: str | Open | None = None
    sources: tuple[Source, ...] = ()
    proofs: tuple[Proof, ...] = ()
    suppliers: Suppliers | None = None
    issuance: Issuance | None = None
    expiry: Expiry | None = None
    redemption: Redemption | None = None
    settlement: Settlement | None = None
    exchange: Exchange | None = None
    sanctions: tuple[Sanction, ...] = ()
    audit: Mapping[str, Plain] = field(default_factory=dict)
