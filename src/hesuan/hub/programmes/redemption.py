"""What vouchers pay of a charge: the plan in a quote, and the final word at settlement. Reads only.

Both ask the version a voucher was issued under, so a later version never changes what was promised. Which
vouchers pay together is :mod:`.burning`'s to find. Part of :mod:`.services`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property, partial

from hesuan.errors import NotFound
from hesuan.hub.centres.once import remembered
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.programmes import accounts, admissions, counting, engine, errors, onrecord, rules
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.rules import COMPUTING, Item, Use, VoucherShare
from hesuan.policy.decision import Aid, Counters, Decision, Facts
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import needed
from hesuan.policy.predicates import FactValue
from hesuan.policy.programme import Budget, Cap, Programme

DEDUCTED = ("deduct_pay_supplier", "prefund_supplier")
"""Flows in which the voucher's part is taken off the price."""
AT_ISSUE = ("issued", "claims", "active")
"""Kinds of count that using a voucher does not touch."""
_NAMES_OF_ONE = ("award.id", "call.id", "award.reason", "award.approved", "award.cap_role")
"""Facts that tell awards apart and change nothing of what each pays."""


@dataclass(frozen=True)
class Charge:
    """What is to be paid, where, and the moment it was agreed on."""

    charge_fen: int
    centre_id: str
    at: datetime
    item: Item = COMPUTING
    counted_on: date | None = None
    """The day whose caps and budgets it uses up; without one, that of the agreement."""
    nth: int = 0
    """How many orders of the same claim come before it."""
    before_fen: int = 0
    """What those were charged [fen]."""


@dataclass(frozen=True)
class Pool:
    """Vouchers of one version that state the same facts: the rule pays of a charge once, however many they
    are, and they are used up one after another."""

    vouchers: tuple[Voucher, ...]
    """In the order of use."""
    left_fens: tuple[int, ...]
    """The most that each may pay [fen]."""
    promised: bool = False
    """Whether orders hold that much already, of the limits too."""

    @cached_property
    def document(self) -> Programme:
        """The version's rules."""
        return engine.programme_of(self.vouchers[0].programme_version)

    @property
    def codes(self) -> str:
        """The vouchers' codes, for people."""
        return ", ".join(voucher.code for voucher in self.vouchers)

    def decide(self, charge: Charge, aid: Sequence[Aid] = ()) -> Decision:
        """What the rule pays of a charge out of all of them, beside other aid."""
        facts = use_facts(self.vouchers[0], charge, aid)
        left_fen = sum(self.left_fens)
        used = (
            _promised(self.document, facts, left_fen)
            if self.promised
            else counting.read(self.document, facts)
        )
        counters = Counters(caps=used.caps, budgets=used.budgets, voucher_fen=left_fen)
        return decide(self.document, facts, counters)

    def shares(self, charge: Charge, aid: Sequence[Aid] = ()) -> list[VoucherShare]:
        """The pool's part of a charge, voucher by voucher: each its last fen before the next its first.

        The rule, with its rounding and its floors, decides once; how the sum lies on the vouchers is only
        what each has left. So of a smaller charge the last one gets back first.
        """
        whole, taken, found = self.decide(charge, aid), 0, []
        for place, (voucher, left_fen) in enumerate(zip(self.vouchers, self.left_fens, strict=True)):
            fen = min(left_fen, whole.subsidy_fen - taken)
            found.append(self._share(voucher, charge, whole, before_fen=taken, fen=fen, first=not place))
            taken += fen
        return found

    def _share(
        self, voucher: Voucher, charge: Charge, whole: Decision, *, before_fen: int, fen: int, first: bool
    ) -> VoucherShare:
        version = voucher.programme_version
        alone = fen == whole.subsidy_fen
        counted = [
            (
                accounts.counter_account(need),
                rules.part(counted_fen, whole.subsidy_fen, before_fen=before_fen, now_fen=fen),
            )
            for need, counted_fen in whole.counted
        ]
        return VoucherShare(
            voucher_id=voucher.id,
            code=voucher.code,
            programme_id=version.programme_id,
            version_id=version.id,
            version=version.version,
            version_digest=version.digest,
            charge_fen=charge.charge_fen,
            subsidy_fen=fen,
            shares=engine.shares_of(whole) if alone else rules.split(funding_of(self.document), fen),
            trace=engine.trace_of(whole) if first else (),
            counted=tuple(counted),
            limits=tuple((accounts.counter_account(one), one.id, one.counts) for one, _ in whole.counted),
        )


