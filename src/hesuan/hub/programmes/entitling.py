"""Entitlements that claims make for themselves, where nothing is issued beforehand. Part of :mod:`.services`.

Under ``issuance.event: none`` (使用后直补) the user pays, and the claim after use is the application.
Submitting it makes what an issue would have made, in the same journal that holds it: an application with the
facts of that day, and a voucher whose face is what was decided. So counts, credit notes, clawback and packs
meet what they know. Windows, budgets and caps are those of the day of the claim; supplier and relation those
of the order. A claim that comes back undecided gives its entitlement up whole, and the next submission makes
a new one under the version and the call of the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, calls, counting, engine, onrecord, rules, selectors
from hesuan.hub.programmes.application_rules import AUTHOR, CLAIMED, UNDONE
from hesuan.hub.programmes.applications import need_active
from hesuan.hub.programmes.drawing import Case, Drawn, Wish, deciding
from hesuan.hub.programmes.life import SPENDABLE, locked, step, wind_up
from hesuan.hub.programmes.models import Application, Call, ProgrammeVersion, Voucher
from hesuan.hub.programmes.steps import move
from hesuan.hub.programmes.versions import lock, open_window
from hesuan.money import decimal_yuan
from hesuan.policy.predicates import FactValue, parse_fact
from hesuan.policy.programme import AWARD_RATE, Programme
from hesuan.policy.tranches import ISSUANCE
from hesuan.wire.canonical import Json


@dataclass(frozen=True, slots=True)
class Asking:
    """Who claims, under what, and what they state."""

    version: ProgrammeVersion
    organisation: Organisation
    stated: Mapping[str, Json]
    """By the names of conditions; checked by :func:`stated_facts`."""
    before: Voucher | None = None
    """What an earlier submission of the same claim made."""
    award: Mapping[str, Json] = field(default_factory=dict)
    """What a person has set for this claim since; all else is then as it was when ``before`` was made."""

    @property
    def at(self) -> datetime:
        """The moment it is decided for."""
        return self.before.issued_at if self.before is not None and self.award else timezone.now()


def is_claimed_after_use(version_id: str) -> bool:
    """Whether a version issues nothing beforehand, so that a claim under it makes its own entitlement."""
    version = ProgrammeVersion.objects.get(pk=version_id)
    return engine.issues_nothing(engine.programme_of(version))


def stated_facts(
    organisation: Organisation, version: ProgrammeVersion, facts: Mapping[str, Json]
) -> dict[str, FactValue]:
    """What a claimant states, typed.

    Raises:
        Faults: every fact that is unknown, of the wrong type, or not the claimant's to state.
    """
    known = onrecord.known_facts(organisation, version.programme_id, timezone.now())
    return engine.declared_facts(facts, {*known, engine.ORDINAL})


def rate_said(rate: str, *, where: str) -> Fraction:
    """A rate that a person sets for one claim: ``2/5``, ``0.4`` or ``40%``.

    Raises:
        InputFault: it is no number.
    """
    text = rate.strip()
    said = parse_fact(AWARD_RATE, text.removesuffix("%").rstrip(), where=where)
    assert isinstance(said, Fraction)
    return said / 100 if text.endswith("%") else said


def most_rate(voucher: Voucher) -> Fraction | None:
    """The highest rate that the tiers of a claim's orders paid in what it was given."""
    lines = voucher.application.decision.get("lines", [])
    return max((Fraction(one["rate"]) for one in lines if one.get("rate")), default=None)


def preview_claim(asking: Asking, wishes: Sequence[Wish]) -> list[Drawn]:
    """What each of a claim's orders would get today, each seeing what the ones before it leave. Reads only,
    but for the lock of the call.

    Raises:
        Refused: ``programme.not_active``, ``call.none_open``.
    """
    return _case(asking, wishes, asking.at, actor_id="").preview(in_order(wishes))


