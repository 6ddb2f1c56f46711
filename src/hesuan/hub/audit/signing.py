"""The log's name and key: where the private key lives, and the public key as verifiers write it."""

from __future__ import annotations

import fcntl
import os
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from hesuan.errors import InputFault
from hesuan.wire import keys
from hesuan.wire.checkpoint import LogKey, log_key, parse_log_key, split_note

PLATFORM = "platform"
"""The log of the platform itself; each programme has one of its own, named by its id."""
KEY_FILE = "log-key.pem"
"""The platform's. Each other log has one of its own, ``log-key.<log>.pem``: a policy names a key once."""


def origin(log: str = PLATFORM) -> str:
    """The origin line of a log, which is also its key's name: ``<city domain>/hesuan/<log>``."""
    platform: str = settings.ENVIRONMENT.log_origin
    return platform if log == PLATFORM else f"{platform.removesuffix(f'/{PLATFORM}')}/{log}"


def key_file(log: str = PLATFORM) -> Path:
    """Where a log's private key lies."""
    name = KEY_FILE if log == PLATFORM else f"log-key.{log}.pem"
    return Path(settings.DATA_DIR) / name


def private_key(log: str = PLATFORM) -> Ed25519PrivateKey:
    """A log's private key in the data folder, made at first use.

    Raises:
        Refused: ``keys.too_open``.
        InputFault: ``keys.not_a_private_key``.
    """
    file = key_file(log)
    try:
        found = file.stat()
    except FileNotFoundError:
        return keys.load_or_create(file)
    # By the file's own identity: another process may have put the next key in its place.
    return _load(file, found.st_ino, found.st_mtime_ns)


def public_key(log: str = PLATFORM) -> LogKey:
    """The log's public key under the log's origin."""
    return log_key(origin(log), private_key(log))


def former_file(log: str = PLATFORM) -> Path:
    """The verifier keys that signed a log before the present one, a line each, oldest first."""
    return key_file(log).with_suffix(".former")


def public_keys(log: str = PLATFORM) -> list[LogKey]:
    """Every key that ever signed a log, the present one first."""
    try:
        former = former_file(log).read_text().split()
    except FileNotFoundError:
        former = []
    return list({one.text(): one for one in [public_key(log), *map(parse_log_key, former[::-1])]}.values())


def key_of(note: str, log: str = PLATFORM) -> LogKey:
    """The key of a log that signed a checkpoint of it; the present one when none did."""
    known = public_keys(log)
    try:
        signers = {line.key_id for line in split_note(note)[1]}
    except InputFault:
        return known[0]
    return next((key for key in known if key.key_id in signers), known[0])


def mark_file(log: str = PLATFORM) -> Path:
    """How far a log's key has signed, beside the key: a backup of the database does not take it back."""
    return key_file(log).with_suffix(".signed")


def mark(log: str = PLATFORM) -> tuple[int, bytes]:
    """Size and root of the longest checkpoint this log's key is known to have signed; 0 before the first."""
    try:
        size, root = mark_file(log).read_text().split()
    except FileNotFoundError:
        return 0, b""
    return int(size), bytes.fromhex(root)


def set_mark(log: str, size: int, root: bytes) -> None:
    """Notes that a checkpoint was signed; the mark only ever grows, whoever comes first."""
    file = mark_file(log)
    with file.with_suffix(".signed-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark(log)[0] >= size:
            return
        draft = file.with_suffix(".signed-draft")
        with draft.open("w") as made:
            made.write(f"{size} {root.hex()}\n")
            made.flush()
            os.fsync(made.fileno())
        draft.replace(file)


@lru_cache(maxsize=1_000)
def _load(path: Path, inode: int, changed_ns: int) -> Ed25519PrivateKey:
    del inode, changed_ns
    return keys.load_or_create(path)
