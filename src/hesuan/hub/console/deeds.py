"""Deeds: verbs that a page offers: what each does, what it asks for and, where nothing undoes it, a tick.

A page lists the deeds of whoever looks; leaving one out is a courtesy, the services decide. A deed that was
refused comes back open, with what was typed and what is wrong beside its field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.hub.console.entryform import Input
from hesuan.hub.console.faults import FaultLine, lines

NOT_SURE = declare(
    "console.not_sure",
    en="This cannot be undone. Tick that you know it, and press again.",
    zh="此操作不可撤回。请勾选“我知道不可撤回”后再次提交。",
)
Text = str | Promise
REASON = Input("reason", _("Reason"), "long")
"""What a page asks for before it changes anything for somebody else."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One verb as a page offers it."""

    verb: str
    label: Text
    says: Text = ""
    """What happens then, to whom."""
    inputs: tuple[Input, ...] = (REASON,)
    final: bool = False
    """Nothing undoes it: a tick is asked for."""
    on: str = ""
    """Which of several things on the page it is about: a line's number, an objection's id."""
    id: str = ""
    """Chosen with the form: sent twice, it is done once."""
    sure_faults: tuple[FaultLine, ...] = ()
    opened: bool = False

    @property
    def brings_file(self) -> bool:
        """Whether its form has to be sent in parts."""
        return any(one.kind in ("file", "any_file") for one in self.inputs)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The deeds of a page, and what is wrong beside none of their fields."""

    deeds: Sequence[Deed]
    faults: tuple[FaultLine, ...] = field(default_factory=tuple)

    def of(self, on: str) -> list[Deed]:
        """Those about one thing of the page."""
        return [one for one in self.deeds if one.on == on]

    @property
    def plain(self) -> list[Deed]:
        """Those about the page's own thing."""
        return self.of("")


def need_sure(sent: Mapping[str, str], verbs: Sequence[str]) -> None:
    """Refuses a final deed without its tick.

    Raises:
        InputFault: ``console.not_sure``.
    """
    if sent.get("verb") in verbs and sent.get("sure") != "yes":
        raise InputFault(NOT_SURE, where="sure")


def drawn(deeds: Sequence[Deed], sent: Mapping[str, str], error: HesuanError | Faults | None) -> Drawn:
    """The deeds, the one that was refused open and with what was typed into it."""
    if error is None:
        return Drawn(deeds)
    said = [replace(line, where=_place(line)) for line in lines(error)]
    found = [
        _refused(one, sent, said) if (one.verb, one.on) == (sent.get("verb"), sent.get("on", "")) else one
        for one in deeds
    ]
    names = {each.name for one in found if one.opened for each in one.inputs} | {
        "sure" for one in found if one.opened
    }
    return Drawn(found, tuple(line for line in said if line.where not in names))


def _refused(deed: Deed, sent: Mapping[str, str], said: Sequence[FaultLine]) -> Deed:
    inputs = tuple(
        replace(
            one,
            value=sent.get(one.name, one.value),
            faults=tuple(line for line in said if line.where == one.name),
        )
        for one in deed.inputs
    )
    sure = tuple(line for line in said if line.where == "sure")
    return replace(deed, inputs=inputs, id=sent.get("id") or deed.id, sure_faults=sure, opened=True)


def _place(line: FaultLine) -> str:
    """Beside which field a fault belongs: a missing reason names none, and every deed has but one."""
    return REASON.name if line.code.endswith("reason_missing") else line.where
