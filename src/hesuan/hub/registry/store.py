"""Where documents' bytes lie: the data folder's ``documents``, each file under its own SHA-256, mode 0600.

A file appears whole or not at all, and what is read must still hash to its name. Bytes whose row was rolled
back stay behind and harm nobody: the same content sent again finds them.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings

FOLDER = "documents"


def folder() -> Path:
    """The folder of all documents; nothing in it is ever served by its address."""
    return Path(settings.DATA_DIR) / FOLDER


def keep(content: bytes) -> str:
    """Keeps bytes and returns their SHA-256; the same bytes again are kept once."""
    sha256 = hashlib.sha256(content).hexdigest()
    place = _place(sha256)
    if read(sha256) is not None:
        return sha256
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, unfinished = tempfile.mkstemp(dir=place.parent, prefix="unfinished-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(place)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    return sha256


def read(sha256: str) -> bytes | None:
    """The bytes of a hash; ``None`` where they are missing or are no longer those bytes."""
    try:
        content = _place(sha256).read_bytes()
    except FileNotFoundError:
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


def _place(sha256: str) -> Path:
    assert len(sha256) == 64 and set(sha256) <= set("0123456789abcdef"), "a name is a hash, never a person's"
    return folder() / sha256[:2] / sha256