def pools_of(vouchers: Sequence[Voucher], left_fens: Sequence[int], *, promised: bool = False) -> list[Pool]:
    """Vouchers put together by version and stated facts, each pool where its first voucher stands."""
    groups: list[list[tuple[Voucher, int]]] = []
    for voucher, left_fen in zip(vouchers, left_fens, strict=True):
        group = next((one for one in groups if _alike(one[0][0], voucher)), None)
        if group is None:
            groups.append([(voucher, left_fen)])
        else:
            group.append((voucher, left_fen))
    return [
        Pool(tuple(one for one, _ in group), tuple(fen for _, fen in group), promised=promised)
        for group in groups
    ]


def redeem(
    *, uses: Sequence[Use], charge_fen: int, centre_id: str, at: datetime, item: Item = COMPUTING
) -> tuple[VoucherShare, ...]:
    """What an order's vouchers pay of a final charge, under the versions they were issued under.

    Args:
        uses: What the order holds, in the order of use.
        charge_fen: The final charge [fen].
        centre_id: Where the computing was bought.
        at: The moment of the agreement (when the order was placed): supplier, period and validity are judged
            on that day, so that nothing which happens during a run changes the charge.
        item: What was bought.

    Returns:
        One share for each use, in their order; 0 with the reasons in its trace where the rule pays nothing.

    Raises:
        NotFound: ``voucher.not_found``.
    """
    vouchers = [_voucher(use.voucher_id) for use in uses]
    charge = Charge(charge_fen, centre_id, at, item)
    pools = pools_of(vouchers, [use.most_fen for use in uses], promised=True)
    found = {share.voucher_id: share for part in together(pools, charge) for share in part}
    return tuple(found[use.voucher_id] for use in uses)


def together(pools: Sequence[Pool], charge: Charge) -> list[list[VoucherShare]]:
    """What each pool pays of a charge beside the others, in their order.

    Each is decided beside those before it, and then again beside all the others; where its rule now allows
    less, it pays that. So no programme pays beside more public money than its rule agrees to, however small
    the charge came out.
    """
    parts: list[list[VoucherShare]] = []
    aid: list[Aid] = []
    for pool in pools:
        parts.append(pool.shares(charge, aid))
        aid.append(beside(pool, _sum(parts[-1])))
    for place, pool in enumerate(pools):
        others = [one for at, one in enumerate(aid) if at != place]
        if not any(one.amount_fen for one in others):
            continue
        again = pool.shares(charge, others)
        if _sum(again) < aid[place].amount_fen:
            parts[place], aid[place] = again, beside(pool, _sum(again))
    return parts


def subsidy(
    *,
    voucher_id: str,
    charge_fen: int,
    centre_id: str,
    at: datetime,
    held_fen: int | None = None,
    item: Item = COMPUTING,
) -> VoucherShare:
    """What one voucher pays of a final charge: :func:`redeem` of what is held, or of its whole face."""
    most_fen = _voucher(voucher_id).face_fen if held_fen is None else held_fen
    uses = [Use("", voucher_id, most_fen)]
    (share,) = redeem(uses=uses, charge_fen=charge_fen, centre_id=centre_id, at=at, item=item)
    return share


def beside(pool: Pool, fen: int) -> Aid:
    """What one programme pays, as another one's rule about other public money sees it.

    Whose money it is and what for are left open, so that a rule about any authority and any scope takes it
    for its own: vouchers are combined only where nobody's rule can be against it.
    """
    return Aid(authority="", scope="", amount_fen=fen, programme=pool.document.id)


def available_fen(voucher: Voucher) -> int:
    """What a voucher has left that no order holds [fen]."""
    ledger = accounts.ledger_of(voucher.programme_version.programme_id)
    return balances.balance(ledger, accounts.voucher_account(voucher.id)).available_fen


