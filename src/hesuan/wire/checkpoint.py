"""Checkpoints of a log: C2SP tlog-checkpoint inside C2SP signed-note, Ed25519.

A note is text, an empty line, and signature lines ``— name base64(key id || signature)``. A key is known by
name *and* key id; the id is the first four bytes of ``SHA-256(name || 0x0A || 0x01 || public key)``. Lines of
unknown keys are ignored, as the specification demands: witnesses will add theirs.

Sources: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hesuan.errors import InputFault, Refused, declare
from hesuan.wire.encoding import from_base64, to_base64
from hesuan.wire.keys import fingerprint, from_public_bytes, public_bytes, public_text
from hesuan.wire.merkle import HASH_BYTES

ED25519 = b"\x01"
KEY_ID_BYTES = 4
MAX_SIGNATURES = 100
MAX_NOTE_CHARACTERS = 400_000
"""An ML-DSA-44 line has some 3,300; policies of 32 witnesses are to be read."""
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_KEY_ID = re.compile(r"[0-9a-f]{8}")

NOT_A_VKEY = declare(
    "checkpoint.not_a_key",
    en="`{text}` is not a log's key. Expected `name+8 hex digits+base 64`, the digits fitting the rest.",
    zh="“{text}”不是日志公钥。应为“名称+8 位十六进制+base64”，且该 8 位与其余部分相符。",
)
NOT_A_NOTE = declare(
    "checkpoint.not_a_note",
    en="This is not a signed note: {what}.",
    zh="这不是签名文本（signed note）：{what}。",
)
NOT_A_CHECKPOINT = declare(
    "checkpoint.malformed",
    en="This is not a checkpoint: {what}.",
    zh="这不是检查点：{what}。",
)
UNSIGNED = declare(
    "checkpoint.unsigned",
    en="The note carries no signature of key {name}+{key_id}; it is signed by {signers}.",
    zh="该文本没有密钥 {name}+{key_id} 的签名；签名者为 {signers}。",
)
BAD_SIGNATURE = declare(
    "checkpoint.bad_signature",
    en="The signature of key {name}+{key_id} does not fit the note's text.",
    zh="密钥 {name}+{key_id} 的签名与文本不符。",
)


@dataclass(frozen=True, slots=True)
class LogKey:
    """A log's public key under its name."""

    name: str
    public: Ed25519PublicKey

    @property
    def key_id(self) -> bytes:
        """The four bytes that name this key in a signature line."""
        content = self.name.encode() + b"\n" + ED25519 + public_bytes(self.public)
        return hashlib.sha256(content).digest()[:KEY_ID_BYTES]

    def text(self) -> str:
        """The verifier key: ``name+key id+base64(0x01 || public key)``."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(ED25519 + public_bytes(self.public))}"


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature line of a note, not yet checked."""

    name: str
    key_id: bytes
    signature: bytes

    def text(self) -> str:
        """The line as it stands in a note, line end included."""
        return f"— {self.name} {to_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's size and root at one moment."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note text: three lines."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


def is_name(name: str) -> bool:
    """Whether a text may name a key: not empty, no Unicode space, no plus sign (signed-note, "Format")."""
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


def log_key(name: str, private: Ed25519PrivateKey) -> LogKey:
    """The public half of a log's key under the log's origin as its name."""
    assert is_name(name), f"{name!r} cannot name a key"
    return LogKey(name, private.public_key())


def log_fingerprint(text: object) -> str:
    """Short form of a log's key for comparing by eye, as :func:`hesuan.wire.keys.fingerprint` of its key.

    Raises:
        InputFault: ``checkpoint.not_a_key``.
    """
    return fingerprint(public_text(parse_log_key(text).public))


def parse_log_key(text: object) -> LogKey:
    """Reads a verifier key.

    Raises:
        InputFault: ``checkpoint.not_a_key``.
    """
    parts = text.split("+", 2) if isinstance(text, str) else []
    raw = from_base64(parts[2]) if len(parts) == 3 else None
    public = from_public_bytes(raw[1:]) if raw and raw[:1] == ED25519 and is_name(parts[0]) else None
    if public is None:
        raise InputFault(NOT_A_VKEY, text=ascii(text)[:160])
    key = LogKey(parts[0], public)
    if not _KEY_ID.fullmatch(parts[1]) or key.key_id.hex() != parts[1]:
        raise InputFault(NOT_A_VKEY, text=ascii(text)[:160])
    return key


def sign_note(text: str, *, name: str, private: Ed25519PrivateKey) -> str:
    """The signed note: the text, an empty line, one signature line."""
    assert text.endswith("\n") and not _has_control(text)
    blob = log_key(name, private).key_id + private.sign(text.encode())
    return f"{text}\n— {name} {to_base64(blob)}\n"


def split_note(note: str) -> tuple[str, list[SignatureLine]]:
    """Text and signature lines of a note, unchecked.

    Raises:
        InputFault: ``checkpoint.not_a_note``.
    """
    if len(note) > MAX_NOTE_CHARACTERS or _has_control(note):
        raise InputFault(NOT_A_NOTE, what="it is too long or has control characters")
    head, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise InputFault(NOT_A_NOTE, what="no empty line before the signatures, or no line end after them")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise InputFault(NOT_A_NOTE, what=f"{len(lines)} signatures, more than {MAX_SIGNATURES}")
    return head + "\n", [parse_signature_line(line) for line in lines]


def open_note(note: str, key: LogKey) -> str:
    """The text of a note, once the key's signature on it was checked.

    Raises:
        InputFault: ``checkpoint.not_a_note``.
        Refused: ``checkpoint.unsigned``, ``checkpoint.bad_signature``.
    """
    text, lines = split_note(note)
    known = [line for line in lines if (line.name, line.key_id) == (key.name, key.key_id)]
    if not known:
        signers = ", ".join(f"{line.name}+{line.key_id.hex()}" for line in lines)
        raise Refused(UNSIGNED, name=key.name, key_id=key.key_id.hex(), signers=signers)
    for line in known:
        try:
            key.public.verify(line.signature, text.encode())
        except InvalidSignature:
            raise Refused(BAD_SIGNATURE, name=key.name, key_id=key.key_id.hex()) from None
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Reads the text of an opened note; extension lines are let pass, as the specification says.

    Raises:
        InputFault: ``checkpoint.malformed``.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise InputFault(NOT_A_CHECKPOINT, what="origin, size and root are three lines, none of them empty")
    origin, size, root = lines[:3]
    if not _SIZE.fullmatch(size):
        raise InputFault(NOT_A_CHECKPOINT, what="the size is not a whole number without leading zeros")
    raw = from_base64(root)
    if raw is None or len(raw) != HASH_BYTES:
        raise InputFault(NOT_A_CHECKPOINT, what="the root is not the base 64 of 32 bytes")
    return Checkpoint(origin, int(size), raw)


def parse_signature_line(line: str) -> SignatureLine:
    """Reads one signature line without its line end.

    Raises:
        InputFault: ``checkpoint.not_a_note``.
    """
    mark, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    blob = from_base64(encoded)
    if mark != "—" or not is_name(name) or blob is None or len(blob) <= KEY_ID_BYTES:
        raise InputFault(NOT_A_NOTE, what=f"a signature line reads {ascii(line)[:120]}")
    return SignatureLine(name, blob[:KEY_ID_BYTES], blob[KEY_ID_BYTES:])


def _has_control(text: str) -> bool:
    return any(character < " " and character != "\n" for character in text)
