"""What somebody does with input files on a page: send one, remove one.

A page sends a file in one go, held in memory like every form's; what is larger goes by ``hesuan file add`` or
the API, piece by piece.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from hesuan.errors import InputFault, declare
from hesuan.hub.console.deeds import Deed
from hesuan.hub.console.entryform import Input
from hesuan.hub.files import selectors, services
from hesuan.hub.files.models import File
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import is_id, new_id

NO_FILE = declare(
    "console.no_file_chosen",
    en="No file was chosen. Choose one and send it again.",
    zh="未选择文件。请选择后重新提交。",
)
TOO_LARGE = declare(
    "console.file_too_large",
    en="A page takes files of up to {limit_bytes} bytes, and this one is larger. `hesuan file add {name}`"
    " sends up to {hub_bytes} bytes, and goes on where it was cut off.",
    zh="页面最多接收 {limit_bytes} 字节的文件，此文件更大。"
    "`hesuan file add {name}` 最多可上传 {hub_bytes} 字节，中断后可续传。",
)
FINAL = ("remove",)


def most_bytes() -> int:
    """The largest file that a page takes [byte]."""
    return int(min(settings.UPLOAD_MAX_BYTES, settings.FILE_BYTES))


def send_deed(senders: Sequence[Organisation]) -> Deed:
    """Sending a file for one of the organisations that one sends for."""
    whose = Input("organisation", _("For"), "choice", options=tuple((one.id, one.name) for one in senders))
    chosen = Input("file", _("File"), "any_file")
    inputs = (whose, chosen) if len(senders) > 1 else (chosen,)
    return Deed("add", _("Send a file"), inputs=inputs, id=new_id())


def remove_deed(row: File) -> Deed:
    """Removing one file."""
    says = _("Its content is deleted. Runs that have ended keep its name, size and digest.")
    return Deed("remove", _("Remove"), says=says, inputs=(), final=True, on=row.id)


def add(
    actor: Actor, sent: Mapping[str, str], chosen: UploadedFile[bytes] | None, senders: Sequence[Organisation]
) -> None:
    """Takes a whole file; the same form again is the same file.

    Raises:
        InputFault: ``console.no_file_chosen``, ``console.file_too_large``; as the files room's ``begin``.
        Refused, NotFound, Conflict: as the files room's ``begin`` and ``append``.
    """
    if chosen is None:
        raise InputFault(NO_FILE, where="file")
    content, name, wanted = chosen.read(), chosen.name or "", sent.get("id", "")
    if len(content) > (most := most_bytes()):
        hub = settings.FILE_BYTES
        raise InputFault(TOO_LARGE, where="file", name=name, limit_bytes=most, hub_bytes=hub)
    file = services.begin(
        actor=actor,
        organisation_id=sent.get("organisation") or (senders[0].id if senders else ""),
        name=name,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        file_id=wanted if is_id(wanted) else None,
    )
    while file.completed_at is None:
        begins = selectors.stands(file)
        piece = content[begins : begins + selectors.MOST_PIECE_BYTES]
        file = services.append(actor=actor, file_id=file.id, offset=begins, content=piece)
