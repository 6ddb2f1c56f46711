"""Taking documents in, and opening them to an office. Part of :mod:`.services`."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from hesuan.errors import Conflict, NotFound, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.identity.selectors import ORGANISATION_NOT_FOUND
from hesuan.hub.registry import access, errors, file_types, selectors, store
from hesuan.hub.registry.models import Document, Opening
from hesuan.wire.ids import new_id

UPLOADERS = ("owner", "member", "centre_operator", *access.OFFICE_ROLES)


def upload(
    *,
    actor: Actor,
    organisation_id: str,
    file_name: str,
    media_type: str,
    content: bytes,
    document_id: str | None = None,
) -> Document:
    """Keeps a file that somebody sent.

    Args:
        actor: Of the organisation, or the platform's operator.
        organisation_id: Whose document it is.
        file_name: What the sender calls it; a label only.
        media_type: What the sender says it is; must agree with name and content.
        content: All of it.
        document_id: Chosen by the caller; the same id again is the same document.

    Raises:
        NotFound: the organisation.
        Refused: ``registry.role_missing``, ``document.too_many``, ``document.too_much``.
        InputFault: ``document.too_large``.
        Faults: whatever :func:`hesuan.hub.registry.file_types.recognise` finds.
        Conflict: ``registry.document_taken``.
    """
    organisation = may_upload(actor, organisation_id)
    name = file_types.normal_name(file_name)
    limit = settings.UPLOAD_MAX_BYTES
    kind = file_types.recognise(name, declared=media_type, content=content, limit_bytes=limit)
    sha256 = store.keep(content)
    with transaction.atomic():
        # One at a time per organisation, so that two uploads together cannot pass the limit.
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        before = Document.objects.filter(pk=document_id).first() if document_id else None
        if before is not None:
            return _same(before, organisation, name, sha256)
        _need_room(organisation, len(content))
        made = Document.objects.create(
            id=document_id or new_id(),
            organisation=organisation,
            file_name=name,
            media_type=kind.media_type,
            size_bytes=len(content),
            sha256=sha256,
            uploaded_by=actor.identity_id,
            uploaded_at=timezone.now(),
        )
        audit.record(
            kind="document.uploaded",
            subject=made.id,
            actor=actor.identity_id,
            firm=organisation.id,
            public={"size_bytes": made.size_bytes},
            private={"sha256": sha256, "by": actor.identity_id, "file_name": name},
        )
        return made


def may_upload(actor: Actor, organisation_id: str) -> Organisation:
    """The organisation for which somebody may send documents; asked before any byte is read.

    Raises:
        NotFound: ``identity.organisation_not_found``.
        Refused: ``registry.role_missing``.
    """
    organisation = selectors.organisation(actor, organisation_id)
    access.need_role(actor, organisation, UPLOADERS, ("Uploading a document", "上传文件"))
    return organisation


def open_record(*, actor: Actor, organisation_id: str, office_id: str, because: str) -> Opening:
    """Lets an office see what is on record of an organisation; twice is once. Applying does it.

    Raises:
        NotFound: the organisation, the office.
        Refused: ``registry.role_missing``.
    """
    organisation = selectors.organisation(actor, organisation_id)
    return _open(actor, organisation, None, office_id, because)


def open_document(*, actor: Actor, document_id: str, office_id: str, because: str) -> Opening:
    """Lets an office see one document, such as one sent with a claim; twice is once.

    Raises:
        NotFound: ``registry.document_not_found``.
        Refused: ``registry.role_missing``.
    """
    document = selectors.document(actor, document_id)
    return _open(actor, document.organisation, document, office_id, because)


def _open(
    actor: Actor, organisation: Organisation, document: Document | None, office_id: str, because: str
) -> Opening:
    access.need_role(actor, organisation, ("owner",), ("Opening the record to an office", "向办公室开放档案"))
    if not Organisation.objects.filter(pk=office_id).exists():
        raise NotFound(ORGANISATION_NOT_FOUND, organisation=office_id)
    with transaction.atomic():
        opening, made = Opening.objects.get_or_create(
            organisation=organisation,
            document=document,
            office_id=office_id,
            defaults={"because": because, "opened_by": actor.identity_id, "opened_at": timezone.now()},
        )
        if made:
            audit.record(
                kind="registry.opened",
                subject=document.id if document else opening.id,
                actor=actor.identity_id,
                firm=organisation.id,
                private={"office": office_id, "because": because, "by": actor.identity_id},
            )
        return opening


def _same(before: Document, organisation: Organisation, name: str, sha256: str) -> Document:
    if (before.organisation_id, before.file_name, before.sha256) != (organisation.id, name, sha256):
        raise Conflict(errors.DOCUMENT_TAKEN, document=before.id)
    return before


def _need_room(organisation: Organisation, size_bytes: int) -> None:
    kept = Document.objects.filter(organisation=organisation).aggregate(
        n=Count("id"), bytes=Sum("size_bytes")
    )
    count, limit = kept["n"], settings.UPLOADS_PER_ORGANISATION
    if count >= limit:
        raise Refused(errors.TOO_MANY, organisation=organisation.name, count=count, limit=limit)
    total, most = (kept["bytes"] or 0) + size_bytes, settings.UPLOAD_BYTES_PER_ORGANISATION
    if total > most:
        raise Refused(
            errors.TOO_MUCH, organisation=organisation.name, size_bytes=total, limit_bytes=most, kept=count
        )
