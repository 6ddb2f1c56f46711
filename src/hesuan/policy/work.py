"""One decision in the making: the amounts and the trace so far; how a step asks, limits and refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import NoReturn, TypeVar

from hesuan.errors import Code
from hesuan.policy import decision as said
from hesuan.policy import names_zh
from hesuan.policy.decision import Counters, Facts, Failure, Line, Share, Step, yuan
from hesuan.policy.fields import Open
from hesuan.policy.keys import Needed, with_day
from hesuan.policy.predicates import FactValue, Judgement, Pred
from hesuan.policy.programme import Programme, Tier

T = TypeVar("T")

ZERO = Fraction(0)


class Stopped(Exception):
    """No later step can be taken; the failures say why."""


class Part:
    """What one tier is applied to: all lines that count, or one of them where each has its own tier."""

    __slots__ = ("amount", "base", "gross", "lines", "rate", "stated", "tier")

    def __init__(self, lines: tuple[tuple[Line, int], ...], stated: Mapping[str, FactValue]) -> None:
        self.lines = lines
        """Each with the amount of it that counts [fen]."""
        self.stated = stated
        self.base = Fraction(sum(amount for _, amount in lines))
        self.tier: Tier | None = None
        self.rate: Fraction | None = None
        self.gross = self.amount = ZERO


class Binding:
    """A counter that is added to when the decision is carried out, and the parts it counts."""

    __slots__ = ("needed", "parts")

    def __init__(self, needed: Needed, parts: tuple[Part, ...]) -> None:
        self.needed = needed
        self.parts = parts


class Work:
    """Filled step by step; nothing here decides."""

    def __init__(self, programme: Programme, facts: Facts, counters: Counters) -> None:
        self.programme = programme
        self.facts = facts
        self.counters = counters
        self.steps: list[Step] = []
        self.failures: list[Failure] = []
        self.unit = programme.unit
        self.parts: list[Part] = []
        self.limits: list[Fraction | int] = []
        """Every limit on the whole amount."""
        self.holds: list[tuple[Fraction | int, tuple[Part, ...]]] = []
        """Limits on some of the parts."""
        self.bindings: list[Binding] = []
        self.asked = ZERO
        """What was asked of the budget."""
        self.queued = False
        self.matched = False
        """Whether the rate is a match of another programme's."""
        self.recover_fen = 0
        self.part_fens: list[int] = []
        """The subsidy part by part."""
        self.subsidy_fen = 0
        self.shares: tuple[Share, ...] = ()
        self._used: list[str] = []
        """Fields the next line of the trace rests on."""
        self._told: set[str] = set()
        """Interpretations the trace has named already."""
        self._shown: dict[tuple[int, int], str] = {}
        self._stated = with_day(facts)

    @property
    def base(self) -> Fraction:
        """What the rates are applied to, all parts together."""
        return added([part.base for part in self.parts])

    @property
    def gross(self) -> Fraction:
        """Base times rate, before any limit."""
        return added([part.gross for part in self.parts])

    @property
    def amount(self) -> Fraction:
        """What is left of it after the limits so far."""
        return total(self.parts)

    @property
    def tier(self) -> str:
        """The tier, or the tiers, that apply."""
        return ", ".join(dict.fromkeys(part.tier.id for part in self.parts if part.tier is not None))

    @property
    def rate(self) -> Fraction | None:
        """The rate, where all parts have the same."""
        rates = {part.rate for part in self.parts}
        return rates.pop() if len(rates) == 1 else None

    def show(self, amount: Fraction | int) -> str:
        """An amount in the programme's unit; the same amounts stand in many lines of a trace."""
        key = amount.numerator, amount.denominator
        shown = self._shown.get(key)
        if shown is None:
            shown = self._shown[key] = yuan(amount, self.unit)
        return shown

    def need(self, value: T | Open | None, path: str, purpose: str, purpose_zh: str) -> T:
        """A value that a step cannot do without; an open one ends the decision there."""
        if value is None or isinstance(value, Open):
            self.refuse(said.OPEN_RULE, path, field=path, purpose=purpose, purpose_zh=purpose_zh)
        self._used.append(path)
        return value

    def need_condition(self, value: Pred | Open | None, path: str, purpose: str, purpose_zh: str) -> Pred:
        """As :meth:`need`, for a predicate."""
        if value is None or isinstance(value, Open):
            self.refuse(said.OPEN_RULE, path, field=path, purpose=purpose, purpose_zh=purpose_zh)
        self._used.append(path)
        return value

    def refuse_open_list(self, path: str) -> None:
        """A list or a section that says ``"?"`` is not one that is left out."""
        if self.programme.is_open(path):
            self.need(None, path, "the amount", "金额")

    def stated(self) -> Mapping[str, FactValue]:
        """The facts, the day among them, and what all lines have in common."""
        return self._stated

    def stated_date(self, name: str) -> date:
        """A date that a step cannot do without."""
        value = self.facts.stated.get(name)
        if not isinstance(value, date):
            self.refuse(said.FACT_MISSING, "base.apportion", fact=name, condition=name)
        return value

    def counter(self, counters: Mapping[str, int], name: str, path: str) -> int:
        """How much of a limit is used."""
        if name not in counters:
            self.refuse(said.COUNTER_MISSING, path, name=name)
        return counters[name]

    def hold(self, path: str, judgement: Judgement) -> bool:
        """Notes every condition that stood in the way."""
        for unmet in judgement.unmet:
            code = said.CONDITION_UNMET if unmet.value is not None else said.FACT_MISSING
            where = f"{self.programme.source}:{unmet.mark.line}"
            facts = {"fact": unmet.fact, "value": unmet.value, "condition": f"`{unmet.text}`"}
            self._note(code, path, where, facts)
        if not judgement.truth and not judgement.unmet:
            # An `any` without members: no condition to name, and still not true.
            self.fail(said.NO_ALTERNATIVE, path, field=path)
        return bool(judgement.truth)

    def _note(self, code: Code, path: str, where: str, facts: Mapping[str, object]) -> None:
        in_chinese = names_zh.words(facts, names=self.programme.names_zh)
        self.failures.append(Failure(code, path, where, facts, in_chinese))

    def fail(self, code: Code, path: str, **facts: object) -> None:
        """Notes one failure; later steps may find more."""
        self._note(code, path, self.programme.cite(path), facts)

    def refuse(self, code: Code, path: str, **facts: object) -> NoReturn:
        """Notes one failure and ends the decision."""
        self.fail(code, path, **facts)
        raise Stopped

    def at_most(self, limit: Fraction | int, parts: Sequence[Part] | None = None) -> None:
        """Holds the amount, or that of some parts, against one more limit; the last lines give way first."""
        if parts is None:
            self.limits.append(limit)
        else:
            self.holds.append((limit, tuple(parts)))
        held = self.parts if parts is None else parts
        amount = total(held)
        if amount <= limit:
            return
        over = amount - limit
        for part in reversed(held):
            cut = min(over, part.amount)
            part.amount -= cut
            over -= cut

    def step(self, number: int, name: str, path: str, en: str, zh: str) -> None:
        """Adds a line to the trace; an interpretation that was used is named in it."""
        used, self._used = [path, *self._used], []
        interpreted, told = self.programme.interpreted, self._told
        for one in used:
            if one in interpreted and one not in told:
                told.add(one)
                note = self.programme.note(one)
                en += note[0]
                zh += note[1]
        self.steps.append(Step(number, name, self.programme.cite(path), en, names_zh.amount(zh)))


def total(parts: Sequence[Part]) -> Fraction:
    """What some parts amount to."""
    return added([part.amount for part in parts])


def added(amounts: Sequence[Fraction]) -> Fraction:
    """Their sum; one amount is its own, since adding a fraction to nothing takes its time."""
    return amounts[0] if len(amounts) == 1 else sum(amounts, ZERO)
