"""Who may act on a claim, and how a step is written: the one gate of redemption's verbs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet
from django.utils import timezone

from hesuan.errors import InputFault, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.flags import selectors as flags
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes.paying import PayingTerms
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement.models import Batch, Claim, ClaimLine, Clawback, RedemptionStep
from hesuan.wire.canonical import Json

Verb = tuple[str, str]
"""What is asked for, in English and in Chinese."""

OFFICE_ROLES = ("programme_officer", "reviewer", "approver")
USER_FLOWS = ("reimburse_user",)
"""The user paid everything; the voucher is drawn by the claim."""
SUPPLIER_FLOWS = ("deduct_pay_supplier", "prefund_supplier")
"""The voucher was drawn by the orders; what it captured is the centre's to claim."""
CARRIED_OUT = (*USER_FLOWS, *SUPPLIER_FLOWS)
EVIDENCE = {
    "reimburse_user": ("contract", "invoice", "payment", "delivery_proof"),
    "deduct_pay_supplier": ("contract", "invoice"),
    "prefund_supplier": ("contract", "invoice"),
}
"""What a claim needs where the document names nothing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the document's roles, and the role on the platform that speaks for it."""

    label: str
    role: str


def stages(terms: PayingTerms) -> tuple[Stage, ...]:
    """Who verifies a claim, in order; the last one approves, and there are always two.

    A label that is no role of the platform (a county, a bureau) is spoken for by a reviewer, the last by an
    approver.
    """
    labels = terms.steps if len(terms.steps) > 1 else ("reviewer", *(terms.steps or ("approver",)))
    spoken = ["reviewer"] * (len(labels) - 1) + ["approver"]
    return tuple(
        Stage(label, label if label in OFFICE_ROLES else role)
        for label, role in zip(labels, spoken, strict=True)
    )


