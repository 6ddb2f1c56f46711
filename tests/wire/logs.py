"""A small programme's log, written as the hub writes one, for tests to read and to spoil."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.wire.canonical import canonical
from hesuan.wire.checkpoint import Checkpoint, log_key, sign_note
from hesuan.wire.cosignature import WitnessKey, cosign, witness_key
from hesuan.wire.folder import Writer

ORIGIN = "city.example/hesuan/chengdu-2026"
LOG_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOG_KEY = log_key(ORIGIN, LOG_PRIVATE)
AT = "2026-11-20T21:46Z"
SEEN_AT = 1_795_210_000


def entry(number: int, kind: str, **members: Any) -> bytes:
    """A version 2 leaf."""
    return canonical({"v": 2, "p": "chengdu-2026", "s": number, "k": kind, "t": AT, **members})


def leaves(count: int) -> list[bytes]:
    """A cap, one grant, then holds and captures in turn."""
    made = [entry(0, "programme", a=10**9), entry(1, "grant", a=10**8, w="f-1")]
    while len(made) < count:
        number, centre = len(made), f"centre:{len(made) // 2 % 5:02d}"
        made.append(entry(number, "hold", a=500, b="VOUCHER", c=centre, w="f-1"))
        made.append(entry(number + 1, "capture", a=400, b="VOUCHER", c=centre, w="f-1", ref=number))
    return made[:count]


def note(size: int, root: bytes, private: Ed25519PrivateKey = LOG_PRIVATE) -> str:
    """A signed checkpoint."""
    return sign_note(Checkpoint(ORIGIN, size, root).text(), name=ORIGIN, private=private)


def write(folder: Path, entries: list[bytes], *sizes: int, key: bool = True) -> str:
    """Writes a log in steps; returns the newest checkpoint."""
    published = ""
    for size in sizes or (len(entries),):
        writer = Writer(folder)
        writer.append(entries[writer.size : size])
        published = note(size, writer.root)
        writer.publish(published)
    if key:
        (folder / "key").write_text(f"{LOG_KEY.text()}\n")
    return published


def witness(number: int) -> tuple[Ed25519PrivateKey, WitnessKey]:
    """A witness's two halves."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return private, witness_key(f"witness.example/w{number}", private)


def policy(*numbers: int, quorum: str = "all") -> bytes:
    """A policy that knows the log and some witnesses."""
    lines = [f"log {LOG_KEY.text()}"]
    lines += [f"witness w{number} {witness(number)[1].text()}" for number in numbers]
    lines += [f"group g {quorum} " + " ".join(f"w{number}" for number in numbers), "quorum g"]
    return ("\n".join(lines) + "\n").encode()


def cosigned(published: str, *numbers: int, time: int = SEEN_AT) -> str:
    """A checkpoint with the lines of some witnesses."""
    text = published.rpartition("\n\n")[0] + "\n"
    lines = [
        cosign(text, name=witness(number)[1].name, private=witness(number)[0], time=time)
        for number in numbers
    ]
    return published + "".join(lines)
