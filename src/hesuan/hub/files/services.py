"""The files room's verbs: begin a file, take a piece, remove it; hold files for a run and let them go.

A file comes in pieces, each at the offset where the one before ended. Whoever was cut off asks where it
stands and goes on there; a piece at another place is refused with that place. The file is complete when its
content has the SHA-256 that was said at the beginning, and no run may name it before.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from hesuan.errors import Conflict, InputFault, NotFound, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.files import selectors, store
from hesuan.hub.files.models import LONGEST_NAME, File, Part, Use
from hesuan.hub.files.selectors import MOST_PIECE_BYTES
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import new_id

MOST_FILES = 10_000
"""How many files one organisation may keep: a row each, however small they are."""

ROLE_MISSING = declare(
    "file.role_missing",
    en="Sending and removing files of {organisation} needs the role owner or member there, which {name} does"
    " not hold. Ask somebody who does.",
    zh="上传或删除 {organisation} 的文件需在该组织中持有 owner 或 member 角色，{name} 没有。"
    "请联系持有者办理。",
)
BAD_NAME = declare(
    "file.name_unusable",
    en="A file's name is 1 to {most} printable characters without a slash; it is a label, not a path.",
    zh="文件名为 1 至 {most} 个可打印字符，不含斜杠；仅作标签，不是路径。",
)
EMPTY = declare(
    "file.empty",
    en="The file has {size_bytes} bytes; a file for a run has at least 1.",
    zh="该文件为 {size_bytes} 字节；作业输入文件至少 1 字节。",
)
TOO_LARGE = declare(
    "file.too_large",
    en="The file has {size_bytes} bytes; this hub takes at most {limit_bytes}.",
    zh="该文件为 {size_bytes} 字节；平台最多接受 {limit_bytes} 字节。",
)
TOO_MUCH = declare(
    "file.too_much",
    en="With this file {organisation} would have {size_bytes} bytes of files; {limit_bytes} is the limit."
    " Remove some that no run needs any more.",
    zh="加上此文件，{organisation} 的文件共 {size_bytes} 字节，上限 {limit_bytes}。请删除不再需要的文件。",
)
TOO_MANY = declare(
    "file.too_many",
    en="{organisation} has {count} files; {limit} is the limit. Remove some that no run needs any more.",
    zh="{organisation} 已有 {count} 个文件，上限 {limit}。请删除不再需要的文件。",
)
TAKEN = declare(
    "file.taken",
    en="The id {file} came before with another file. Use a new one.",
    zh="编号 {file} 已用于另一文件。请使用新的编号。",
)
PIECE_TOO_LARGE = declare(
    "file.piece_too_large",
    en="A piece is more than the {limit_bytes} bytes that are taken at once. Send smaller ones.",
    zh="单次上传的内容超过 {limit_bytes} 字节。请分成更小的部分。",
)
OFFSET_DIFFERS = declare(
    "file.offset_differs",
    en="The piece begins at {offset}, and {received_bytes} of {size_bytes} bytes are here. Go on at"
    " {received_bytes}.",
    zh="该部分始于 {offset}，而已收到 {received_bytes} 字节（共 {size_bytes}）。请从 {received_bytes} 继续。",
)
TOO_LONG = declare(
    "file.too_long",
    en="The piece would end at {end}; the file has {size_bytes} bytes.",
    zh="该部分将止于 {end}；文件共 {size_bytes} 字节。",
)
DIGEST_DIFFERS = declare(
    "file.digest_differs",
    en="The whole file is here and its SHA-256 is {found}, not {said}. It was altered on the way or changed"
    " while it was sent; send it again from 0.",
    zh="文件已全部收到，但其 SHA-256 为 {found}，不是 {said}。内容在途中或发送期间被改动；请从 0 重新发送。",
)
IN_USE = declare(
    "file.in_use",
    en="{count} run(s) that have not ended need this file, such as {run}. Remove it when they have.",
    zh="有 {count} 个未结束的运行需要此文件，如 {run}。请在其结束后再删除。",
)
PUBLISHED = declare(
    "file.published",
    en="The published application {app} is made of this file. Withdraw it first: {id}.",
    zh="已发布的应用 {app} 由此文件组成。请先撤回该应用：{id}。",
)
NOT_HERE = declare(
    "file.not_here",
    en="The order needs file {file}, which was removed meanwhile. Nothing was held; send the file again and"
    " ask for new quotes.",
    zh="订单需要文件 {file}，但它已被删除。未冻结任何金额；请重新上传并重新询价。",
)


def begin(
    *, actor: Actor, organisation_id: str, name: str, size_bytes: int, sha256: str, file_id: str | None = None
) -> File:
    """Begins a file; the same ``file_id`` again is the same file.

    Args:
        actor: An owner or member of the organisation; of the platform, an operator too.
        organisation_id: Whose file it is.
        name: What the sender calls it; a label only.
        size_bytes: How long it will be [byte].
        sha256: What its content will hash to, 64 hexadecimal digits in lower case.
        file_id: Chosen by the caller.

    Raises:
        NotFound: ``identity.organisation_not_found``, for strangers too.
        Refused: ``file.role_missing``, ``file.too_much``, ``file.too_many``.
        InputFault: ``file.name_unusable``, ``file.empty``, ``file.too_large``.
        Conflict: ``file.taken``.
    """
    organisation = identity.organisation(actor, organisation_id)
    _need_role(actor, organisation)
    _check(name, size_bytes)
    with transaction.atomic():
        # One at a time per organisation, so that two together cannot pass the limit.
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        before = File.objects.filter(pk=file_id).first() if file_id else None
        if before is not None:
            return _same(before, organisation, name, size_bytes, sha256)
        _need_room(organisation, size_bytes)
        return File.objects.create(
            id=file_id or new_id(),
            organisation=organisation,
            name=name,
            size_bytes=size_bytes,
            sha256=sha256,
            created_by=actor.identity_id,
            created_at=timezone.now(),
        )


def may_send(actor: Actor, file_id: str) -> File:
    """The file of which somebody may send pieces; asked before any byte is read.

    Raises:
        NotFound: ``file.not_found``.
        Refused: ``file.role_missing``.
    """
    found = selectors.file(actor, file_id)
    _need_role(actor, found.organisation)
    return found


def append(*, actor: Actor, file_id: str, offset: int, content: bytes) -> File:
    """Takes the piece at an offset; the last one completes the file.

    Raises:
        NotFound: ``file.not_found``.
        Refused: ``file.role_missing``.
        Conflict: ``file.offset_differs``, with where it stands.
        InputFault: ``file.piece_too_large``, ``file.too_long``; ``file.digest_differs``, after which the file
            begins anew.
    """
    may_send(actor, file_id)
    if len(content) > MOST_PIECE_BYTES:
        raise InputFault(PIECE_TOO_LARGE, where="body", limit_bytes=MOST_PIECE_BYTES)
    with transaction.atomic():
        file = _locked(file_id)
        owner, size, stands = file.organisation_id, file.size_bytes, selectors.stands(file)
        if offset != stands:
            raise Conflict(OFFSET_DIFFERS, offset=offset, received_bytes=stands, size_bytes=size)
        if offset + len(content) > size:
            raise InputFault(TOO_LONG, where="body", end=offset + len(content), size_bytes=size)
        if content:
            store.write(owner, file.id, offset, content)
            file.received_bytes = offset + len(content)
            file.save(update_fields=["received_bytes"])
    if file.completed_at is None and file.received_bytes == size:
        return _complete(actor, file)
    return file


def _complete(actor: Actor, file: File) -> File:
    """Completes a whole file, or begins it anew. It is hashed outside the transaction, which would hold up
    every other writer; nobody can write to a whole file meanwhile."""
    owner, found = file.organisation_id, store.digest(file.organisation_id, file.id)
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=owner)  # a like file may just be removed
        file = _locked(file.id)
        if file.completed_at is not None or file.received_bytes != file.size_bytes:
            return file
        if agrees := found == file.sha256:
            store.keep(owner, file.id, file.sha256)
            file.completed_at = timezone.now()
            file.save(update_fields=["completed_at"])
            _record("file.added", file, actor)
        else:
            store.drop_unfinished(owner, file.id)
            file.received_bytes = 0
            file.save(update_fields=["received_bytes"])
    if not agrees:  # raised after the commit, so that the next piece is the first
        raise InputFault(DIGEST_DIFFERS, where="sha256", found=found, said=file.sha256)
    return file


def remove(*, actor: Actor, file_id: str) -> None:
    """Removes a file and, where no other one of the organisation has the same content, its bytes.

    Raises:
        NotFound: ``file.not_found``; a removed file is not found either.
        Refused: ``file.role_missing``, ``file.in_use``, ``file.published``.
    """
    may_send(actor, file_id)
    with transaction.atomic():
        file = _locked(file_id)
        open_uses = Use.objects.filter(file=file, ended_at=None).order_by("id")
        if used := list(open_uses.values_list("run", flat=True)):
            raise Refused(IN_USE, count=len(used), run=used[0])
        part = Part.objects.filter(file=file, app__withdrawn_at=None).select_related("app").first()
        if part is not None:
            raise Refused(PUBLISHED, app=str(part.app), id=part.app_id)
        file.removed_at = timezone.now()
        file.save(update_fields=["removed_at"])
        transaction.on_commit(lambda: _clear(file))
        _record("file.removed", file, actor)


def hold(*, organisation_id: str, run_id: str, file_ids: Iterable[str]) -> None:
    """Keeps files for a run until :func:`let_go`; the same run again changes nothing.

    Raises:
        Refused: ``file.not_here``.
    """
    wanted = sorted(set(file_ids))
    with transaction.atomic():
        rows = File.objects.select_for_update().filter(organisation_id=organisation_id, pk__in=wanted)
        here = {row.id for row in rows.order_by("id") if row.completed_at and not row.removed_at}
        for file_id in wanted:
            if file_id not in here:
                raise Refused(NOT_HERE, file=file_id)
            Use.objects.get_or_create(run=run_id, file_id=file_id)


def let_go(run_id: str) -> None:
    """A run has ended: it needs its files no more."""
    Use.objects.filter(run=run_id, ended_at=None).update(ended_at=timezone.now())


def _locked(file_id: str) -> File:
    found = File.objects.select_for_update(of=("self",)).filter(pk=file_id, removed_at=None).first()
    if found is None:  # removed since it was looked up
        raise NotFound(selectors.NO_FILE, file=file_id)
    return found


def _clear(file: File) -> None:
    """Removes what no living file has; under the organisation's lock, as another may just be completed."""
    owner = file.organisation_id
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=owner)
        store.drop_unfinished(owner, file.id)
        others = File.objects.filter(organisation_id=owner, sha256=file.sha256, removed_at=None)
        if not others.filter(completed_at__isnull=False).exists():
            store.drop(owner, file.sha256)


