"""The verbs: judge everything, judge what a claim stands on, decide a flag, tune a threshold."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from hesuan.errors import InputFault, Refused
from hesuan.hub.flags import calls
from hesuan.hub.flags import selectors as flag_reads
from hesuan.hub.flags import services as flags
from hesuan.hub.flags.models import Flag, Round, Tuning
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.settlement.models import Claim
from hesuan.hub.surveillance import errors, selectors
from hesuan.hub.surveillance.gathering import gather
from hesuan.surveillance import flags as verdicts
from hesuan.surveillance.facts import Application, Facts, Grant, NumberUse, Order, Usage
from hesuan.surveillance.facts import Claim as Claimed
from hesuan.surveillance.rules import RULES, judge
from hesuan.surveillance.thresholds import DEFAULT

EVERY = timedelta(hours=1)
AT_A_CLAIM = ("A6", "A7", "A8", "A9", "A12")
"""Rules that the rows around one claim suffice for; they are asked as soon as it is submitted."""
OFFICE_ROLES = ("reviewer", "approver")
MEASURES = ("reject", "clawback", "suspend", "correct", "report", "other")
"""What a confirmed flag leads to; the step itself is taken where it belongs."""


def run_due(now: datetime | None = None) -> int:
    """Judges everything when the last round is an hour old; returns how many flags are new."""
    moment = now or timezone.now()
    last = selectors.newest_round()
    if last is not None and moment - last.until < EVERY:
        return 0
    return run(moment).raised


def run(until: datetime) -> Round:
    """Judges everything up to a moment and keeps what is new. Safe to repeat, and by two at once."""
    calls.flush()
    facts = gather(until)
    found = verdicts_on(facts)
    raised = keep(found, facts)
    digest = "sha256:" + hashlib.sha256(verdicts.as_bytes(found)).hexdigest()
    calls.forget_old(until)
    return Round.objects.create(until=until, flags=len(found), raised=raised, digest=digest)


def look_at_claim(claim_id: str) -> int:
    """Judges what a submitted claim stands on, before anybody verifies it; returns how many flags are new."""
    claim = Claim.objects.select_related("centre").get(pk=claim_id)
    firms = sorted({claim.holder_id, claim.centre.organisation_id})
    facts = gather(timezone.now(), firms=firms)
    return keep(verdicts_on(facts, rules=AT_A_CLAIM), facts)


def verdicts_on(facts: Facts, *, rules: Collection[str] = tuple(RULES)) -> list[verdicts.Flag]:
    """Every flag; a rule that a programme tuned is judged on that programme's rows by its own numbers."""
    tuned = {
        one: flag_reads.tunings(one, until=facts.until)
        for one in Tuning.objects.values_list("programme", flat=True).distinct().order_by("programme")
    }
    rows: list[Order | Grant | Claimed | Application] = [
        *facts.orders,
        *facts.grants,
        *facts.claims,
        *facts.applications,
    ]
    everywhere = frozenset(one.programme for one in rows) | {""}
    found: set[verdicts.Flag] = set()
    for rule in rules:
        own = {
            one: changes
            for one, changes in tuned.items()
            if DEFAULT.tuned(changes).of(rule) != DEFAULT.of(rule)
        }
        for programme, changes in own.items():
            found |= set(judge(facts.of(frozenset({programme})), DEFAULT.tuned(changes), rules=[rule]))
        others = facts.of(everywhere - own.keys()) if own else facts
        found |= set(judge(others, rules=[rule]))
    return sorted(found)


def keep(found: Iterable[verdicts.Flag], facts: Facts) -> int:
    """Stores flags with the programmes and parties they concern; returns how many are new."""
    concerns = _concerns(facts)
    raised = 0
    for one in found:
        named = {key for row in (*one.keys, *one.refs) for key in concerns.get(row, ())}
        raised += flags.raise_flag(one, concerning=named)
    return raised


