"""The steps that entries take, and who may take them. Part of :mod:`.services`."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from hesuan.errors import InputFault, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.registry import access, errors, rules, selectors
from hesuan.hub.registry.models import AidEntry, Entry, OrganisationFact, Relation, Step
from hesuan.hub.registry.selectors import AnyEntry
from hesuan.wire.canonical import Json

State = Entry.State
_ROLE = {OrganisationFact: "fact", Relation: "relation", AidEntry: "aid"}
_LONGEST = 2000


def take_step(*, actor: Actor, entry_id: str, to: str, reason: str = "") -> AnyEntry:
    """Checks, refuses or withdraws an entry; a step it took already changes nothing.

    Args:
        actor: To check or refuse: a reviewer of an office to which the record is open, or the platform's
            operator; neither who entered it nor of the organisation. To withdraw: the same people, and an
            owner their own fact as long as nobody has checked it.
        entry_id: The fact, relation or aid.
        to: ``checked``, ``refused`` or ``withdrawn``.
        reason: Why; needed to refuse and to withdraw.

    Raises:
        NotFound: ``registry.entry_not_found``.
        Refused: ``registry.role_missing``, ``registry.same_person``, ``registry.own_organisation``,
            ``registry.wrong_state``.
        InputFault: ``registry.not_one_of``, ``registry.text_missing``.
    """
    if to not in (rules.CHECKED, rules.REFUSED, rules.WITHDRAWN):
        known = f"{rules.CHECKED}, {rules.REFUSED}, {rules.WITHDRAWN}"
        raise InputFault(errors.NOT_ONE_OF, where="to", value=to[:40], known=known)
    if to != rules.CHECKED and not 0 < len(reason.strip()) <= _LONGEST:
        raise InputFault(errors.TEXT_MISSING, where="reason", field="reason", longest=_LONGEST)
    with transaction.atomic():
        seen = selectors.entry(actor, entry_id)
        entry = type(seen).objects.select_for_update(of=("self",)).get(pk=seen.pk)
        _need_leave(actor, entry, to)
        if entry.state == to:
            return entry
        if to not in rules.STEPS[entry.state]:
            raise Refused(errors.WRONG_STATE, entry=entry.id, state=entry.state, to=to)
        before, entry.state = entry.state, to
        entry.save(update_fields=["state"])
        record_step(entry, before, trigger=to, actor=actor, reason=reason)
        return entry


def _need_leave(actor: Actor, entry: AnyEntry, to: str) -> None:
    organisation = entry.organisation
    own_fact = isinstance(entry, OrganisationFact) and entry.state in (State.DECLARED, State.WITHDRAWN)
    if to == rules.WITHDRAWN and own_fact and actor.has("owner", organisation.id):
        return
    verb = ("Judging what is on record", "核验档案")
    if not access.may_check(actor):
        raise access.role_missing(actor, organisation, ("reviewer", "platform_operator"), verb)
    told = {"name": actor.name, "verb": verb[0], "verb_zh": verb[1]}
    if organisation.id in actor.organisations():
        raise Refused(errors.OWN_ORGANISATION, organisation=organisation.name, **told)
    if entry.entered_by == actor.identity_id and to != rules.WITHDRAWN:
        raise Refused(errors.SAME_PERSON, entry=entry.id, **told)


def record_step(entry: AnyEntry, before: str, *, trigger: str, actor: Actor, reason: str) -> None:
    role = _ROLE[type(entry)]
    Step.objects.create(
        **{role: entry},
        from_state=before,
        to_state=entry.state,
        trigger=trigger,
        actor=actor.identity_id,
        reason=reason,
        at=timezone.now(),
    )
    public: dict[str, Json] = {"from": before, "to": str(entry.state)}
    audit.record(
        kind=f"registry.{role}_{entry.state}",
        subject=entry.id,
        actor=actor.identity_id,
        firm=entry.organisation_id,
        public=public,
        private={"by": actor.identity_id, "trigger": trigger, "reason": reason, **_told(entry)},
    )


def _told(entry: AnyEntry) -> dict[str, Json]:
    """What the private record of a step says of its entry: enough to see later that nothing was changed."""
    told: dict[str, Json] = {
        "issuer": entry.issuer,
        "document": entry.document_id,
        "valid_from": str(entry.valid_from),
        "expires_on": str(entry.expires_on) if entry.expires_on else None,
    }
    match entry:
        case OrganisationFact():
            told |= {"name": entry.name, "value": entry.value}
        case Relation():
            told |= {"kind": entry.kind, "counterpart": entry.counterpart_id, "key": entry.counterpart_key}
            told |= {"holder": entry.holder, "ratio_ppm": entry.ratio_ppm}
        case AidEntry():
            told |= {"authority": entry.authority, "scope": entry.scope, "amount_fen": entry.amount_fen}
            told |= {"contract": entry.contract_sha256, "invoice": entry.invoice_sha256}
    return told
