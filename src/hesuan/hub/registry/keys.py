"""The registry's key: equal addresses and accounts get equal hashes, and nobody can guess them backwards.

A telephone number has few possible values, so a plain hash would be a table away from the number; without the
key (``registry-key`` in the data folder, mode 0600) the hashes say only what is equal to what.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from functools import cache
from pathlib import Path

from django.conf import settings

from hesuan.errors import Refused
from hesuan.hub.registry import errors

KEY_FILE = "registry-key"
_KEY = re.compile(r"[0-9a-f]{64}")


def normal(kind: str, text: str) -> str:
    """A value as it is compared: without blanks, signs and width; telephones without the country's 86."""
    plain = unicodedata.normalize("NFKC", text).upper()
    if kind not in ("phone", "bank_account"):
        return "".join(letter for letter in plain if letter.isalnum())
    digits = "".join(letter for letter in plain if letter.isdecimal())
    if kind == "phone" and len(digits) > 11:
        digits = re.sub(r"^(00)?86", "", digits)
    return digits


def keyed(family: str, value: str) -> str:
    """HMAC-SHA256 of a normal value; the same value in two families gives two hashes.

    Raises:
        Refused: ``registry.key_unusable``.
    """
    key = _load(Path(settings.DATA_DIR) / KEY_FILE)
    return hmac.new(key, f"{family}\n{value}".encode(), hashlib.sha256).hexdigest()


@cache
def _load(path: Path) -> bytes:
    if not path.exists():
        _create(path)
    text = path.read_text().strip()
    if not _KEY.fullmatch(text) or path.stat().st_mode & 0o077:
        raise Refused(errors.KEY_UNUSABLE, path=str(path))
    return bytes.fromhex(text)


def _create(path: Path) -> None:
    """Two processes that start together end with the same key: the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(mine, path)
    mine.unlink()
