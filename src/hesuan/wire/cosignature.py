"""Cosignatures: a witness states that a checkpoint continues every earlier one it saw.

An Ed25519 cosignature (C2SP tlog-cosignature) is a signature line of a note: eight bytes of POSIX time, then
64 bytes of Ed25519 over ``cosignature/v1``, ``time …`` and the whole text of the checkpoint. Its key carries
the type byte 0x04, so that one key used as a log's and as a witness's has two ids.

Source: https://c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hesuan.errors import InputFault, Refused, declare
from hesuan.wire.checkpoint import (
    BAD_SIGNATURE,
    KEY_ID_BYTES,
    NOT_A_NOTE,
    SignatureLine,
    is_name,
    parse_signature_line,
    split_note,
)
from hesuan.wire.encoding import from_base64, to_base64
from hesuan.wire.keys import SIGNATURE_BYTES, from_public_bytes, public_bytes

COSIGNATURE_V1 = b"\x04"
HEADER = "cosignature/v1"
TIME_BYTES = 8
MAX_TIME = 2**63 - 1

NOT_A_WITNESS_KEY = declare(
    "cosignature.not_a_key",
    en="`{text}` is not a witness's key. Expected `name+8 hex digits+base 64`, an Ed25519 key of type 0x04.",
    zh="“{text}”不是见证方公钥。应为类型 0x04 的 Ed25519 密钥“名称+8 位十六进制+base64”。",
)


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's public key under its name."""

    name: str
    public: Ed25519PublicKey

    @property
    def key_id(self) -> bytes:
        """The four bytes that name this key in a signature line."""
        content = self.name.encode() + b"\n" + COSIGNATURE_V1 + public_bytes(self.public)
        return hashlib.sha256(content).digest()[:KEY_ID_BYTES]

    def text(self) -> str:
        """The verifier key: ``name+key id+base64(0x04 || public key)``."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(COSIGNATURE_V1 + public_bytes(self.public))}"


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One witness's statement, checked."""

    key: WitnessKey
    time: int
    """POSIX seconds."""


def witness_key(name: str, private: Ed25519PrivateKey) -> WitnessKey:
    """The public half of a witness's key."""
    assert is_name(name), f"{name!r} cannot name a key"
    return WitnessKey(name, private.public_key())


def parse_witness_key(text: object) -> WitnessKey:
    """Reads a verifier key of type 0x04.

    Raises:
        InputFault: ``cosignature.not_a_key``.
    """
    parts = text.split("+", 2) if isinstance(text, str) else []
    raw = from_base64(parts[2]) if len(parts) == 3 else None
    public = from_public_bytes(raw[1:]) if raw and raw[:1] == COSIGNATURE_V1 and is_name(parts[0]) else None
    key = None if public is None else WitnessKey(parts[0], public)
    if key is None or key.key_id.hex() != parts[1]:
        raise InputFault(NOT_A_WITNESS_KEY, text=ascii(text)[:160])
    return key


def cosign(text: str, *, name: str, private: Ed25519PrivateKey, time: int) -> str:
    """The signature line, line end included, of a witness over a checkpoint's text.

    Args:
        text: The whole note text, extension lines included.
        name: The witness's name.
        private: Its key.
        time: POSIX seconds, not 0.
    """
    assert 0 < time <= MAX_TIME
    signature = time.to_bytes(TIME_BYTES, "big") + private.sign(_message(text, time))
    blob = witness_key(name, private).key_id + signature
    return f"— {name} {to_base64(blob)}\n"


def checked(text: str, lines: Iterable[SignatureLine], keys: Sequence[WitnessKey]) -> list[Cosignature]:
    """The cosignatures of known witnesses on a checkpoint's text; lines of unknown keys are ignored.

    Raises:
        Refused: ``checkpoint.bad_signature``: a line of a known key does not fit.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found = []
    for line in lines:
        key = known.get((line.name, line.key_id))
        if key is not None:
            found.append(Cosignature(key, _check(text, line, key)))
    return found


def of_note(note: str, keys: Sequence[WitnessKey]) -> list[Cosignature]:
    """:func:`checked` for a whole note.

    Raises:
        InputFault: ``checkpoint.not_a_note``.
        Refused: ``checkpoint.bad_signature``.
    """
    text, lines = split_note(note)
    return checked(text, lines, keys)


def read_lines(answer: str) -> list[SignatureLine]:
    """The signature lines that a witness answered with.

    Raises:
        InputFault: ``checkpoint.not_a_note``.
    """
    if not answer.endswith("\n"):
        raise InputFault(NOT_A_NOTE, what="the signature lines do not end with a line end")
    return [parse_signature_line(line) for line in answer[:-1].split("\n")]


def _check(text: str, line: SignatureLine, key: WitnessKey) -> int:
    time = int.from_bytes(line.signature[:TIME_BYTES], "big")
    try:
        if len(line.signature) != TIME_BYTES + SIGNATURE_BYTES or time > MAX_TIME:
            raise InvalidSignature
        key.public.verify(line.signature[TIME_BYTES:], _message(text, time))
    except InvalidSignature:
        raise Refused(BAD_SIGNATURE, name=key.name, key_id=key.key_id.hex()) from None
    return time


def _message(text: str, time: int) -> bytes:
    return f"{HEADER}\ntime {time}\n{text}".encode()
