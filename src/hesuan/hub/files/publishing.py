"""Publishing a packaged application: from complete files of the platform to one digest that sites may fetch.

Whoever publishes has sent the files before, like any other file and within the same bounds. What is published
is a list of them with their places; its digest is the application's name from then on, the same one that a
site computes over a folder. Publishing makes no site run anything: a site fetches an application when it is
commanded to measure or to run it, and only where its operator has allowed that.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Faults, InputFault, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.files import selectors, store
from hesuan.hub.files.models import LONGEST_NAME, App, File, Part
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.wire import apps
from hesuan.wire.apps import AppFile
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

LARGEST_MANIFEST = 256 * 1024

Placed = tuple[str, str | None]
"""A path, and the id of the file that lies there; None: a file without content."""

ROLE_MISSING = declare(
    "app.role_missing",
    en="Publishing and withdrawing applications needs the role platform_operator at {organisation}, which"
    " {name} does not hold. Ask somebody who does.",
    zh="发布或撤回应用需在 {organisation} 持有 platform_operator 角色，{name} 没有。请联系持有者办理。",
)
NO_FILE_HERE = declare(
    "app.file_not_here",
    en="`{path}` names file {file}, which is no complete file of {organisation}. Send it first.",
    zh="“{path}”引用的文件 {file} 不是 {organisation} 的完整文件。请先上传。",
)
BAD_MANIFEST = declare(
    "app.manifest_unusable",
    en="The application's {file} cannot be used: {problem}.",
    zh="应用的 {file} 不可用：{problem}。",
)


def publish(*, actor: Actor, organisation_id: str, files: Sequence[Placed], app_id: str | None = None) -> App:
    """Publishes an application; the same content again is the application that is published already.

    Args:
        actor: An operator of the platform.
        organisation_id: The platform's organisation, whose complete files they are.
        files: Of each its path below the folder, and the id of the file; None for one without content.
        app_id: Chosen by the caller.

    Raises:
        NotFound: ``identity.organisation_not_found``, for strangers too.
        Refused: ``app.role_missing``.
        Faults: every unusable path and file, and what is too much, with both numbers.
        InputFault: ``app.manifest_unusable``.
    """
    organisation = _operated(actor, organisation_id)
    with transaction.atomic():
        # One at a time, so that of two with the same content the second finds the first.
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        rows = _rows(organisation, files)
        listed = [
            _listed(path, rows.get(str(file_id))) for path, file_id in sorted(files, key=lambda one: one[0])
        ]
        if found := apps.faults(listed):
            raise Faults(found)
        digest = apps.folder_digest(listed)
        if (known := App.objects.filter(digest=digest, withdrawn_at=None).first()) is not None:
            return known
        said = _manifest(organisation, next(one for one in listed if one.path == apps.MANIFEST))
        made = App.objects.create(
            id=app_id or new_id(),
            organisation=organisation,
            digest=digest,
            files=[one.document() for one in listed],
            size_bytes=sum(one.size_bytes for one in listed),
            published_by=actor.identity_id,
            published_at=timezone.now(),
            **said,
        )
        Part.objects.bulk_create(Part(app=made, file=row) for row in rows.values())
        _record("app.published", made, actor)
        return made


def withdraw(*, actor: Actor, app_id: str) -> App:
    """From now on nobody asks a site to fetch it; sites that have it keep it.

    Raises:
        NotFound: ``app.not_found``.
        Refused: ``app.role_missing``.
    """
    found = selectors.app(app_id)
    _operated(actor, found.organisation_id, shown=found)
    with transaction.atomic():
        app = App.objects.select_for_update().get(pk=found.pk)
        if app.withdrawn_at is None:
            app.withdrawn_at = timezone.now()
            app.save(update_fields=["withdrawn_at"])
            _record("app.withdrawn", app, actor)
        return app


def _operated(actor: Actor, organisation_id: str, *, shown: App | None = None) -> Organisation:
    """The platform's organisation, for its operators. An application is known to everybody, so who may not
    withdraw it is told so; an organisation is not."""
    if shown is not None:
        organisation = Organisation.objects.get(pk=organisation_id)
    else:
        organisation = identity.organisation(actor, organisation_id)
    if not actor.has("platform_operator", organisation.id):
        raise Refused(ROLE_MISSING, organisation=organisation.name, name=actor.name)
    return organisation


def _rows(organisation: Organisation, files: Sequence[Placed]) -> dict[str, File]:
    """The files that are named, locked so that none is removed meanwhile.

    Raises:
        Faults: ``app.file_not_here``, of each; ``app.too_many_files`` before any is looked up.
    """
    if len(files) > apps.MOST_FILES:
        raise Faults([InputFault(apps.TOO_MANY, where="files", count=len(files), limit=apps.MOST_FILES)])
    named = [(path, file_id) for path, file_id in files if file_id is not None]
    found = File.objects.select_for_update(of=("self",)).filter(
        organisation=organisation,
        pk__in={file_id for _, file_id in named},
        removed_at=None,
        completed_at__isnull=False,
    )
    rows = {row.id: row for row in found.order_by("id")}
    absent = [
        InputFault(NO_FILE_HERE, where="files", path=path, file=file_id, organisation=organisation.name)
        for path, file_id in named
        if file_id not in rows
    ]
    if absent:
        raise Faults(absent)
    return rows


def _listed(path: str, row: File | None) -> AppFile:
    if row is None:
        return AppFile(path, 0, apps.EMPTY)
    return AppFile(path, row.size_bytes, row.sha256)


def _manifest(organisation: Organisation, manifest: AppFile) -> dict[str, str]:
    """What the hub tells of an application; the manifest itself is read strictly by publisher and site.

    Raises:
        InputFault: ``app.manifest_unusable``.
    """
    if manifest.size_bytes > LARGEST_MANIFEST:
        raise _unusable(f"it has {manifest.size_bytes} bytes, {LARGEST_MANIFEST} is the limit")
    data = store.piece(organisation.id, manifest.sha256, 0, LARGEST_MANIFEST) or b""
    try:
        top: dict[str, Any] = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unusable(str(error)) from None
    if not apps.is_name(top.get("name")):
        raise _unusable("`name` is words of small letters and digits joined by `-`")
    for key in ("version", "work_unit"):
        text = top.get(key)
        if not (isinstance(text, str) and 0 < len(text) <= LONGEST_NAME and text.isprintable()):
            raise _unusable(f"`{key}` is one line of 1 to {LONGEST_NAME} characters")
    return {key: top[key] for key in ("name", "version", "work_unit")}


def _unusable(problem: str) -> InputFault:
    return InputFault(BAD_MANIFEST, where=apps.MANIFEST, file=apps.MANIFEST, problem=problem)


def _record(kind: str, app: App, actor: Actor) -> None:
    public: dict[str, Json] = {"app": app.name, "version": app.version, "app_digest": app.digest}
    audit.record(
        kind=kind,
        subject=app.id,
        actor=actor.identity_id,
        public=public,
        private={"by": actor.identity_id},
    )
