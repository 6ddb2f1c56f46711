"""Entering facts, relations and aid. Part of :mod:`.services`.

An organisation declares; an office or the platform enters what a public registry says, which needs no further
check; somebody else checks what was declared. What an organisation declared against itself (a relation, aid)
it cannot take back alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from hesuan.errors import Conflict, Faults, InputFault, Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.registry import access, errors, fact_types, keys, numbers, rules, selectors
from hesuan.hub.registry.models import AidEntry, Entry, NumberUse, OrganisationFact, Relation
from hesuan.hub.registry.steps import record_step
from hesuan.wire.canonical import MAX_INTEGER
from hesuan.wire.ids import new_id

State = Entry.State
Kind = TypeVar("Kind", OrganisationFact, Relation, AidEntry)
_ENTERING = ("Entering what is on record", "录入档案")
_LONGEST = 200
_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Proof:
    """What an entry rests on, and when it holds."""

    issuer: str
    """Who issued the evidence, or keeps the registry."""
    valid_from: date
    expires_on: date | None = None
    document_id: str | None = None


def enter_fact(
    *, actor: Actor, organisation_id: str, name: str, value: object, proof: Proof, entry_id: str | None = None
) -> OrganisationFact:
    """Enters a typed fact of an organisation.

    Args:
        actor: An owner of the organisation (it is then declared); or a reviewer of an office to which the
            record is open, or the platform's operator (it is then checked, from a registry).
        organisation_id: Whose fact.
        name: One of :data:`hesuan.hub.registry.fact_types.FACT_TYPES`.
        value: As that type is written.
        proof: What it rests on.
        entry_id: Chosen by the caller; the same id again is the same entry.

    Raises:
        NotFound: the organisation, the document.
        Refused: ``registry.role_missing``, ``registry.foreign_document``.
        Faults: every fault of what is entered.
        Conflict: ``registry.entry_taken``.
    """
    faults: list[InputFault] = []
    fields: dict[str, Any] = {"name": name, "value": None}
    try:
        fields["value"] = fact_types.parse(name, value)
    except InputFault as fault:
        faults.append(fault)
    return _enter(
        OrganisationFact, actor, organisation_id, fields, proof=proof, faults=faults, entry_id=entry_id
    )


def enter_relation(
    *,
    actor: Actor,
    organisation_id: str,
    kind: str,
    proof: Proof,
    counterpart_id: str | None = None,
    value: str = "",
    holder: str = "",
    ratio_percent: str = "",
    entry_id: str | None = None,
) -> Relation:
    """Enters to whom or to what an organisation is tied.

    Args:
        actor: As for :func:`enter_fact`.
        organisation_id: The organisation.
        kind: One of :data:`hesuan.hub.registry.rules.FAMILIES`.
        proof: What it rests on.
        counterpart_id: An organisation of this hub; for shareholdings and the like.
        value: Otherwise: the registration or identity number of somebody outside, the address, the account,
            the telephone. Only its keyed hash is kept.
        holder: Of a shareholding, who holds: ``organisation`` or ``counterpart``.
        ratio_percent: Of a shareholding, such as ``"33.3333"``.
        entry_id: Chosen by the caller; the same id again is the same entry.

    Raises:
        As :func:`enter_fact`; ``registry.key_unusable``.
    """
    faults: list[InputFault] = []
    if kind not in rules.FAMILIES:
        raise InputFault(errors.NOT_ONE_OF, where="kind", value=kind[:40], known=", ".join(rules.FAMILIES))
    fields: dict[str, Any] = {"kind": kind, "holder": "", "ratio_ppm": None}
    fields |= _other_end(kind, organisation_id, counterpart_id, value, faults)
    if kind == "shareholding":
        if holder not in ("organisation", "counterpart"):
            known = "organisation, counterpart"
            faults.append(InputFault(errors.NOT_ONE_OF, where="holder", value=holder[:40], known=known))
        fields |= {"holder": holder, "ratio_ppm": _ppm(ratio_percent, faults)}
    return _enter(Relation, actor, organisation_id, fields, proof=proof, faults=faults, entry_id=entry_id)


def enter_aid(
    *,
    actor: Actor,
    organisation_id: str,
    authority: str,
    scope: str,
    amount_fen: int,
    proof: Proof,
    programme: str = "",
    contract_number: str = "",
    invoice_number: str = "",
    project_number: str = "",
    entry_id: str | None = None,
) -> AidEntry:
    """Enters public money from elsewhere; ``proof.valid_from`` is the day it was granted.

    Args:
        actor: As for :func:`enter_fact`.
        organisation_id: Who got it.
        authority: Who gives it, by the name programmes use, such as ``zhengzhou``.
        scope: ``line``, ``contract``, ``project`` or ``type``; contract and project need their number.
        amount_fen: How much [fen].
        proof: Its ``issuer`` is who attests it.
        programme: What the programme calls itself.
        contract_number: As written on the contract.
        invoice_number: As written on the invoice.
        project_number: As the authority numbers the project.
        entry_id: Chosen by the caller; the same id again is the same entry.

    Raises:
        As :func:`enter_fact`.
    """
    given = {"contract": contract_number, "invoice": invoice_number, "project": project_number}
    faults: list[InputFault] = []
    _need_text("authority", authority, 100, faults)
    if scope not in AidEntry.Scope.values:
        known = ", ".join(AidEntry.Scope.values)
        faults.append(InputFault(errors.NOT_ONE_OF, where="scope", value=scope[:40], known=known))
    if type(amount_fen) is not int or not 0 < amount_fen <= MAX_INTEGER:
        faults.append(InputFault(errors.AMOUNT_WRONG, where="amount", value=amount_fen, limit=MAX_INTEGER))
    fields: dict[str, Any] = {"authority": authority, "scope": scope, "amount_fen": amount_fen}
    fields["programme"] = programme[:_LONGEST]
    for kind, number in given.items():
        fields |= {f"{kind}_number": number[:100], f"{kind}_sha256": numbers.number_sha256(number[:100])}
    needed = f"{scope}_number"
    if scope in ("contract", "project") and not fields[f"{scope}_sha256"]:
        faults.append(InputFault(errors.NUMBER_MISSING, where=needed, scope=scope, field=needed))
    with transaction.atomic():
        made = _enter(AidEntry, actor, organisation_id, fields, proof=proof, faults=faults, entry_id=entry_id)
        for kind in ("contract", "invoice"):
            note_number(
                kind=kind,
                number=given[kind],
                organisation_id=organisation_id,
                used_by=f"aid:{made.id}",
                programme=made.programme or made.authority,
                amount_fen=amount_fen,
            )
        return made


def note_number(
    *,
    kind: str,
    number: str,
    organisation_id: str,
    used_by: str,
    programme: str = "",
    amount_fen: int | None = None,
) -> NumberUse | None:
    """Remembers that a contract's or invoice's number was used, for the search for doubles; twice is once.

    The caller has checked who asks. ``None`` where nothing is left of the number.
    """
    assert kind in numbers.KINDS, f"{kind} numbers are not kept"
    sha256 = numbers.number_sha256(number)
    if not sha256:
        return None
    use, _ = NumberUse.objects.get_or_create(
        kind=kind,
        sha256=sha256,
        used_by=used_by,
        defaults={
            "organisation_id": organisation_id,
            "programme": programme,
            "amount_fen": amount_fen,
            "at": timezone.now(),
        },
    )
    return use


def _enter(
    model: type[Kind],
    actor: Actor,
    organisation_id: str,
    fields: dict[str, Any],
    *,
    proof: Proof,
    faults: list[InputFault],
    entry_id: str | None,
) -> Kind:
    organisation = selectors.organisation(actor, organisation_id)
    source = _source(actor, organisation)
    _need_text("issuer", proof.issuer, _LONGEST, faults)
    if proof.expires_on is not None and proof.expires_on < proof.valid_from:
        until, begin = proof.expires_on, proof.valid_from
        faults.append(
            InputFault(errors.ENDS_BEFORE, where="expires_on", expires_on=str(until), valid_from=str(begin))
        )
    if faults:
        raise Faults(faults)
    _need_own_document(actor, organisation, proof)
    fields |= {
        "issuer": proof.issuer,
        "valid_from": proof.valid_from,
        "expires_on": proof.expires_on,
        "document_id": proof.document_id,
    }
    fields |= {
        "source": source,
        "state": State.CHECKED if source == Entry.Source.REGISTRY else State.DECLARED,
    }
    for last in (False, True):
        try:
            return _find_or_make(model, actor, organisation, fields, entry_id)
        except IntegrityError:
            # Somebody wrote the same id meanwhile; the next look sees it, and whether it is the same.
            if last:
                raise
    raise AssertionError("unreachable")


def _find_or_make(
    model: type[Kind], actor: Actor, organisation: Organisation, fields: dict[str, Any], entry_id: str | None
) -> Kind:
    with transaction.atomic():
        before = model.objects.filter(pk=entry_id).first() if entry_id else None
        if before is not None:
            return _same(before, organisation, fields)
        made = model.objects.create(
            id=entry_id or new_id(),
            organisation=organisation,
            entered_by=actor.identity_id,
            entered_at=timezone.now(),
            **fields,
        )
        record_step(made, "", trigger=made.source, actor=actor, reason="")
        return made


def _same(before: Kind, organisation: Organisation, fields: dict[str, Any]) -> Kind:
    same = before.organisation_id == organisation.id
    # Its state may have moved since, by steps.
    if not same or any(getattr(before, name) != value for name, value in fields.items() if name != "state"):
        raise Conflict(errors.ENTRY_TAKEN, entry=before.id)
    return before


def _source(actor: Actor, organisation: Organisation) -> str:
    """Declared by its owner, or entered from a registry by somebody who may check."""
    if actor.has("owner", organisation.id):
        return Entry.Source.DECLARED
    if organisation.id not in actor.organisations() and access.may_check(actor):
        return Entry.Source.REGISTRY
    raise access.role_missing(actor, organisation, ("owner",), _ENTERING)


def _need_own_document(actor: Actor, organisation: Organisation, proof: Proof) -> None:
    """The organisation's own, or one of those who enter it, such as an extract an office drew."""
    if proof.document_id is None:
        return
    document = selectors.document(actor, proof.document_id)
    if document.organisation_id not in {organisation.id, *actor.organisations()}:
        raise Refused(errors.FOREIGN_DOCUMENT, document=document.id, organisation=organisation.name)


