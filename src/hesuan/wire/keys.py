"""Ed25519 keys (RFC 8032): made, kept on disk, written as text; signatures over canonical values.

What is signed is ``domain || 0x0A || canonical JSON``. The domain names the purpose, so that a signature
given for one kind of document can never be shown as a signature of another.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from hesuan.errors import InputFault, Refused, declare
from hesuan.wire.canonical import canonical
from hesuan.wire.encoding import from_base64, to_base64

SCHEME = "ed25519:"
KEY_BYTES = 32
SIGNATURE_BYTES = 64
_PRIME = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
"""The y coordinate of a point of order 8; the other one is its negative."""
_SMALL_ORDER = frozenset({0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8})
"""The y coordinates of the points of order 1, 2, 4 and 8."""

NOT_A_PUBLIC_KEY = declare(
    "keys.not_a_public_key",
    en="`{text}` is not a public key. Expected `ed25519:` and the base 64 of the 32 bytes of an Ed25519 key.",
    zh="“{text}”不是公钥。应为 `ed25519:` 加 32 字节 Ed25519 公钥的 base64。",
)
NOT_A_PRIVATE_KEY = declare(
    "keys.not_a_private_key",
    en="The file holds no Ed25519 private key. Restore it from a backup; a new key is a new identity.",
    zh="该文件不含 Ed25519 私钥。请从备份恢复；换新密钥即换新身份。",
)
TOO_OPEN = declare(
    "keys.too_open",
    en="The private key is readable by others (mode {mode}; 600 wanted). Run: chmod 600 {path}",
    zh="私钥可被他人读取（权限 {mode}，应为 600）。请执行：chmod 600 {path}",
)


def generate() -> Ed25519PrivateKey:
    """A fresh private key."""
    return Ed25519PrivateKey.generate()


def load_or_create(path: Path) -> Ed25519PrivateKey:
    """The private key kept at a path (PEM, PKCS 8, mode 0600), made at first use.

    Two processes that start together end with the same key: the file appears whole or not at all.

    Raises:
        InputFault: ``keys.not_a_private_key``.
        Refused: ``keys.too_open``.
    """
    if not path.exists():
        _create(path)
    return load(path)


def load(path: Path) -> Ed25519PrivateKey:
    """Reads a private key; refuses one that others may read.

    Raises:
        InputFault: ``keys.not_a_private_key``.
        Refused: ``keys.too_open``.
        OSError: the file cannot be read.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Refused(TOO_OPEN, where=str(path), mode=f"{mode:o}", path=path)
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputFault(NOT_A_PRIVATE_KEY, where=str(path)) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise InputFault(NOT_A_PRIVATE_KEY, where=str(path))
    return private


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key stands
            os.link(draft, path)
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def public_bytes(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes_raw()


def public_text(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    """``ed25519:`` and the base 64 of the public key's 32 bytes."""
    return SCHEME + to_base64(public_bytes(key))


def parse_public(text: object) -> Ed25519PublicKey:
    """Reads the text form of a public key.

    Raises:
        InputFault: ``keys.not_a_public_key``.
    """
    raw = (
        from_base64(text.removeprefix(SCHEME)) if isinstance(text, str) and text.startswith(SCHEME) else None
    )
    public = None if raw is None else from_public_bytes(raw)
    if public is None:
        raise InputFault(NOT_A_PUBLIC_KEY, text=ascii(text)[:80])
    return public


def from_public_bytes(raw: bytes) -> Ed25519PublicKey | None:
    """The public key of 32 bytes; ``None`` for anything that no honest key generation yields.

    A key of small order "verifies" signatures that nobody made: whoever registers one could later deny
    everything it signed. A coordinate beyond the field's prime is a second spelling of another key.
    """
    if len(raw) != KEY_BYTES:
        return None
    coordinate = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if coordinate >= _PRIME or coordinate in _SMALL_ORDER:
        return None
    return Ed25519PublicKey.from_public_bytes(raw)


def key_id(text: str) -> str:
    """The first 16 bytes of the SHA-256 of a public key, in hexadecimal: short enough to compare by eye.

    Raises:
        InputFault: ``keys.not_a_public_key``.
    """
    return hashlib.sha256(public_bytes(parse_public(text))).hexdigest()[:32]


def fingerprint(text: str) -> str:
    """:func:`key_id` in groups of four, to be read aloud and compared.

    Raises:
        InputFault: ``keys.not_a_public_key``.
    """
    digits = key_id(text)
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def sign(private: Ed25519PrivateKey, *, domain: str, value: object) -> str:
    """Signs a value for one purpose; base 64 of the 64 bytes.

    Raises:
        InputFault: ``wire.not_canonical``.
    """
    return to_base64(private.sign(_signed_bytes(domain, value)))


def verify(text: str, *, domain: str, value: object, signature: object) -> bool:
    """Whether a signature over a value is that key's. A malformed key or signature is simply not a signature.

    Raises:
        InputFault: ``wire.not_canonical``, when the value itself could not have been signed.
    """
    signed = _signed_bytes(domain, value)
    raw = from_base64(signature)
    if raw is None or len(raw) != SIGNATURE_BYTES:
        return False
    try:
        parse_public(text).verify(raw, signed)
    except (InvalidSignature, InputFault):
        return False
    return True


def _signed_bytes(domain: str, value: object) -> bytes:
    assert domain and "\n" not in domain
    return domain.encode() + b"\n" + canonical(value)
