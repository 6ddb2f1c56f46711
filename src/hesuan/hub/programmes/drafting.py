"""Writing a programme: what the linter says of a text nobody has stored yet, the programmes that ship, and
what one version changes of another.

Nothing here writes. An office sees what its text does before the text is a version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from functools import lru_cache
from importlib.resources import files

from hesuan.errors import Faults, InputFault
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import engine, reach, selectors
from hesuan.hub.programmes.models import ProgrammeVersion
from hesuan.hub.programmes.selectors import FindingLine, finding_line
from hesuan.policy import document
from hesuan.policy.nodes import Mapping, Node, Scalar, Sequence
from hesuan.policy.programme import Programme
from hesuan.policy.schema import load

UNNAMED = "draft.yaml"
CONTEXT_LINES = 3
"""Unchanged lines shown around a change."""

BESIDE_MONEY = frozenset(
    {
        "schema", "programme", "version", "title", "issuer", "evidence", "sources", "supersedes", "audit",
        "evidence_required", "sanctions",
    }
)  # fmt: skip
"""Sections on which no amount depends; every other one decides who gets how much."""

_VERSION = re.compile(r"^version:[ ]*[0-9]+", re.M)
_NAMED_BY = ("id", "payer", "name", "step")


@dataclass(frozen=True, slots=True)
class Examined:
    """A text as the schema and the linter see it."""

    text: str
    source_name: str
    programme_id: str
    version: int
    title: str
    digest: str
    readable: bool
    """Whether the schema can read it; only then is it a programme that can be kept."""
    findings: tuple[FindingLine, ...]
    """The faults of an unreadable text, or what the linter finds."""

    @property
    def blocking(self) -> int:
        """How many findings stand in the way of activation."""
        return sum(one.blocks for one in self.findings)


@dataclass(frozen=True, slots=True)
class Shipped:
    """A programme that comes with the platform, to start from."""

    name: str
    """Its file name."""
    programme_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Interpreted:
    """A recorded decision that fills what the published rule leaves open."""

    field: str
    value: str
    decided_by: str
    decided_at: date
    citing: str
    line: int


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a difference: ``same``, ``gone``, ``new``, or ``gap`` for unchanged lines left out."""

    kind: str
    before: int | None
    after: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A rule that says something else; empty where it is not written."""

    field: str
    before: str
    after: str
    money: bool
    """Whether amounts depend on it."""
    line: int
    """Where it stands in the later text; 0 where it was taken out."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What one version changes of another."""

    lines: tuple[DiffLine, ...]
    changes: tuple[Change, ...]
    """Those on which money depends first."""


def examine(text: str, source_name: str = "") -> Examined:
    """What is wrong with a text, or what it does; never raises for what somebody typed."""
    name = source_name or _name_of(text)
    try:
        programme = load(text, source=name)
    except (Faults, InputFault) as error:
        faults = error.faults if isinstance(error, Faults) else (error,)
        found = tuple(_fault_line(fault) for fault in faults)
        return Examined(text, name, "", 0, "", "", readable=False, findings=found)
    return Examined(
        text=text,
        source_name=name,
        programme_id=programme.id,
        version=programme.version,
        title=programme.title,
        digest=programme.digest,
        readable=True,
        findings=tuple(finding_line(one) for one in reach.findings(programme)),
    )


@lru_cache(maxsize=1)
def shipped() -> tuple[Shipped, ...]:
    """Every programme that ships, by its id."""
    found = []
    for one in sorted(files("hesuan.policy").joinpath("programmes").iterdir(), key=lambda file: file.name):
        if one.name.endswith(".yaml") and not one.name.endswith(".cases.yaml"):
            programme = load(one.read_text(encoding="utf-8"), source=one.name)
            found.append(Shipped(one.name, programme.id, programme.title))
    return tuple(found)


def shipped_text(name: str) -> str:
    """The text of one that ships; empty where there is none of that name."""
    if name not in {one.name for one in shipped()}:
        return ""
    return files("hesuan.policy").joinpath("programmes", name).read_text(encoding="utf-8")


def raised(version: ProgrammeVersion, newest: int) -> str:
    """A version's text under the next free number: a stored version never changes."""
    return _VERSION.sub(f"version: {newest + 1}", version.text, count=1)


