"""Taking back what lies unused: checkpoints with brackets of the share that has been used.

At a checkpoint the share used is looked up in the brackets, and a share of what is *unused* is taken. Used
of what, the allocation as it was given (``original``) or as earlier checkpoints left it (``current``), is a
rule: of 1,000,000 hours with 80,000 used at the first checkpoint and 200,000 at the second, DOE's ALCC
takes 142,500 or 285,000 at the second. Its published brackets also leave exactly 10 % and 25 % in none;
such a share is refused by name, since neither neighbour is what was published.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from hesuan.errors import Code, declare
from hesuan.policy.decision import OPEN_RULE
from hesuan.policy.fields import Open
from hesuan.policy.programme import Programme
from hesuan.policy.terms import Bracket, Checkpoint

BETWEEN_BRACKETS = declare(
    "policy.between_brackets",
    en="{used} of the allocation is used, which lies in none of the brackets of {day}.",
    zh="已用份额为 {used}，不在 {day} 的任何档位之内。",
)


@dataclass(frozen=True, slots=True)
class Holding:
    """An allocation before a checkpoint [hundredths of its unit]."""

    original_fen: int
    current_fen: int
    """What earlier checkpoints left of it, used or not."""
    used_fen: int

    @property
    def unused_fen(self) -> int:
        """What may still be used."""
        return self.current_fen - self.used_fen


@dataclass(frozen=True, slots=True)
class Reduction:
    """What one checkpoint takes."""

    removed_fen: int
    """Floored: no more is taken than the rule gives."""
    used_share: Fraction | None
    returns_to: str
    citing: str
    en: str
    zh: str
    refused: Code | None = None
    """Why nothing could be decided; ``None`` where it was."""


def reduce(
    programme: Programme, checkpoint: Checkpoint, holding: Holding, *, exempted_by: str = "", reason: str = ""
) -> Reduction:
    """What a checkpoint takes of a holding.

    Args:
        programme: The version the allocation was made under.
        checkpoint: One of its ``expiry.checkpoints``.
        holding: The allocation on that day.
        exempted_by: The role that exempted it; it counts only where the rule names that role.
        reason: Why, for the trace.
    """
    assert 0 <= holding.used_fen <= holding.current_fen <= holding.original_fen
    expiry, where = programme.terms.expiry, programme.cite(checkpoint.path)
    returns_to = expiry.returns_to if expiry is not None and isinstance(expiry.returns_to, str) else "budget"
    if exempted_by and expiry is not None and exempted_by == expiry.exemption:
        en, zh = f"Exempted by {exempted_by}: {reason}.", f"由 {exempted_by} 豁免：{reason}。"
        return Reduction(0, None, returns_to, where, en, zh)
    reference = {"current": holding.current_fen, "original": holding.original_fen}.get(
        str(checkpoint.reference)
    )
    if reference is None:
        return _refused(OPEN_RULE, f"{checkpoint.path}.reference", programme, returns_to)
    share = Fraction(holding.used_fen, reference) if reference else Fraction(1)
    bracket = next((one for one in checkpoint.brackets if holds(one, share)), None)
    if bracket is None:
        return _outside(programme, checkpoint, share, returns_to)
    if not isinstance(bracket.remove_of_unused, Fraction):
        return _refused(OPEN_RULE, f"{bracket.path}.remove_of_unused", programme, returns_to)
    exact = holding.unused_fen * bracket.remove_of_unused
    removed = exact.numerator // exact.denominator
    told = f"{share} used of the {checkpoint.reference} allocation"
    return Reduction(
        removed,
        share,
        returns_to,
        programme.cite(bracket.path),
        f"{told}: {bracket.remove_of_unused} of the unused is taken.",
        f"已用 {share}（{checkpoint.reference}）：收回未用部分的 {bracket.remove_of_unused}。",
    )


def holds(bracket: Bracket, share: Fraction) -> bool:
    """Whether a share lies in a bracket; an open bound holds nothing."""
    above, below = bracket.above, bracket.below
    if isinstance(above, Open) or not isinstance(below, Fraction):
        return False
    if above is not None and not (share > above or (bracket.above_included and share == above)):
        return False
    return share < below or (bracket.below_included and share == below)


def _outside(programme: Programme, checkpoint: Checkpoint, share: Fraction, returns_to: str) -> Reduction:
    """Above every bracket nothing is taken; between two, or on the bound of the last, nobody has said."""
    where = programme.cite(checkpoint.path)
    tops = [one.below for one in checkpoint.brackets if isinstance(one.below, Fraction)]
    open_bound = any(
        isinstance(one.above, Open) or isinstance(one.below, Open) for one in checkpoint.brackets
    )
    if not open_bound and (not tops or share > max(tops)):
        en, zh = f"{share} used: nothing is taken.", f"已用 {share}：不收回。"
        return Reduction(0, share, returns_to, where, en, zh)
    facts = {"used": share, "day": checkpoint.on}
    en, zh = BETWEEN_BRACKETS.en.format_map(facts), BETWEEN_BRACKETS.zh.format_map(facts)
    return Reduction(0, share, returns_to, where, en, zh, BETWEEN_BRACKETS)


def _refused(code: Code, path: str, programme: Programme, returns_to: str) -> Reduction:
    facts = {"field": path, "purpose": "what is taken back", "purpose_zh": "收回多少"}
    en, zh = code.en.format_map(facts), code.zh.format_map(facts)
    return Reduction(0, None, returns_to, programme.cite(path), en, zh, code)