def quarter_of(day: date) -> str:
    """``2026-Q4``."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def next_quarter(period: str) -> str:
    """``2026-Q4`` → ``2027-Q1``."""
    year, number = int(period[:4]), int(period[-1])
    return f"{year + number // 4}-Q{number % 4 + 1}"


def need_role(actor: Actor, organisation: Organisation, roles: tuple[str, ...], verb: Verb) -> None:
    """Raises: Refused: ``claim.role_missing``."""
    if any(actor.has(role, organisation.id) for role in roles):
        return
    raise Refused(
        errors.ROLE_MISSING,
        verb=verb[0],
        verb_zh=verb[1],
        role=" / ".join(roles),
        organisation=organisation.name,
        name=actor.name,
    )


def need_claimant(actor: Actor, claim: Claim, verb: Verb) -> None:
    """Raises: Refused: ``claim.role_missing``; ``flag.stands`` for an account that surveillance stopped."""
    flags.need_none([f"account:{actor.identity_id}"], actions=("stop",), verb=verb)
    role = "owner" if claim.flow in USER_FLOWS else "centre_operator"
    need_role(actor, claim.claimant, (role,), verb)


def need_office(actor: Actor, claim: Claim, roles: tuple[str, ...], verb: Verb) -> None:
    """A role in the programme's office, by somebody outside both parties.

    Raises:
        Refused: ``claim.role_missing``, ``claim.own_organisation``.
    """
    need_role(actor, claim.programme_version.programme.office, roles, verb)
    for party in (claim.claimant, claim.holder):
        if party.id in actor.organisations():
            raise Refused(
                errors.OWN_CLAIM, name=actor.name, organisation=party.name, verb=verb[0], verb_zh=verb[1]
            )


def need_state(thing: Claim | Batch | Clawback, needed: tuple[str, ...], verb: Verb) -> None:
    """Raises: Refused: ``claim.wrong_state``."""
    if thing.state not in needed:
        raise Refused(
            errors.WRONG_STATE,
            thing=thing.pk,
            state=thing.state,
            needed=" / ".join(needed),
            verb=verb[0],
            verb_zh=verb[1],
        )


def need_another(actor: Actor, thing: Claim | Batch, triggers: tuple[str, ...], verb: Verb) -> None:
    """Four eyes: nobody who took one of these steps takes this one.

    Raises:
        Refused: ``claim.same_person``.
    """
    step = this_round(thing).filter(actor=actor.identity_id, trigger__in=triggers).order_by("id").first()
    if step is not None:
        raise Refused(
            errors.SAME_PERSON,
            name=actor.name,
            thing=thing.pk,
            part=step.trigger,
            verb=verb[0],
            verb_zh=verb[1],
        )


def this_round(thing: Claim | Batch) -> QuerySet[RedemptionStep]:
    """The steps since the last submission: who verified what was returned may verify what comes back."""
    last = thing.steps.filter(trigger="submitted").order_by("-id").first()
    return thing.steps.filter(id__gte=last.id) if last else thing.steps.all()


def need_reason(reason: str, verb: Verb) -> None:
    """Raises: InputFault: ``claim.reason_missing``."""
    if not reason.strip():
        raise InputFault(errors.REASON_MISSING, where="reason", verb=verb[0], verb_zh=verb[1])


def did_it_last(actor: Actor, thing: Claim | Batch, trigger: str) -> bool:
    """Whether the last step is this one by this person: the same request again."""
    last = thing.steps.order_by("-id").first()
    return last is not None and last.trigger == trigger and last.actor == actor.identity_id


def flag_keys(claim: Claim) -> list[str]:
    """What a flag may be on that concerns a claim: itself, its orders, its holder, holder and centre."""
    return _keys(claim, claim.lines.filter(live=True).values_list("settlement__order_id", flat=True))


def _keys(claim: Claim, orders: Iterable[str]) -> list[str]:
    pair = f"pair:{claim.holder_id}:{claim.centre.organisation_id}"
    return [f"claim:{claim.id}", f"firm:{claim.holder_id}", pair, *(f"order:{one}" for one in orders)]


def need_unflagged(claim: Claim, verb: Verb) -> None:
    """Raises: Refused: ``flag.stands``, while a stop or a hold of surveillance concerns the claim."""
    flags.need_none(flag_keys(claim), actions=("stop", "hold"), verb=verb)


def flagged_among(claims: Sequence[Claim]) -> set[str]:
    """Ids of the claims that a stop or a hold of surveillance concerns."""
    orders: defaultdict[str, list[str]] = defaultdict(list)
    for at in range(0, len(claims), 500):
        lines = ClaimLine.objects.filter(claim__in=claims[at : at + 500], live=True)
        for claim_id, order_id in lines.values_list("claim_id", "settlement__order_id"):
            orders[claim_id].append(order_id)
    standing = flags.standing_keys(actions=("stop", "hold"))
    return {one.id for one in claims if not standing.isdisjoint(_keys(one, orders[one.id]))}


def move(
    thing: Claim | Batch | Clawback,
    to: str,
    *,
    trigger: str,
    actor: Actor,
    reason: str = "",
    role: str = "",
    public: Mapping[str, Json] | None = None,
    private: Mapping[str, Json] | None = None,
) -> Fact:
    """Writes a step and its fact, and the state with whatever else the caller set on the row."""
    kind = type(thing).__name__.lower()
    before = "" if thing._state.adding else type(thing).objects.only("state").get(pk=thing.pk).state
    thing.state = to
    thing.save()
    RedemptionStep.objects.create(
        **{kind: thing},
        from_state=before if before != to or trigger not in ("opened", "due") else "",
        to_state=to,
        trigger=trigger,
        role=role,
        actor=actor.identity_id,
        reason=reason,
        at=timezone.now(),
    )
    return audit.record(
        kind=f"{kind}.{trigger}",
        subject=str(thing.pk),
        actor=actor.identity_id,
        public={"from": before, "to": to, **(public or {})},
        private={"reason": reason, **(private or {})} if reason or private else None,
    )
