"""Trust policies: which logs, which witnesses, and how many of them must have cosigned (C2SP tlog-policy).

::

    log city.example/hesuan/platform+d93c6c57+AQ… https://city.example/hesuan/platform/
    witness bureau witness.audit.example+1f2e3d4c+BA… https://witness.audit.example/
    witness uni    witness.uni.example+5a6b7c8d+BA…
    group outside 2 bureau uni
    quorum outside

Source: https://c2sp.org/tlog-policy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from hesuan.errors import InputFault, declare
from hesuan.wire.checkpoint import LogKey, SignatureLine, parse_log_key
from hesuan.wire.cosignature import Cosignature, WitnessKey, parse_witness_key
from hesuan.wire.keys import public_bytes

NONE = "none"
Key = TypeVar("Key")
MAX_BYTES = 262_144
_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_DECIMAL = re.compile("[1-9][0-9]{0,5}")

NOT_A_POLICY = declare(
    "policy_file.malformed",
    en="The trust policy does not hold: {what}.",
    zh="信任策略不成立：{what}。",
)


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log one is willing to accept."""

    key: LogKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class KnownWitness:
    """A witness under the name that the policy gives it."""

    name: str
    key: WitnessKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """``need`` of ``members`` must have witnessed."""

    need: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy file."""

    logs: tuple[KnownLog, ...] = ()
    witnesses: tuple[KnownWitness, ...] = ()
    groups: Mapping[str, Group] = field(default_factory=dict)
    quorum: str = NONE

    def log(self, origin: str) -> KnownLog | None:
        """The log with an origin line, if it is known."""
        return next((log for log in self.logs if log.key.name == origin), None)

    def log_that_signed(self, origin: str, signers: Iterable[SignatureLine]) -> KnownLog | None:
        """The log with an origin line: under the key that signed, where several are known, else the first."""
        key = key_that_signed([log.key for log in self.logs], origin, signers)
        return next((log for log in self.logs if log.key is key), None)

    @property
    def witness_keys(self) -> list[WitnessKey]:
        """Keys of all witnesses."""
        return [witness.key for witness in self.witnesses]

    def satisfied(self, cosignatures: Iterable[Cosignature]) -> bool:
        """Whether those who cosigned make the quorum."""
        signed = {one.key.raw for one in cosignatures}
        saw = {one.name for one in self.witnesses if one.key.raw in signed}
        return self.quorum == NONE or self._saw(self.quorum, saw)

    @property
    def fewest(self) -> int:
        """How many witnesses can make the quorum, at the least."""
        return 0 if self.quorum == NONE else self._fewest(self.quorum)

    def _fewest(self, name: str) -> int:
        group = self.groups.get(name)
        return 1 if group is None else sum(sorted(map(self._fewest, group.members))[: group.need])

    def _saw(self, name: str, saw: set[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in saw
        return sum(self._saw(member, saw) for member in group.members) >= group.need


def key_that_signed(keys: Iterable[LogKey], origin: str, signers: Iterable[SignatureLine]) -> LogKey | None:
    """Of the keys under an origin line: the one that signed, else the first; ``None`` where there is none."""
    ids = {line.key_id for line in signers}
    known = [key for key in keys if key.name == origin]
    return next((key for key in known if key.key_id in ids), known[0] if known else None)


def parse_policy(data: bytes) -> Policy:
    """Reads a policy file.

    Raises:
        InputFault: ``policy_file.malformed``, ``checkpoint.not_a_key``, ``cosignature.not_a_key``; ``where``
            is ``line N``.
    """
    if len(data) > MAX_BYTES:
        raise InputFault(NOT_A_POLICY, what=f"{len(data)} bytes, more than {MAX_BYTES}")
    forbidden = _FORBIDDEN.search(data)
    if forbidden:
        line = data.count(b"\n", 0, forbidden.start()) + 1
        raise _fault(line, f"the byte 0x{forbidden[0].hex()} is not allowed")
    if data and not data.endswith(b"\n"):
        raise _fault(data.count(b"\n") + 1, "the last line has no line end")
    reader = _Reader()
    # Octets above 0x7F are opaque: latin-1 keeps each as it is, and nothing is normalised.
    for number, text in enumerate(data.decode("latin-1").split("\n")[:-1], start=1):
        words = _words(text)
        if words != [""] and not words[0].startswith("#"):
            reader.take(number, words)
    return reader.policy()


def without_logs(text: str) -> list[str]:
    """The lines of a policy but those that define a log, for whoever names the logs otherwise."""
    return [line for line in text.removesuffix("\n").split("\n") if _words(line)[0] != "log"]


def _words(line: str) -> list[str]:
    """The items of a line, between blanks and tabs; both may stand in front and behind too."""
    return re.split("[ \t]+", line.strip(" \t"))


class _Reader:
    """Collects a policy line by line; each line may name only what stands before it."""

    def __init__(self) -> None:
        self.logs: list[KnownLog] = []
        self.witnesses: list[KnownWitness] = []
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._names: set[str] = set()
        self._members: set[str] = set()

    def take(self, number: int, words: list[str]) -> None:
        match words:
            case ["log", key, *url] if len(url) <= 1:
                self._log(number, key, *url)
            case ["witness", name, key, *url] if len(url) <= 1:
                self._witness(number, name, key, *url)
            case ["group", name, need, *members] if members:
                self._group(number, name, need, members)
            case ["quorum", name]:
                self._quorum(number, name)
            case _:
                raise _fault(number, f"`{ascii(' '.join(words))[1:-1][:80]}` is no line of a policy")

    def policy(self) -> Policy:
        if self.quorum is None:
            raise InputFault(NOT_A_POLICY, what="it has no quorum line")
        return Policy(tuple(self.logs), tuple(self.witnesses), self.groups, self.quorum)

    def _log(self, number: int, text: str, url: str = "") -> None:
        key = _key(number, text, parse_log_key)
        if any(public_bytes(log.key.public) == public_bytes(key.public) for log in self.logs):
            raise _fault(number, "a log with this public key stands above")
        self.logs.append(KnownLog(key, url))

    def _witness(self, number: int, name: str, text: str, url: str = "") -> None:
        key = _key(number, text, parse_witness_key)
        if any(one.key.raw == key.raw for one in self.witnesses):
            raise _fault(number, "a witness with this public key stands above")
        self._name(number, name)
        self.witnesses.append(KnownWitness(name, key, url))

    def _group(self, number: int, name: str, need: str, members: list[str]) -> None:
        for member in members:
            if member not in self._names:
                raise _fault(number, f"no witness and no group `{ascii(member)[1:-1]}` stands above")
            if member in self._members:
                raise _fault(number, f"`{ascii(member)[1:-1]}` is a member of a group already")
            self._members.add(member)
        counts = {"any": 1, "all": len(members)}
        count = counts.get(need) or (int(need) if _DECIMAL.fullmatch(need) else 0)
        if not 1 <= count <= len(members):
            raise _fault(number, f"`{ascii(need)[1:-1]}` of {len(members)} is no threshold")
        self._name(number, name)
        self.groups[name] = Group(count, tuple(members))

    def _quorum(self, number: int, name: str) -> None:
        if self.quorum is not None:
            raise _fault(number, "a quorum line stands above")
        if name != NONE and name not in self._names:
            raise _fault(number, f"no witness and no group `{ascii(name)[1:-1]}` stands above")
        self.quorum = name

    def _name(self, number: int, name: str) -> None:
        if name == NONE or name in self._names:
            raise _fault(number, f"the name `{ascii(name)[1:-1]}` is taken")
        self._names.add(name)


def _key(number: int, text: str, parse: Callable[[object], Key]) -> Key:
    try:
        return parse(text.encode("latin-1").decode())
    except UnicodeDecodeError:
        raise _fault(number, "the key's name is not UTF-8") from None
    except InputFault as fault:
        raise InputFault(fault.code, where=f"line {number}", **fault.facts) from None


def _fault(number: int, what: str) -> InputFault:
    return InputFault(NOT_A_POLICY, where=f"line {number}", what=what)
