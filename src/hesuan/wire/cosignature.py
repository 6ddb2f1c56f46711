"""Cosignatures: a witness states that a checkpoint continues every earlier one it saw.

An Ed25519 cosignature (C2SP tlog-cosignature) is a signature line of a note: eight bytes of POSIX time, then
64 bytes of Ed25519 over ``cosignature/v1``, ``time …`` and the whole text of the checkpoint. Its key carries
the type byte 0x04, so that one key used as a log's and as a witness's has two ids. An ML-DSA-44 cosignature
has the type byte 0x06 and signs a structure that names witness, time, log, size and root; it is checked where
the installed ``cryptography`` can, and elsewhere counts for nobody.

Source: https://c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.errors import HesuanError, InputFault, Refused, declare
from hesuan.wire.checkpoint import (
    BAD_SIGNATURE,
    KEY_ID_BYTES,
    NOT_A_NOTE,
    SignatureLine,
    is_name,
    parse_checkpoint,
    parse_signature_line,
    split_note,
)
from hesuan.wire.encoding import from_base64, to_base64
from hesuan.wire.keys import SIGNATURE_BYTES, from_public_bytes, public_bytes

try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
except ImportError:  # before version 47
    MLDSA44PublicKey = None  # type: ignore[assignment,misc]

COSIGNATURE_V1 = b"\x04"
ML_DSA_44 = b"\x06"
LABEL = b"subtree/v1\n\x00"
ML_DSA_KEY_BYTES, ML_DSA_SIGNATURE_BYTES = 1312, 2420
HEADER = "cosignature/v1"
TIME_BYTES = 8
MAX_TIME = 2**63 - 1
MAX_NAME_BYTES = 255

NOT_A_WITNESS_KEY = declare(
    "cosignature.not_a_key",
    en="`{text}` is not a witness's key. Expected `name+8 hex digits+base 64`, an Ed25519 key of type 0x04 or"
    " an ML-DSA-44 key of type 0x06.",
    zh="“{text}”不是见证方公钥。应为“名称+8 位十六进制+base64”，类型 0x04（Ed25519）或 0x06（ML-DSA-44）。",
)


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's public key under its name."""

    name: str
    raw: bytes
    """The public key's bytes."""
    kind: bytes = COSIGNATURE_V1
    """Its type byte."""

    @property
    def key_id(self) -> bytes:
        """The four bytes that name this key in a signature line."""
        content = self.name.encode() + b"\n" + self.kind + self.raw
        return hashlib.sha256(content).digest()[:KEY_ID_BYTES]

    def text(self) -> str:
        """The verifier key: ``name+key id+base64(type byte || public key)``."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(self.kind + self.raw)}"

    @property
    def can_be_checked(self) -> bool:
        """Whether this machine can check what the key signs."""
        return self.kind == COSIGNATURE_V1 or _ml_dsa(self.raw) is not None


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One witness's statement, checked."""

    key: WitnessKey
    time: int
    """POSIX seconds."""


def witness_key(name: str, private: Ed25519PrivateKey) -> WitnessKey:
    """The public half of a witness's key."""
    assert is_name(name), f"{name!r} cannot name a key"
    return WitnessKey(name, public_bytes(private))


def parse_witness_key(text: object) -> WitnessKey:
    """Reads a verifier key of type 0x04 or 0x06.

    Raises:
        InputFault: ``cosignature.not_a_key``.
    """
    parts = text.split("+", 2) if isinstance(text, str) else []
    raw = from_base64(parts[2]) if len(parts) == 3 else None
    key = None
    if raw and is_name(parts[0]) and _is_key(raw[:1], raw[1:]):
        key = WitnessKey(parts[0], raw[1:], raw[:1])
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

    So are those of keys that nothing here can check: they count for nobody.

    Raises:
        Refused: ``checkpoint.bad_signature``: a line of a known key does not fit.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found = []
    for line in lines:
        key = known.get((line.name, line.key_id))
        if key is not None and key.can_be_checked:
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
    signature = line.signature[TIME_BYTES:]
    try:
        if time > MAX_TIME:
            raise InvalidSignature
        if key.kind == ML_DSA_44:
            _check_ml_dsa(text, signature, key, time)
        else:
            _check_ed25519(text, signature, key, time)
    except (InvalidSignature, HesuanError):
        raise Refused(BAD_SIGNATURE, name=key.name, key_id=key.key_id.hex()) from None
    return time


def _check_ed25519(text: str, signature: bytes, key: WitnessKey, time: int) -> None:
    public = from_public_bytes(key.raw)
    if public is None or len(signature) != SIGNATURE_BYTES:
        raise InvalidSignature
    public.verify(signature, _message(text, time))


def _check_ml_dsa(text: str, signature: bytes, key: WitnessKey, time: int) -> None:
    public, names = _ml_dsa(key.raw), (key.name, parse_checkpoint(text).origin)
    lengths = [len(name.encode()) for name in names]
    if public is None or len(signature) != ML_DSA_SIGNATURE_BYTES or max(lengths) > MAX_NAME_BYTES:
        raise InvalidSignature
    public.verify(signature, cosigned_message(text, name=key.name, time=time))


def cosigned_message(text: str, *, name: str, time: int) -> bytes:
    """What an ML-DSA-44 cosignature of a checkpoint signs; extension lines are not in it.

    Raises:
        InputFault: ``checkpoint.malformed``.
    """
    made = parse_checkpoint(text)
    witness, origin = name.encode(), made.origin.encode()
    parts = [LABEL, bytes([len(witness)]), witness, time.to_bytes(TIME_BYTES, "big")]
    parts += [bytes([len(origin)]), origin, bytes(8), made.size.to_bytes(8, "big"), made.root]
    return b"".join(parts)


def _is_key(kind: bytes, raw: bytes) -> bool:
    if kind == COSIGNATURE_V1:
        return from_public_bytes(raw) is not None
    return kind == ML_DSA_44 and len(raw) == ML_DSA_KEY_BYTES


def _ml_dsa(raw: bytes) -> MLDSA44PublicKey | None:
    """The ML-DSA-44 key of some bytes; ``None`` where nothing here knows such keys."""
    try:
        return None if MLDSA44PublicKey is None else MLDSA44PublicKey.from_public_bytes(raw)
    except (UnsupportedAlgorithm, ValueError):
        return None


def _message(text: str, time: int) -> bytes:
    return f"{HEADER}\ntime {time}\n{text}".encode()
