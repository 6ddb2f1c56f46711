"""Where files' bytes lie: the data folder's ``files``, a folder for each organisation, mode 0600.

::

    files/ORGANISATION/unfinished/FILE_ID     what has come of a file so far
    files/ORGANISATION/ab/abcdef…             a complete file under its SHA-256

Two organisations that send the same bytes keep them twice: whether somebody else has a file is nobody's to
find out. A complete file appears by one rename. What the row says of an unfinished file is never more than
what is on disk: the piece is there, and synced, before the row counts it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from django.conf import settings

FOLDER = "files"
_HEX = set("0123456789abcdef")


def folder() -> Path:
    """The folder of all files; nothing in it is ever served by its address."""
    return Path(settings.DATA_DIR) / FOLDER


def received(organisation_id: str, file_id: str) -> int:
    """How much of an unfinished file is on disk [byte]."""
    try:
        return _unfinished(organisation_id, file_id).stat().st_size
    except FileNotFoundError:
        return 0


def write(organisation_id: str, file_id: str, offset: int, content: bytes) -> None:
    """Writes a piece of an unfinished file at its place, and cuts off whatever stood behind it."""
    place = _unfinished(organisation_id, file_id)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.seek(offset)
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def digest(organisation_id: str, file_id: str) -> str:
    """The SHA-256 of an unfinished file's bytes; of none where there is no such file."""
    try:
        with _unfinished(organisation_id, file_id).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return hashlib.sha256().hexdigest()


def keep(organisation_id: str, file_id: str, sha256: str) -> None:
    """Makes an unfinished file a complete one; the same content again takes the place of the first."""
    place = content(organisation_id, sha256)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _unfinished(organisation_id, file_id).replace(place)
    for changed in (place.parent, place.parent.parent):
        _sync(changed)


def drop_unfinished(organisation_id: str, file_id: str) -> None:
    """Removes what has come of a file; twice is once."""
    _unfinished(organisation_id, file_id).unlink(missing_ok=True)


def drop(organisation_id: str, sha256: str) -> None:
    """Removes a complete file; twice is once."""
    content(organisation_id, sha256).unlink(missing_ok=True)


def content(organisation_id: str, sha256: str) -> Path:
    """Where a complete file of an organisation lies."""
    assert len(sha256) == 64 and set(sha256) <= _HEX, "a name is a hash, never a person's"
    return _own(organisation_id) / sha256[:2] / sha256


def piece(organisation_id: str, sha256: str, offset: int, limit: int) -> bytes | None:
    """At most so many bytes of a complete file from an offset; ``None`` where the file is missing."""
    try:
        with content(organisation_id, sha256).open("rb") as file:
            return os.pread(file.fileno(), limit, offset)
    except FileNotFoundError:
        return None


def _unfinished(organisation_id: str, file_id: str) -> Path:
    assert file_id.isalnum(), "a name is an id, never a person's"
    return _own(organisation_id) / "unfinished" / file_id


def _own(organisation_id: str) -> Path:
    assert organisation_id.isalnum(), "a name is an id, never a person's"
    return folder() / organisation_id


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
