"""Reads of the registry; tenancy is applied here and nowhere else.

Who sees what: an organisation's people see what is on record of it. The people of a programme office see it
once it was opened to that office, which applying for a voucher does; of documents they then see those that
prove something on record, and those opened one by one. The auditor, the platform's operator and the hub
itself see everything. To anybody else none of it exists.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from hesuan.errors import NotFound, Unavailable
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.identity.selectors import ORGANISATION_NOT_FOUND, sees_everything, visible_to
from hesuan.hub.registry import access, errors, file_types, rules, store
from hesuan.hub.registry.models import AidEntry, Document, Opening, OrganisationFact, Relation, Step

AnyEntry = OrganisationFact | Relation | AidEntry


@dataclass(frozen=True, slots=True)
class Download:
    """A document's bytes with the headers under which alone they may leave the hub."""

    document: Document
    content: bytes

    @property
    def headers(self) -> dict[str, str]:
        """Saved, never shown: no page of ours may run what a stranger sent."""
        return {
            "Content-Type": self.document.media_type,
            "Content-Disposition": file_types.content_disposition(self.document.file_name),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-store",
        }


def may_check(actor: Actor, organisation: Organisation) -> bool:
    """Whether checking this organisation's entries is somebody's; each entry is decided about by the verb."""
    return organisation.id not in actor.organisations() and access.may_check(actor)


# --- Organisations ---


def organisation(actor: Actor, organisation_id: str) -> Organisation:
    """An organisation whose record the actor may see.

    Raises:
        NotFound: ``identity.organisation_not_found``.
    """
    found = Organisation.objects.filter(_on_record(actor, "id"), pk=organisation_id).first()
    if found is None:
        raise NotFound(ORGANISATION_NOT_FOUND, organisation=organisation_id)
    return found


def openings(actor: Actor, organisation_id: str) -> list[Opening]:
    """To which offices an organisation's record is open, and why, oldest first.

    Raises:
        NotFound: as :func:`organisation`.
    """
    found = Opening.objects.filter(organisation=organisation(actor, organisation_id))
    return list(found.select_related("office", "document").order_by("opened_at", "id"))


# --- Documents ---


def documents(actor: Actor, organisation_id: str) -> list[Document]:
    """An organisation's documents that the actor may see, newest first.

    Raises:
        NotFound: as :func:`organisation`.
    """
    found = _documents(actor).filter(organisation=organisation(actor, organisation_id))
    return list(found.order_by("-uploaded_at", "-id"))


def document(actor: Actor, document_id: str) -> Document:
    """One document.

    Raises:
        NotFound: ``registry.document_not_found``.
    """
    found = _documents(actor).filter(pk=document_id).first()
    if found is None:
        raise NotFound(errors.DOCUMENT_NOT_FOUND, document=document_id)
    return found


def download(actor: Actor, document_id: str) -> Download:
    """A document with its bytes, hashed again.

    Raises:
        NotFound: ``registry.document_not_found``.
        Unavailable: ``document.damaged``.
    """
    found = document(actor, document_id)
    content = store.read(found.sha256)
    if content is None:
        raise Unavailable(errors.DAMAGED, document=found.id, sha256=found.sha256)
    return Download(found, content)


# --- Entries: facts, relations, aid ---


def entry(actor: Actor, entry_id: str) -> AnyEntry:
    """One fact, relation or aid entry.

    Raises:
        NotFound: ``registry.entry_not_found``.
    """
    for model in (OrganisationFact, Relation, AidEntry):
        found = model.objects.filter(_on_record(actor), pk=entry_id).select_related("organisation").first()
        if found is not None:
            return found
    raise NotFound(errors.ENTRY_NOT_FOUND, entry=entry_id)


def steps(actor: Actor, entry_id: str) -> list[Step]:
    """What became of an entry, oldest first.

    Raises:
        NotFound: ``registry.entry_not_found``.
    """
    return list(entry(actor, entry_id).steps.order_by("id"))


def facts(actor: Actor, organisation_id: str) -> list[OrganisationFact]:
    """Every fact ever entered for an organisation, newest first.

    Raises:
        NotFound: as :func:`organisation`.
    """
    found = OrganisationFact.objects.filter(organisation=organisation(actor, organisation_id))
    return list(found.select_related("document").order_by("-entered_at", "-id"))


def relations(actor: Actor, organisation_id: str) -> list[Relation]:
    """Every relation entered for an organisation, newest first.

    Raises:
        NotFound: as :func:`organisation`.
    """
    found = Relation.objects.filter(organisation=organisation(actor, organisation_id))
    return list(found.select_related("counterpart", "document").order_by("-entered_at", "-id"))


def aid(actor: Actor, organisation_id: str) -> list[AidEntry]:
    """Every aid entry of an organisation, newest first.

    Raises:
        NotFound: as :func:`organisation`.
    """
    found = AidEntry.objects.filter(organisation=organisation(actor, organisation_id))
    return list(found.select_related("document").order_by("-entered_at", "-id"))


def waiting(actor: Actor) -> list[AnyEntry]:
    """What is declared, not checked, and the actor may check: of other organisations, oldest first."""
    if not (access.is_clerk(actor) or any(actor.has("reviewer", one) for one in access.offices(actor))):
        return []
    found: list[AnyEntry] = []
    for model in (OrganisationFact, Relation, AidEntry):
        rows = model.objects.filter(_on_record(actor), state=rules.DECLARED)
        rows = rows.exclude(organisation_id__in=sorted(actor.organisations()))
        found += rows.exclude(entered_by=actor.identity_id).select_related("organisation", "document")
    return sorted(found, key=lambda one: (one.entered_at, one.id))


# --- Who sees what ---


def _on_record(actor: Actor, path: str = "organisation_id") -> Q:
    """The condition that leaves organisations the actor belongs to, and those opened to their offices."""
    if sees_everything(actor):
        return Q()
    opened = Opening.objects.filter(office_id__in=access.offices(actor), document__isnull=True)
    return visible_to(actor, path) | Q(**{f"{path}__in": opened.values("organisation_id")})


def _documents(actor: Actor) -> QuerySet[Document]:
    found = Document.objects.select_related("organisation")
    if sees_everything(actor):
        return found
    opened = Opening.objects.filter(office_id__in=access.offices(actor), document__isnull=False)
    seen = visible_to(actor) | Q(pk__in=opened.values("document_id"))
    for model in (OrganisationFact, Relation, AidEntry):
        proofs = model.objects.filter(_on_record(actor), document__isnull=False)
        seen |= Q(pk__in=proofs.values("document_id"))
    return found.filter(seen)
