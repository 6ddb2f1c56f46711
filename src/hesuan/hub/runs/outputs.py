"""The files a run has left: the site's list taken in once, the files' bytes piece by piece, up to a bound.

The list is believed because its digest is the one in the signed usage record; a file is shown as here only
when all of its bytes have come and hash to what the list says. Bytes lie in the data folder's ``outputs``, by
run and number, never under a name that a job has given. The hub says how far it has come, so that an agent
that was killed, or cut off, goes on from there.

Nothing here holds up a run: its end, usage and receipt are messages of their own and wait for no file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from hesuan.errors import Conflict, InputFault, NotFound, Refused, declare
from hesuan.hub.runs.models import Run, RunOutput, RunOutputFile
from hesuan.hub.runs.selectors import NO_RUN
from hesuan.hub.runs.services import locked_run
from hesuan.wire.ids import is_id
from hesuan.wire.outputs import NO_FILE, Listed, escapes, is_nameable, list_digest, travelling

FOLDER = "outputs"
_WITHHELD = RunOutput.Withheld
_LEFT_OUT = RunOutputFile.LeftOut

DIGEST_DIFFERS = declare(
    "run.output_digest_differs",
    en="The list of files has digest {found}; the usage record of run {run} names {wanted}. Nothing was"
    " taken.",
    zh="文件清单的摘要为 {found}，而运行 {run} 的用量记录为 {wanted}。未接收任何文件。",
)
PATH_ESCAPES = declare(
    "run.output_path_escapes",
    en="`{path}` is no path within an output folder. Nothing was taken.",
    zh="“{path}”不是输出目录内的路径。未接收任何文件。",
)
NOT_AWAITED = declare(
    "run.output_not_awaited",
    en="File {number} of run {run} is not awaited: the list has no such file, or it was left out of it.",
    zh="平台不接收运行 {run} 的第 {number} 号文件：清单中没有该文件，或已被略去。",
)
TOO_LONG = declare(
    "run.output_too_long",
    en="With this piece `{path}` would have {found} bytes; the list says {wanted}.",
    zh="加上此段，“{path}”将有 {found} 字节；清单为 {wanted} 字节。",
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a site says of a run's output folder. ``listed`` is empty where ``withheld`` says why."""

    run_id: str
    bound_bytes: int
    files_count: int
    total_bytes: int
    withheld: str
    listed: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Stand:
    """How far the hub has come with one file that it waits for, or waited for."""

    number: int
    offset: int
    complete: bool
    left_out: str = ""


def announce(*, agent_id: str, told: Told, output_digest: str) -> list[Stand]:
    """Takes in a site's list, once, and returns what is awaited now; told again, only the latter.

    Args:
        agent_id: Who tells.
        told: The list.
        output_digest: What the run's usage record says.

    Raises:
        NotFound: ``run.not_found``, for another agent's run too.
        InputFault: ``run.output_path_escapes``.
        Conflict: ``run.output_digest_differs``.
    """
    with transaction.atomic():
        run = _own_run(agent_id, told.run_id)
        if not RunOutput.objects.filter(run=run).exists():
            _need_the_usages_list(told, output_digest)
            _keep(run, told)
    for file in run.output_files.filter(left_out="", completed_at=None):
        if file.received_bytes == file.size_bytes:  # empty, or the hub ended before it had looked
            _finish(file)
    awaited = run.output_files.filter(left_out="", completed_at=None)
    return [Stand(file.number, file.received_bytes, complete=False) for file in awaited]


def append(*, agent_id: str, run_id: str, number: int, offset: int, data: bytes) -> Stand:
    """Takes in a piece where the file ends so far; one from another place changes nothing.

    A piece without bytes says that the file is no longer as it was listed.

    Raises:
        NotFound: ``run.not_found``, ``run.output_not_awaited``.
        InputFault: ``run.output_too_long``.
    """
    with transaction.atomic():
        run = _own_run(agent_id, run_id)
        file = run.output_files.filter(number=number, left_out__in=("", _LEFT_OUT.CHANGED)).first()
        if file is None:
            raise NotFound(NOT_AWAITED, number=number, run=run.id)
        if file.completed_at or file.left_out or offset != file.received_bytes:
            return _stand(file)
        if offset + len(data) > file.size_bytes:
            found, wanted = offset + len(data), file.size_bytes
            raise InputFault(TOO_LONG, where="data", path=file.path, found=found, wanted=wanted)
        if data:
            _write(place(run.id, number), offset, data)
            file.received_bytes += len(data)
        else:
            file.left_out = _LEFT_OUT.CHANGED
        file.save(update_fields=["received_bytes", "left_out"])
    if not file.left_out and file.received_bytes == file.size_bytes:
        _finish(file)
    return _stand(file)


