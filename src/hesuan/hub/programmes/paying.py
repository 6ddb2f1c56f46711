"""What a version says about paying: the settlement room's door to the document and to its recomputation.

Reads only. A claim points at the version its voucher was issued under, so a later version changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from itertools import groupby
from typing import TypeVar

from hesuan.hub.programmes import engine, onrecord, rules
from hesuan.hub.programmes.accounts import counter_account
from hesuan.hub.programmes.counting import is_funding
from hesuan.hub.programmes.drawing import place_of
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.programmes.recounting import Change
from hesuan.hub.programmes.redemption import funding_of, redeem_facts
from hesuan.hub.programmes.rules import COMPUTING, Item, PayerShare
from hesuan.policy import windows
from hesuan.policy.auditing import drawn_number, retention, sample_share
from hesuan.policy.book import Book
from hesuan.policy.credit_notes import credited, differences
from hesuan.policy.decision import Aid, Counters, Decision, Facts, Share
from hesuan.policy.evaluator import decide
from hesuan.policy.fields import Open
from hesuan.policy.keys import BY_CLAIM, Needed, needed
from hesuan.policy.programme import CLAIM_FEN, Programme
from hesuan.policy.terms import Validity

T = TypeVar("T")
__all__ = [
    "Difference",
    "PastLine",
    "PayingTerms",
    "differences_after",
    "drawn_number",
    "last_day",
    "paying_terms",
]


@dataclass(frozen=True, slots=True)
class PayingTerms:
    """How one version pays; empty where its document says nothing."""

    programme_id: str
    version_id: str
    version: int
    title: str
    issuer: str
    office_id: str
    flow: str
    evidence: tuple[str, ...]
    """What a claim must prove itself with: ``contract``, ``invoice``, ``payment``, ``delivery_proof`` …"""
    steps: tuple[str, ...]
    """Roles in the document's order; the last one approves."""
    rate_set_by: str
    """Whose of these steps sets each claim's rate under a ceiling; empty where nobody's does."""
    cadence: str
    invoice: str
    """``full_face`` or ``net``."""
    publicity_days: int
    kinds: tuple[str, ...]
    """Kinds of line that are paid for."""
    payers: tuple[str, ...]
    float_size_fen: int | None
    refund_unused: bool
    sample_share: Fraction
    """How much of what is verified is looked into again (``audit.sample_share``); 0 where it does not say."""
    retention: Validity | None
    """How long a paid claim stays open to an audit (``audit.retention``)."""


def paying_terms(version_id: str) -> PayingTerms:
    """What a stored version says about paying.

    Args:
        version_id: A version; the caller has checked who asks.
    """
    row = ProgrammeVersion.objects.select_related("programme").get(pk=version_id)
    document = engine.programme_of(row)
    paying, proof = document.terms.settlement, document.terms.redemption
    issuance = document.terms.issuance
    prefund = paying.prefund if paying else None
    base = document.base
    return PayingTerms(
        programme_id=row.programme_id,
        version_id=row.id,
        version=row.version,
        title=row.title,
        issuer=row.issuer,
        office_id=row.programme.office_id,
        flow=_known(document.flow, ""),
        evidence=proof.evidence if proof else (),
        steps=paying.steps if paying else (),
        rate_set_by=engine.sets_rates(document),
        cadence=_known(paying.cadence if paying else None, ""),
        invoice=_known(paying.invoice if paying else None, "full_face"),
        publicity_days=_known(issuance.publicity_days if issuance else None, 0),
        kinds=tuple(kind for kind in (base.kinds if base and isinstance(base.kinds, tuple) else ())),
        payers=tuple(one.payer for one in document.funding),
        float_size_fen=_known(prefund.size_fen if prefund else None, None),
        refund_unused=bool(_known(prefund.refund_unused if prefund else None, False)),
        sample_share=sample_share(document.terms.audit),
        retention=retention(document.terms.audit),
    )


def last_day(how_long: Validity, day: date) -> date:
    """The last day of a duration that begins on a day; for ever where it has no end."""
    if how_long.until is not None:
        return how_long.until
    return windows.later(day, how_long.count, how_long.unit) if how_long.count else date.max


def _known(value: T | Open | None, otherwise: T) -> T:
    return otherwise if value is None or isinstance(value, Open) else value


@dataclass(frozen=True, slots=True)
class PastLine:
    """A line as it was decided: one settled order under one voucher."""

    id: str
    voucher_id: str
    centre_id: str
    charge_fen: int
    at: datetime
    """The moment for which the voucher's rule was judged."""
    item: Item = COMPUTING
    order_id: str = ""
    """Lines of one order are decided once, as they were; without one each is an order of its own."""
    beside: tuple[tuple[str, int], ...] = ()
    """What other programmes paid of the order: programme → fen."""
    counted_on: date | None = None
    """The day whose limits it used up; without one, that of ``at``."""
    claim_id: str = ""
    """A user's claim that it was decided in: limits that count claims count that once."""
    nth: int = 0
    """How many of that claim's orders were decided before it."""
    before_fen: int = 0
    """What those were charged [fen]."""


@dataclass(frozen=True, slots=True)
class _Paid:
    """What a line gets [fen]."""

    subsidy_fen: int
    shares: tuple[Share, ...]
    counted: Mapping[tuple[int, str], int]
    """Place and account of a limit → what it counts there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A line that comes out otherwise."""

    id: str
    fen: int
    """To be paid; negative: to come back."""
    shares: tuple[PayerShare, ...]
    """Sum to ``fen``; in the document's order of payers."""
    counted: tuple[Change, ...] = ()
    """What limits on use count more or less by it."""