def entitle(
    asking: Asking, wishes: Sequence[Wish], *, actor: Actor, to: str
) -> tuple[Voucher | None, list[Drawn], list[ledger.Event]]:
    """Decides each order under one lock, and makes the entitlement of what was decided.

    The caller posts the entries in one journal, in the same transaction and before anything else of its own.

    Args:
        asking: The claim.
        wishes: Its orders, in the order of its lines.
        actor: Who submits it.
        to: The account that the money is held for; open.

    Returns:
        The voucher (none where nothing is paid), what each order gets, and the journal: the money out of the
        budget, then the holds on it and on every limit.

    Raises:
        Refused: ``programme.not_active``, ``call.none_open``.
    """
    open_window(lock(asking.version.programme_id), rules.programme_day(timezone.now()))
    at = asking.at
    case = _case(asking, wishes, at, actor_id=actor.identity_id)
    book = accounts.ledger_of(case.document.id)
    money = [(book, accounts.APPROPRIATION), (book, accounts.BUDGET)]
    drawn, holds = deciding(case, in_order(wishes), to=to, also=money)
    if not holds:
        return None, drawn, []
    voucher = _make(case, drawn, actor, at)
    return voucher, drawn, [*_issue(case.document, voucher), *holds]


def undo(
    voucher_id: str, events: Sequence[ledger.Event], *, actor: Actor, to: Voucher.State, reason: str
) -> None:
    """Ends a claim's holds and gives its entitlement up whole: money and limits are as they were before it.

    Args:
        voucher_id: What the claim's submission made.
        events: The entries that release the claim's holds.
        actor: Who takes the claim back, returns or refuses it.
        to: ``SURRENDERED``, or ``REVOKED`` where the office refuses the claim.
        reason: Why; the holder reads it.
    """
    voucher = locked(voucher_id)
    lock(voucher.programme_version.programme_id)  # before the ledger's accounts, as everywhere
    if events:
        ledger.post_or_raise(events)
    if voucher.state in SPENDABLE:
        step(voucher, to, UNDONE, actor, detail="claim", reason=reason)
    wind_up(voucher)


def end_drawn() -> int:
    """Ends entitlements that claims made and hold nothing of any more; what a line gave up goes back.

    Safe to call as often as one likes.

    Returns:
        How many were closed.
    """
    living = Voucher.objects.filter(state__in=SPENDABLE)
    versions = ProgrammeVersion.objects.filter(pk__in=living.values("programme_version_id"))
    after_use = [one.id for one in versions if engine.issues_nothing(engine.programme_of(one))]
    done = 0
    for voucher_id in list(living.filter(programme_version__in=after_use).values_list("id", flat=True)):
        with transaction.atomic():
            voucher = locked(voucher_id)
            if voucher.state in SPENDABLE and not selectors.view_of(voucher).held_fen:
                step(voucher, Voucher.State.EXHAUSTED, "use", SYSTEM)
                done += wind_up(voucher)
    return done


# --- What a claim is judged by ---


def in_order(wishes: Sequence[Wish]) -> list[Wish]:
    """A claim's orders, each knowing how many come before it and what those were charged."""
    found, before_fen = [], 0
    for nth, one in enumerate(wishes):
        found.append(replace(one, nth=nth, before_fen=before_fen))
        before_fen += one.charge_fen
    return found


def _case(asking: Asking, wishes: Sequence[Wish], at: datetime, *, actor_id: str) -> Case:
    """The entitlement to be, unsaved, and the rules it is decided under."""
    version, day = asking.version, rules.programme_day(at)
    charges_fen = sum(one.charge_fen for one in wishes)
    application = Application(
        programme_version=version,
        call=_call(asking, day_of=at),
        organisation=asking.organisation,
        declared=dict(asking.stated),
        award=dict(asking.award),
        facts=_facts(asking, charges_fen, at),
        planned_fen=charges_fen,
        decision={},
        state=Application.State.ISSUED,
        submitted_by=actor_id,
        submitted_at=at,
    )
    voucher = Voucher(
        code=rules.new_code(),
        programme_version=version,
        organisation=asking.organisation,
        application=application,
        face_fen=0,
        issued_by=actor_id,
        issued_at=at,
    )
    return Case(voucher, engine.used_under(version), day)


def _call(asking: Asking, *, day_of: datetime) -> Call:
    """The call that takes the claim; what came back is completed under the call it was submitted under."""
    if asking.before is not None and asking.before.application.call is not None:
        return asking.before.application.call
    need_active(asking.version)
    return calls.taking(asking.version, rules.programme_day(day_of))