def _check(name: str, size_bytes: int) -> None:
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable() and "/" not in name):
        raise InputFault(BAD_NAME, where="name", most=LONGEST_NAME)
    if size_bytes < 1:
        raise InputFault(EMPTY, where="size_bytes", size_bytes=size_bytes)
    if size_bytes > settings.FILE_BYTES:
        raise InputFault(
            TOO_LARGE, where="size_bytes", size_bytes=size_bytes, limit_bytes=settings.FILE_BYTES
        )


def _need_room(organisation: Organisation, size_bytes: int) -> None:
    kept = File.objects.filter(organisation=organisation, removed_at=None)
    together = (kept.aggregate(all=Sum("size_bytes"))["all"] or 0) + size_bytes
    if together > settings.FILES_BYTES:
        limit = settings.FILES_BYTES
        raise Refused(TOO_MUCH, organisation=organisation.name, size_bytes=together, limit_bytes=limit)
    if (count := kept.count()) >= MOST_FILES:
        raise Refused(TOO_MANY, organisation=organisation.name, count=count, limit=MOST_FILES)


def _same(before: File, organisation: Organisation, name: str, size_bytes: int, sha256: str) -> File:
    said = (organisation.id, name, size_bytes, sha256)
    if (before.organisation_id, before.name, before.size_bytes, before.sha256) != said:
        raise Conflict(TAKEN, file=before.id)
    return before


def _need_role(actor: Actor, organisation: Organisation) -> None:
    if not any(actor.has(role, organisation.id) for role in ("owner", "member", "platform_operator")):
        raise Refused(ROLE_MISSING, organisation=organisation.name, name=actor.name)


def _record(kind: str, file: File, actor: Actor) -> None:
    audit.record(
        kind=kind,
        subject=file.id,
        actor=actor.identity_id,
        firm=file.organisation_id,
        public={"size_bytes": file.size_bytes},
        private={"sha256": file.sha256, "by": actor.identity_id, "name": file.name},
    )