def interpretations(actor: Actor, version_id: str) -> list[Interpreted]:
    """The recorded decisions of a version, in the order of its text.

    Raises:
        NotFound: ``programme.not_found``.
    """
    programme = engine.programme_of(selectors.version(actor, version_id))
    found = [
        Interpreted(path, _written(one.value), one.decided_by, one.decided_at, one.citing, one.mark.line)
        for path, one in programme.interpreted.items()
    ]
    return sorted(found, key=lambda one: one.line)


def difference(actor: Actor, before_id: str, after_id: str) -> Difference:
    """What a later version changes of an earlier one: line by line, and rule by rule.

    Raises:
        NotFound: ``programme.not_found``.
    """
    before, after = selectors.version(actor, before_id), selectors.version(actor, after_id)
    changes = sorted(
        _changes(_rules(before), _rules(after)), key=lambda one: (not one.money, one.line, one.field)
    )
    return Difference(
        tuple(_diff(before.text.splitlines(), after.text.splitlines())),
        tuple(changes),
    )


# --- Line by line ---


def _diff(before: list[str], after: list[str]) -> Iterator[DiffLine]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    shown = 0
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        if group[0][1] > shown:
            yield DiffLine("gap", None, None, "")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                for offset in range(i2 - i1):
                    yield DiffLine("same", i1 + offset + 1, j1 + offset + 1, before[i1 + offset])
            else:
                yield from (DiffLine("gone", at + 1, None, before[at]) for at in range(i1, i2))
                yield from (DiffLine("new", None, at + 1, after[at]) for at in range(j1, j2))
        shown = group[-1][2]
    if shown and shown < len(before):
        yield DiffLine("gap", None, None, "")


# --- Rule by rule ---

_Rules = dict[str, tuple[str, int]]
"""Field → what it says, and its line."""


def _rules(version: ProgrammeVersion) -> _Rules:
    """What every field says, an interpretation's value where one fills it."""
    programme = engine.programme_of(version)
    root = document.read(version.text, source=version.source_name)
    assert isinstance(root, Mapping), "a stored version was read before"
    said: _Rules = {}
    for member in root:
        if member.key.text != "interpretations":
            _flatten(member.value, member.key.text, said)
    return said | _filled(programme, said)


def _filled(programme: Programme, said: _Rules) -> _Rules:
    return {
        path: (_written(one.value), one.mark.line)
        for path, one in programme.interpreted.items()
        if said.get(path, ("?", 0))[0] == "?"
    }


def _flatten(node: Node, path: str, into: _Rules) -> None:
    match node:
        case Mapping(members=members) if members:
            for member in members:
                _flatten(member.value, f"{path}.{member.key.text}", into)
        case Sequence(items=items) if any(isinstance(item, Mapping) for item in items):
            for index, item in enumerate(items):
                _flatten(item, f"{path}[{_label(item, index)}]", into)
        case _:
            into[path] = (_written(node), node.mark.line)


def _label(item: Node, index: int) -> str:
    if isinstance(item, Mapping):
        for key in _NAMED_BY:
            found = item.get(key)
            if isinstance(found, Scalar):
                return found.text
    return str(index)


def _written(node: Node) -> str:
    """A value on one line, as a document would write it."""
    match node:
        case Scalar(text=text):
            return text
        case Sequence(items=items):
            return f"[{', '.join(map(_written, items))}]"
        case Mapping(members=members):
            return f"{{{', '.join(f'{one.key.text}: {_written(one.value)}' for one in members)}}}"


def _changes(before: _Rules, after: _Rules) -> Iterator[Change]:
    for path in before.keys() | after.keys():
        then, now = before.get(path, ("", 0)), after.get(path, ("", 0))
        if then[0] != now[0] and path != "version":
            section = re.split(r"[.\[]", path, maxsplit=1)[0]
            yield Change(path, then[0], now[0], section not in BESIDE_MONEY, now[1])


# --- Names and places ---


def _name_of(text: str) -> str:
    """``<programme>.yaml``, where the text says which programme it is."""
    found = re.search(r"^programme:[ ]*([a-z0-9][a-z0-9._-]{0,99})[ ]*(?:#.*)?$", text, re.M)
    return f"{found[1]}.yaml" if found else UNNAMED


def _fault_line(fault: InputFault) -> FindingLine:
    place = re.search(r":(\d+)(?::\d+)?$", fault.where)
    return FindingLine(
        code=fault.code.name,
        blocks=True,
        field="",
        where=fault.where,
        line=int(place[1]) if place else 1,
        en=fault.sentence("en"),
        zh=fault.sentence("zh"),
    )