def _concerns(facts: Facts) -> Mapping[str, set[str]]:
    """Key or row → ``programme:<id>`` and ``party:<organisation>``; neither holds anything by itself."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    rows: list[tuple[str, Order | Grant | Claimed | Application | Usage | NumberUse]] = [
        *((f"order:{order.id}", order) for order in facts.orders),
        *((f"grant:{grant.id}", grant) for grant in facts.grants),
        *((f"claim:{claim.id}", claim) for claim in facts.claims),
        *((f"application:{asked.id}", asked) for asked in facts.applications),
        *((f"run:{usage.id}", usage) for usage in facts.usage),
        *((use.used_by, use) for use in facts.numbers),
    ]
    for key, row in rows:
        found[key] |= {f"party:{row.firm}"} | ({f"programme:{row.programme}"} if row.programme else set())
    held = Voucher.objects.values_list("organisation_id", "programme_version__programme_id").distinct()
    for firm, programme in held:
        found[f"firm:{firm}"].add(f"programme:{programme}")
    return found


def decide(*, actor: Actor, flag_id: str, outcome: str, reason: str, measure: str = "") -> Flag:
    """Dismisses a flag, or confirms it and says what is done; the same answer again is the same.

    Args:
        actor: A reviewer or approver of an office it concerns; the platform's operator where there is none.
        flag_id: The flag.
        outcome: ``dismissed`` or ``confirmed``.
        reason: Why; needed.
        measure: Of a confirmed one, one of :data:`MEASURES`.

    Raises:
        NotFound: ``flag.not_found``.
        Refused: ``flag.role_missing``, ``flag.own_organisation``, ``flag.decided``.
        InputFault: ``flag.reason_missing``, ``flag.not_an_outcome``, ``flag.not_a_measure``.
    """
    _need_reason(reason)
    to = {"dismissed": Flag.State.DISMISSED, "confirmed": Flag.State.CONFIRMED}.get(outcome)
    if to is None:
        raise InputFault(
            errors.NOT_AN_OUTCOME, where="outcome", outcome=outcome[:40], known="dismissed, confirmed"
        )
    if (measure in MEASURES) != (to == Flag.State.CONFIRMED) or (measure and measure not in MEASURES):
        raise InputFault(
            errors.NOT_A_MEASURE, where="measure", measure=measure[:40], known=", ".join(MEASURES)
        )
    with transaction.atomic():
        seen = selectors.flag(actor, flag_id)
        _need_decider(actor, seen)
        flag = Flag.objects.select_for_update().get(pk=seen.pk)
        if flag.state != Flag.State.OPEN:
            last = flag.steps.order_by("-id").first()
            if last and (last.actor, last.to_state, last.measure) == (actor.identity_id, to, measure):
                return flag
            raise Refused(errors.DECIDED, flag=flag.id, state=flag.state)
        flags.decide(flag, actor=actor, to=to, reason=reason, measure=measure)
        return flag


def _need_decider(actor: Actor, flag: Flag) -> None:
    offices = [one.office_id for one in selectors.programmes_of(flag)]
    allowed = any(actor.has(role, office) for role in OFFICE_ROLES for office in offices)
    if not offices:
        allowed = actor.has("platform_operator")
    if not allowed:
        raise Refused(errors.ROLE_MISSING, flag=flag.id, name=actor.name)
    parties = {part for key in selectors.keys(flag) for part in key.split(":")[1:]}
    if parties & actor.organisations():
        raise Refused(errors.OWN, flag=flag.id, name=actor.name)


def tune(*, actor: Actor, programme_id: str, name: str, value: int, reason: str) -> Tuning:
    """Sets a programme's own threshold from now on; on record with its reason, newest counts.

    Args:
        actor: An approver of the programme's office.
        programme_id: The programme.
        name: As in :class:`hesuan.surveillance.thresholds.Thresholds`.
        value: A positive whole number.
        reason: Why.

    Raises:
        NotFound: the programme.
        Refused: ``programme.role_missing``.
        InputFault: ``flag.reason_missing``, ``flag.not_a_threshold``.
    """
    _need_reason(reason)
    programme = programmes.programme(actor, programme_id)
    if not actor.has("approver", programme.office_id):
        raise Refused(errors.ROLE_MISSING, flag=name, name=actor.name)
    try:
        DEFAULT.tuned({name: value})
    except (KeyError, ValueError):
        raise InputFault(errors.NOT_A_THRESHOLD, where="name", name=name[:64], value=value) from None
    with transaction.atomic():
        return flags.tune(actor=actor, programme_id=programme_id, name=name, value=value, reason=reason)


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise InputFault(errors.REASON_MISSING, where="reason")