def differences_after(
    lines: Sequence[PastLine],
    *,
    before: Mapping[str, int],
    now: Mapping[str, int],
    beside: Mapping[str, Mapping[str, int]] | None = None,
) -> tuple[Difference, ...]:
    """What changes on every line, in their order, when more is taken off some of them.

    All lines are decided twice in their order, each seeing the caps and the voucher as the lines before it
    left them: with what was taken off until now, and with what is taken off from now on. Only the difference
    between the two counts, so that nothing else that happened meanwhile is decided again.

    Args:
        lines: Every line of the programme, in the order they were settled.
        before: Line → what earlier credit notes took off it [fen].
        now: Line → what all credit notes together take off it [fen].
        beside: Line → what other programmes pay of its order from now on; as before without.
    """
    paid = {key: tuple(one.items()) for key, one in (beside or {}).items()}
    later = [replace(line, beside=paid.get(line.id, line.beside)) for line in lines]
    was, becomes = _decided(lines, before), _decided(later, now)
    found = []
    for line in lines:
        old, new = was[line.id], becomes[line.id]
        shares = differences(old.shares, new.shares)
        if any(share.fen for share in shares) or old.subsidy_fen != new.subsidy_fen:
            told = tuple(PayerShare(share.payer, share.fen) for share in shares)
            limits = _recounted(old.counted, new.counted)
            found.append(Difference(line.id, new.subsidy_fen - old.subsidy_fen, told, limits))
    return tuple(found)


def _recounted(old: Mapping[tuple[int, str], int], new: Mapping[tuple[int, str], int]) -> tuple[Change, ...]:
    changes = {limit: new.get(limit, 0) - old.get(limit, 0) for limit in {**old, **new}}
    return tuple(Change(place, account, fen) for (place, account), fen in changes.items() if fen)


def _decided(lines: Sequence[PastLine], taken: Mapping[str, int]) -> dict[str, _Paid]:
    book = Book()
    vouchers = {
        one.id: one
        for one in Voucher.objects.filter(pk__in={line.voucher_id for line in lines}).select_related(
            "programme_version", "application"
        )
    }
    left = {one.id: one.face_fen for one in vouchers.values()}
    made: dict[str, _Paid] = {}
    claims: defaultdict[str, set[Needed]] = defaultdict(set)
    for _, group in groupby(lines, key=lambda line: line.order_id or line.id):
        order = list(group)
        voucher = vouchers[order[0].voucher_id]
        document = engine.used_under(voucher.programme_version)
        facts = _facts(voucher, order, sum(taken.get(line.id, 0) for line in order))
        together = sum(left[one] for one in {line.voucher_id for line in order})
        seen = claims[order[0].claim_id]
        counters = book.counters(needed(document, facts), voucher_fen=together)
        decision = decide(document, facts, _but_once(counters, seen))
        decision = replace(decision, counted=tuple(one for one in decision.counted if one[0] not in seen))
        if order[0].claim_id:
            seen |= {need for need, _ in decision.counted if need.counts in BY_CLAIM}
        book.add(decision, facts.counting_day)
        made |= _divided(order, decision, document, left)
    return made


def _but_once(counters: Counters, seen: Collection[Needed]) -> Counters:
    """The counters without the claim's own place in those that its earlier orders have taken."""
    caps = dict(counters.caps)
    for need in seen:
        if need.id in caps:
            caps[need.id] -= CLAIM_FEN
    return replace(counters, caps=caps)


def _divided(
    order: Sequence[PastLine], decision: Decision, document: Programme, left: dict[str, int]
) -> dict[str, _Paid]:
    """One decision on an order's lines, each voucher's last fen before the next one's first."""
    made, rest = {}, decision.subsidy_fen
    limits = [
        (place_of(document, need), counter_account(need), fen)
        for need, fen in decision.counted
        if not is_funding(document, need)
    ]
    for line in order:
        fen = min(rest, left[line.voucher_id])
        before = decision.subsidy_fen - rest
        counted = {
            (place, key): rules.part(whole_fen, decision.subsidy_fen, before_fen=before, now_fen=fen)
            for place, key, whole_fen in limits
        }
        rest -= fen
        left[line.voucher_id] -= fen
        parts = rules.split(funding_of(document), fen)
        whole = fen == decision.subsidy_fen
        shares = decision.shares if whole else tuple(Share(one.payer, one.fen) for one in parts)
        made[line.id] = _Paid(fen, shares, counted)
    return made


def _facts(voucher: Voucher, order: Sequence[PastLine], taken_fen: int) -> Facts:
    line, left_fen, aid = order[0], sum(one.charge_fen for one in order) - taken_fen, []
    for key, fen in line.beside:  # aid for an invoice is part of what is left of that invoice
        aid.append(Aid(authority="", scope="", amount_fen=min(fen, left_fen), programme=key))
        left_fen -= aid[-1].amount_fen
    facts = redeem_facts(
        voucher,
        charge_fen=sum(one.charge_fen for one in order),
        centre_id=line.centre_id,
        at=line.at,
        related=onrecord.related_to(voucher.organisation_id, line.centre_id, line.at),
        aid=aid,
        item=line.item,
        counted_on=line.counted_on,
        nth=line.nth,
        before_fen=line.before_fen,
    )
    return credited(facts, (replace(facts.lines[0], amount_fen=taken_fen),)) if taken_fen else facts