def redeem_facts(
    voucher: Voucher,
    *,
    charge_fen: int,
    centre_id: str,
    at: datetime,
    related: bool,
    aid: Sequence[Aid] = (),
    item: Item = COMPUTING,
    counted_on: date | None = None,
    nth: int = 0,
    before_fen: int = 0,
) -> Facts:
    """What the engine is told when a voucher is used: one line at one centre, judged for one moment.

    Where a claim makes its own entitlement (:mod:`.entitling`), the day is the claim's, each of its orders is
    one request of the applicant, and other public money on record falls on its orders one after another.
    """
    document = engine.programme_of(voucher.programme_version)
    after_use = engine.issues_nothing(document)
    facts = onrecord.with_relation(voucher.application.facts, related=related)
    admitted = partial(admissions.is_admitted, document.id, centre_id, at=at, kind=item.kind)
    registries = document.registries if isinstance(document.registries, tuple) else ()
    on_record: Sequence[Aid] = ()
    if after_use:
        on_record = onrecord.aid_of(
            voucher.organisation_id,
            facts,
            invoice_fen=charge_fen,
            at=voucher.issued_at,
            before_fen=before_fen,
        )
    return Facts(
        event="redeem",
        on=rules.programme_day(voucher.issued_at if after_use else at),
        lines=(engine.line_of(item, charge_fen, document),),
        stated={
            **engine.stated(facts),
            **(_of_the_claim(voucher, nth) if after_use else {}),
            "supplier.admission_covers_contract_date": admitted(day=engine.contract_day(facts)),
            "applicant.id": voucher.organisation_id,
            "award.id": voucher.application_id,
            "centre.id": centre_id,
            "supplier.id": onrecord.supplier_of(centre_id),
        },
        registries=frozenset(registries) if admitted() else frozenset(),
        aid=tuple(one for one in (*aid, *on_record) if one.amount_fen),
        counted_on=counted_on,
    )


def use_facts(voucher: Voucher, charge: Charge, aid: Sequence[Aid] = ()) -> Facts:
    """:func:`redeem_facts` with the relation on record at the moment of the agreement."""
    return redeem_facts(
        voucher,
        charge_fen=charge.charge_fen,
        centre_id=charge.centre_id,
        at=charge.at,
        related=onrecord.related_to(voucher.organisation_id, charge.centre_id, charge.at),
        aid=aid,
        item=charge.item,
        counted_on=charge.counted_on,
        nth=charge.nth,
        before_fen=charge.before_fen,
    )


def _of_the_claim(voucher: Voucher, nth: int) -> dict[str, FactValue]:
    """Which request of its applicant an order is, and the call that took its claim."""
    application = voucher.application
    first = application.facts.get(engine.ORDINAL, 1)
    known: dict[str, FactValue] = {engine.ORDINAL: Fraction(int(first) + nth)}
    return {**known, "call.id": application.call_id} if application.call_id else known


def share_of(voucher: Voucher, charge: Charge, decision: Decision) -> VoucherShare:
    """What a decision on one voucher alone gives."""
    pool = Pool((voucher,), (decision.subsidy_fen,))
    return pool._share(voucher, charge, decision, before_fen=0, fen=decision.subsidy_fen, first=True)


def is_deducted(voucher: Voucher) -> bool:
    """Whether an order draws on it; one that reimburses is drawn by its holder's claim instead."""
    return engine.programme_of(voucher.programme_version).flow in DEDUCTED


def _sum(shares: Sequence[VoucherShare]) -> int:
    return sum(share.subsidy_fen for share in shares)


def _promised(document: Programme, facts: Facts, held_fen: int) -> Counters:
    """Limits of which an order holds an amount have exactly that left for it."""
    used: dict[str, dict[str, int]] = {"cap": {}, "budget": {}}
    for need in needed(document, facts):
        used[need.kind][need.id] = max(0, (need.limit_fen or 0) - held_fen)
    return Counters(caps=used["cap"], budgets=used["budget"])


def _alike(one: Voucher, other: Voucher) -> bool:
    """Whether one decision holds for both; what is said of the applicant is said of the same applicant."""
    same = one.programme_version_id == other.programme_version_id
    return same and _case(one) == _case(other) and not _by_award(one)


def _by_award(voucher: Voucher) -> bool:
    """Whether a limit on use is kept award by award: then no decision holds for two of them."""
    document = engine.programme_of(voucher.programme_version)
    limits: tuple[Cap | Budget, ...] = (*document.caps, *document.budgets)
    return any(
        isinstance(one.key, tuple) and "award" in one.key and one.counts not in AT_ISSUE for one in limits
    )


def _case(voucher: Voucher) -> dict[str, object]:
    facts = voucher.application.facts
    return {
        name: value
        for name, value in facts.items()
        if not name.startswith("applicant.") and name not in _NAMES_OF_ONE
    }


def funding_of(document: Programme) -> list[tuple[str, Fraction]]:
    """Who pays which share, in the document's order."""
    return [(one.payer, one.share) for one in document.funding if isinstance(one.share, Fraction)]


@remembered
def _voucher(voucher_id: str) -> Voucher:
    voucher = Voucher.objects.filter(pk=voucher_id).select_related("programme_version", "application").first()
    if voucher is None:
        raise NotFound(errors.VOUCHER_NOT_FOUND, voucher=voucher_id)
    return voucher
