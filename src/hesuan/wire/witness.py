"""A witness: cosigns the checkpoints of logs it knows, each only as a continuation of the one before.

C2SP tlog-witness. Everything stands in two functions: :meth:`Witness.add_checkpoint` answers a request, and
:meth:`Store.locked` makes "is this the next one?" and "then it is the latest" one step. Without it two
requests could both be checked against the same old size, and the later writer would roll the record back.

Source: https://c2sp.org/tlog-witness.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.errors import HesuanError, InputFault, Refused
from hesuan.wire.checkpoint import (
    Checkpoint,
    LogKey,
    SignatureLine,
    open_note,
    parse_checkpoint,
    split_note,
)
from hesuan.wire.cosignature import cosign
from hesuan.wire.encoding import from_base64, to_base64
from hesuan.wire.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency

MAX_BODY_BYTES = 131_072
MAX_PROOF_LINES = 63
TEXT = "text/plain; charset=utf-8"
SIZE_TYPE = "text/x.tlog.size"
_OLD = re.compile("old (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with."""

    status: int
    body: str
    content_type: str = TEXT


@dataclass(frozen=True, slots=True)
class Request:
    """The three parts of an ``add-checkpoint`` body, read and not yet believed."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """The body as it is sent."""
        return "\n".join([f"old {self.old}", *map(to_base64, self.proof), "", self.note])


def parse_request(body: bytes) -> Request | None:
    """Reads an ``add-checkpoint`` body; ``None`` for what is none."""
    try:
        head, gap, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        return None
    first, *lines = head.split("\n")
    old, proof = _OLD.fullmatch(first), [from_base64(line) for line in lines]
    sound = [one for one in proof if one is not None and len(one) == HASH_BYTES]
    if not gap or old is None or len(proof) > MAX_PROOF_LINES or len(sound) != len(proof):
        return None
    return Request(int(old[1]), tuple(sound), note)


class Store:
    """The latest checkpoint of each log, as files: ``<SHA-256 of the origin>/checkpoint``.

    The file is the signed note with this witness's cosignature, ready to be served to monitors.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    @contextmanager
    def locked(self, origin: str) -> Iterator[None]:
        """Lets in one at a time for each log, among threads and among processes."""
        folder = self._folder(origin)
        folder.mkdir(parents=True, exist_ok=True)
        with self._guard:
            lock = self._locks.setdefault(origin, threading.Lock())
        with lock, (folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self, origin: str) -> str | None:
        """The latest cosigned note of a log."""
        return self.read_by_hash(origin_hash(origin))

    def read_by_hash(self, name: str) -> str | None:
        """The same by the hash of the origin, as monitors ask for it."""
        try:
            return (self.folder / name / "checkpoint").read_text()
        except FileNotFoundError:
            return None

    def write(self, origin: str, note: str) -> None:
        """Replaces the latest note; it is on the disk when this returns."""
        folder = self._folder(origin)
        draft = folder / ".checkpoint.new"
        with draft.open("w") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / "checkpoint")
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _folder(self, origin: str) -> Path:
        return self.folder / origin_hash(origin)


class Witness:
    """One witness: its name, its key, the logs it knows, and what it has seen of them."""

    def __init__(
        self,
        *,
        name: str,
        private: Ed25519PrivateKey,
        logs: Sequence[LogKey],
        store: Store,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._private = private
        self._logs: dict[str, list[LogKey]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        self._store = store
        self._clock = clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answers one ``add-checkpoint`` request; the statuses are the specification's, in its order."""
        request = parse_request(body)
        if request is None:
            return Answer(400, "the body is not an old size, a proof, an empty line and a checkpoint\n")
        try:
            text, lines = split_note(request.note)
            checkpoint = parse_checkpoint(text)
        except InputFault as fault:
            return Answer(400, f"{fault}\n")
        if checkpoint.origin not in self._logs:
            return Answer(404, "this witness does not know the log of that origin\n")
        if not self._is_signed(checkpoint.origin, request.note, lines):
            return Answer(403, "no signature of a known key of this log holds\n")
        if request.old > checkpoint.size:
            return Answer(400, "the old size is above the checkpoint's\n")
        with self._store.locked(checkpoint.origin):
            return self._decide(request, checkpoint, text, lines)

    def checkpoint(self, name: str) -> Answer:
        """Answers a monitor: the latest cosigned checkpoint of the log whose origin has that SHA-256."""
        note = self._store.read_by_hash(name) if re.fullmatch("[0-9a-f]{64}", name) else None
        return Answer(404, "nothing cosigned for that log\n") if note is None else Answer(200, note)

    def latest(self, origin: str) -> Checkpoint | None:
        """The latest checkpoint cosigned for a log."""
        note = self._store.read(origin)
        return None if note is None else parse_checkpoint(split_note(note)[0])

    def _decide(self, request: Request, new: Checkpoint, text: str, lines: Sequence[SignatureLine]) -> Answer:
        latest = self.latest(new.origin) or Checkpoint(new.origin, 0, EMPTY_ROOT)
        if request.old != latest.size:
            return Answer(409, f"{latest.size}\n", SIZE_TYPE)
        if new.size == 0 and new.root != EMPTY_ROOT:
            return Answer(422, "an empty log has the root of the empty tree\n")
        consistent = verify_consistency(
            first=latest.size,
            second=new.size,
            first_root=latest.root,
            second_root=new.root,
            path=request.proof,
        )
        if not consistent:
            return Answer(422, "the checkpoint does not continue the one cosigned before\n")
        line = cosign(text, name=self.name, private=self._private, time=int(self._clock()))
        self._store.write(new.origin, f"{text}\n{self._own_lines(new.origin, lines)}{line}")
        return Answer(200, line)

    def _is_signed(self, origin: str, note: str, lines: Sequence[SignatureLine]) -> bool:
        """Whether a known key of the log signed, and none of its lines fails."""
        named = {(line.name, line.key_id) for line in lines}
        signers = [key for key in self._logs[origin] if (key.name, key.key_id) in named]
        try:
            return bool([open_note(note, key) for key in signers])
        except Refused:
            return False

    def _own_lines(self, origin: str, lines: Sequence[SignatureLine]) -> str:
        known = {(key.name, key.key_id) for key in self._logs[origin]}
        return "".join(line.text() for line in lines if (line.name, line.key_id) in known)


def origin_hash(origin: str) -> str:
    """The name under which a witness keeps a log."""
    return hashlib.sha256(origin.encode()).hexdigest()


def claims_to_be_of(note: str, origin: str) -> Checkpoint | None:
    """The checkpoint of a note that names a log, its signature not checked; ``None`` for any other."""
    try:
        found = parse_checkpoint(split_note(note)[0])
    except HesuanError:
        return None
    return found if found.origin == origin else None


def is_checkpoint_of(note: str, key: LogKey) -> Checkpoint | None:
    """The checkpoint of a note signed by a log's key under its own origin; ``None`` for any other."""
    try:
        found = parse_checkpoint(open_note(note, key))
    except HesuanError:
        return None
    return found if found.origin == key.name else None