def place(run_id: str, number: int) -> Path:
    """Where a file's bytes lie."""
    assert is_id(run_id), "a folder is a run's id, never a person's word"
    return Path(settings.DATA_DIR) / FOLDER / run_id / str(number)


def _own_run(agent_id: str, run_id: str) -> Run:
    try:
        return locked_run(agent_id=agent_id, run_id=run_id)
    except Refused:
        raise NotFound(NO_RUN, run=run_id) from None


def _need_the_usages_list(told: Told, output_digest: str) -> None:
    if told.withheld:
        return
    for number, one in enumerate(told.listed):
        if escapes(one.path):
            raise InputFault(PATH_ESCAPES, where=f"files.{number}.path", path=ascii(one.path)[1:-1][:200])
    if (found := list_digest(told.listed)) != output_digest:
        raise Conflict(DIGEST_DIFFERS, found=found, wanted=output_digest or "–", run=told.run_id)


def _keep(run: Run, told: Told) -> None:
    most = settings.RUN_OUTPUT_BYTES
    RunOutput.objects.create(
        run=run,
        files_count=told.files_count if told.withheld else len(told.listed),
        total_bytes=told.total_bytes if told.withheld else sum(one.bytes for one in told.listed),
        site_bound_bytes=told.bound_bytes,
        hub_bound_bytes=most,
        withheld=told.withheld,
        told_at=timezone.now(),
    )
    RunOutputFile.objects.bulk_create(
        RunOutputFile(
            run=run, number=number, path=one.path, size_bytes=one.bytes, sha256=one.sha256, left_out=left_out
        )
        for (number, one), left_out in zip(
            enumerate(told.listed), _left_out(told.listed, told.bound_bytes, most), strict=True
        )
    )


def _left_out(listed: Sequence[Listed], site_bytes: int, hub_bytes: int) -> list[str]:
    """Why each file does not travel; empty where it does. Of two files with one name the second does not."""
    by_site, by_both = (travelling(listed, bound) for bound in (site_bytes, min(site_bytes, hub_bytes)))
    first = {one.path: number for number, one in reversed(list(enumerate(listed)))}
    found: list[str] = []
    for number, one in enumerate(listed):
        if one.sha256 in NO_FILE:
            found.append(_LEFT_OUT.KIND)
        elif not is_nameable(one.path) or first[one.path] != number:
            found.append(_LEFT_OUT.NAME)
        elif number not in by_site:
            found.append(_LEFT_OUT.SITE)
        else:
            found.append("" if number in by_both else _LEFT_OUT.HUB)
    return found


def _write(path: Path, offset: int, data: bytes) -> None:
    """On disk before the row says so; bytes of before a crash are written over."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.seek(offset)
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _finish(file: RunOutputFile) -> None:
    """Looks whether a file that is all here is the one of the list; in no transaction, for it may be long."""
    right = _sha256(place(file.run_id, file.number), file.size_bytes) == file.sha256
    if right:
        file.completed_at = timezone.now()
    else:
        file.left_out = _LEFT_OUT.CHANGED
    open_row = RunOutputFile.objects.filter(pk=file.pk, left_out="", completed_at=None)
    open_row.update(completed_at=file.completed_at, left_out=file.left_out)
    if not right:
        place(file.run_id, file.number).unlink(missing_ok=True)


def _sha256(path: Path, size_bytes: int) -> str:
    if not size_bytes:
        return hashlib.sha256(b"").hexdigest()
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _stand(file: RunOutputFile) -> Stand:
    return Stand(file.number, file.received_bytes, file.completed_at is not None, file.left_out)
