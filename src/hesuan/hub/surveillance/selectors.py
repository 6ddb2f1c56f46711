"""Reads of surveillance; tenancy is applied here and nowhere else.

Who sees a flag: the people of an office whose programme it concerns, auditors, the platform's operators. The
organisation it concerns does not: whoever knew the rule's reading would learn to pass below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, IntegerField, QuerySet, Value, When

from hesuan.errors import NotFound
from hesuan.hub.flags import selectors as flag_reads
from hesuan.hub.flags.models import Flag, FlagStep, Round, Tuning
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes.models import Programme
from hesuan.hub.programmes.selectors import programme as find_programme
from hesuan.hub.settlement.claim_selectors import offices
from hesuan.hub.surveillance import errors
from hesuan.surveillance import measures
from hesuan.surveillance.rules import RULES

Measure = measures.Measure
"""A threshold as it is told."""
_GRAVITY = Case(
    When(action="stop", then=Value(0)),
    When(action="hold", then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)


def queue(actor: Actor, *, state: str = Flag.State.OPEN, rule: str = "") -> list[Flag]:
    """The flags that an actor may see, stops first, then holds, oldest first."""
    found = _flags(actor)
    if state:
        found = found.filter(state=state)
    if rule:
        found = found.filter(rule=rule)
    return list(found.order_by(_GRAVITY, "raised_at", "id"))


def flag(actor: Actor, flag_id: str) -> Flag:
    """One flag.

    Raises:
        NotFound: ``flag.not_found``, for strangers too.
    """
    found = _flags(actor).filter(pk=flag_id).first()
    if found is None:
        raise NotFound(errors.NOT_FOUND, flag=flag_id)
    return found


def keys(one: Flag) -> list[str]:
    """What a flag concerns, in order."""
    return flag_reads.keys(one)


def steps(one: Flag) -> list[FlagStep]:
    """What became of a flag, oldest first."""
    return list(one.steps.order_by("id"))


def tunings(actor: Actor, programme_id: str) -> list[Tuning]:
    """What a programme tuned and why, newest first.

    Raises:
        NotFound: the programme.
    """
    find_programme(actor, programme_id)
    return list(Tuning.objects.filter(programme=programme_id).order_by("-at", "-id"))


def may_look(actor: Actor) -> bool:
    """Whether the queue is for this person at all."""
    return sees_everything(actor) or bool(offices(actor))


def newest_round() -> Round | None:
    """The last run of every rule."""
    return Round.objects.order_by("-until", "-id").first()


def programmes_of(one: Flag) -> list[Programme]:
    """The programmes a flag concerns."""
    named = [key.removeprefix("programme:") for key in keys(one) if key.startswith("programme:")]
    return list(Programme.objects.filter(pk__in=named).select_related("office").order_by("id"))


def _flags(actor: Actor) -> QuerySet[Flag]:
    if sees_everything(actor):
        return Flag.objects.all()
    own = Programme.objects.filter(office_id__in=offices(actor)).values_list("id", flat=True)
    return Flag.objects.filter(keys__key__in=[f"programme:{one}" for one in own]).distinct()


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule as people read it."""

    id: str
    version: str
    actions: str
    en: str
    zh: str
    source: str


def rules(actor: Actor) -> list[RuleRow]:
    """Every rule, for whoever may see flags at all; nobody else is told the numbers to pass below."""
    if not may_look(actor):
        return []
    return [RuleRow(one.id, one.version, one.actions, one.en, one.zh, one.source) for one in RULES.values()]


def rule_words() -> dict[str, tuple[str, str]]:
    """Rule → its words, English and Chinese, to stand beside a flag that the reader may see."""
    return {one.id: (one.en, one.zh) for one in RULES.values()}


def thresholds(actor: Actor, programme_id: str = "") -> list[Measure]:
    """The numbers that the rules judge by, each with its unit, its source and how far one may believe it.

    Args:
        actor: Who asks; whoever may see no flag is not told the numbers to pass below.
        programme_id: A programme, with what it tuned; empty: the platform's own numbers.

    Raises:
        NotFound: the programme, and ``flag.not_found`` to who may not see its flags.
    """
    if not programme_id:
        return measures.measures() if may_look(actor) else []
    programme = find_programme(actor, programme_id)
    if not (sees_everything(actor) or programme.office_id in offices(actor)):
        raise NotFound(errors.NOT_FOUND, flag=programme_id)
    return measures.measures(flag_reads.thresholds(programme_id))