def _need_text(field: str, text: str, longest: int, faults: list[InputFault]) -> None:
    if not 0 < len(text.strip()) <= longest or len(text) > longest:
        faults.append(InputFault(errors.TEXT_MISSING, where=field, field=field, longest=longest))


def _other_end(
    kind: str, organisation_id: str, counterpart_id: str | None, value: str, faults: list[InputFault]
) -> dict[str, Any]:
    """Either an organisation of the hub or a hash, as the kind of relation wants it."""
    family = rules.FAMILIES[kind]
    found = keys.normal(kind, value[:500])
    may_be_organisation = family == "party" and kind != rules.SAME_PARTY
    if bool(found) == bool(counterpart_id) or (counterpart_id and not may_be_organisation):
        wanted = "counterpart, or value" if may_be_organisation else "value"
        faults.append(InputFault(errors.ONE_COUNTERPART, where="counterpart", kind=kind, wanted=wanted))
        return {"counterpart_id": None, "counterpart_key": "0" * 64}
    if counterpart_id is None:
        return {"counterpart_id": None, "counterpart_key": keys.keyed(family, found)}
    known = Organisation.objects.filter(pk=counterpart_id).exists()
    if not known or counterpart_id == organisation_id:
        wanted = "another organisation of this hub"
        faults.append(InputFault(errors.ONE_COUNTERPART, where="counterpart", kind=kind, wanted=wanted))
    return {"counterpart_id": counterpart_id, "counterpart_key": ""}


def _ppm(percent: str, faults: list[InputFault]) -> int:
    share = Decimal(percent) * 10_000 if _PERCENT.fullmatch(percent) else Decimal(0)
    if not 0 < share <= 1_000_000:
        faults.append(InputFault(errors.RATIO_WRONG, where="ratio_percent", value=percent[:20]))
        return 1
    return int(share)