def _facts(asking: Asking, charges_fen: int, at: datetime) -> dict[str, Json]:
    """What the claimant states, what the registry knows that day, and what the platform counts itself.

    Where only a rate is set anew, nothing that happened since moves the claim into another tier.
    """
    if asking.award and asking.before is not None:
        return {**asking.before.application.facts, **asking.award}
    programme_id = asking.version.programme_id
    earlier = _standing(asking)
    known = onrecord.known_facts(asking.organisation, programme_id, at)
    known[engine.ORDINAL] = 1 + sum(len(one.decision.get("lines", "1")) for one in earlier)
    if onrecord.BASE_TOTAL in engine.asked(engine.programme_of(asking.version)):
        known[onrecord.BASE_TOTAL] = decimal_yuan(charges_fen + _of_the_year(earlier, at))
    return {**asking.stated, **known}


def _standing(asking: Asking) -> QuerySet[Application]:
    """The claimant's entitlements under the programme that were not given up."""
    found = Application.objects.filter(
        organisation=asking.organisation,
        programme_version__programme_id=asking.version.programme_id,
        voucher__isnull=False,
    )
    return found.exclude(voucher__steps__trigger=UNDONE).exclude(voucher__state=Voucher.State.REVOKED)


def _of_the_year(earlier: QuerySet[Application], at: datetime) -> int:
    """What was charged in the claims of the calendar year before [fen]."""
    year = rules.programme_day(at).year
    begin, end = (datetime(one, 1, 1, tzinfo=rules.PROGRAMME_TIME) for one in (year, year + 1))
    of_year = earlier.filter(voucher__issued_at__gte=begin, voucher__issued_at__lt=end)
    return of_year.aggregate(fen=Sum("planned_fen"))["fen"] or 0


# --- What a claim makes ---


def _make(case: Case, drawn: Sequence[Drawn], actor: Actor, at: datetime) -> Voucher:
    voucher = case.voucher
    application, version = voucher.application, voucher.programme_version
    voucher.face_fen = sum(one.share.subsidy_fen for one in drawn)
    while Voucher.objects.filter(code=voucher.code).exists():
        voucher.code = rules.new_code()
    application.decision = _told(drawn, voucher.face_fen)
    application.save(force_insert=True)
    move(application, Application.State.ISSUED, trigger=CLAIMED, actor=actor, part=AUTHOR, at=at)
    voucher.save(force_insert=True)
    step(voucher, Voucher.State.ISSUED, "issue", actor, amount_fen=voucher.face_fen, before="")
    step(voucher, Voucher.State.ACTIVE, "release", actor, detail=ISSUANCE, amount_fen=voucher.face_fen)
    audit.record(
        kind="voucher.issued",
        subject=voucher.id,
        actor=actor.identity_id,
        public={
            "programme": version.programme_id,
            "version": version.version,
            "digest": version.digest,
            "face_fen": voucher.face_fen,
        },
        private={"application": application.id, "organisation": voucher.organisation_id},
    )
    return voucher


def _told(drawn: Sequence[Drawn], face_fen: int) -> dict[str, Json]:
    """The decisions of all orders, as they are stored beside what they gave."""
    lines: list[Json] = [
        {
            "charge_fen": one.wish.charge_fen,
            "subsidy_fen": one.share.subsidy_fen,
            "rate": str(one.rate) if one.rate is not None else None,
            "trace": [
                {"step": line.step, "citing": line.citing, "en": line.en, "zh": line.zh}
                for line in one.share.trace
            ],
        }
        for one in drawn
    ]
    return {"granted": True, "subsidy_fen": face_fen, "lines": lines}


def _issue(document: Programme, voucher: Voucher) -> list[ledger.Event]:
    """Budget → voucher; where no budget holds the money, appropriation → budget first."""
    book, account = accounts.ledger_of(document.id), accounts.voucher_account(voucher.id)
    ledger.open_account(ledger=book, key=account, kind="voucher")
    roads: list[tuple[counting.Code, str, str]] = [("issue", accounts.BUDGET, account)]
    if rules.funding_budget(document) is None:
        roads.insert(0, ("fund", accounts.APPROPRIATION, accounts.BUDGET))
    return [
        counting.transfer(
            f"{code}:{voucher.application_id}", book, debit, credit, amount_fen=voucher.face_fen, code=code
        )
        for code, debit, credit in roads
    ]
