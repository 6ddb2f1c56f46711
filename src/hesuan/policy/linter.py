"""What keeps a programme from being activated, and what its office should know before.

A finding *blocks* where money would follow a guess: an open money rule nobody has decided, shares that are
not a whole, a rule this version cannot carry out. The rest are warnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hesuan.errors import Code, declare
from hesuan.policy.decision import NOT_EXECUTED, SHARES_NOT_ONE
from hesuan.policy.fields import Open
from hesuan.policy.predicates import All
from hesuan.policy.programme import Programme

RULE_UNPUBLISHED = declare(
    "policy.rule_unpublished",
    en='`{field}` says "?": the published rule is open here, and money depends on it.'
    " Decide it and record an interpretation.",
    zh='“{field}”为 "?"：公布的规则在此未写明，而金额取决于它。请裁定并记录解释。',
)
UNKNOWN_VALUE = declare(
    "policy.unknown_value",
    en='`{field}` says "?". No amount depends on it.',
    zh='“{field}”为 "?"。金额不取决于它。',
)
RATE_KIND_MISSING = declare(
    "policy.rate_kind_missing",
    en="`{field}` is missing: whether {rate} is exact or a ceiling decides every award.",
    zh="缺少“{field}”：{rate} 是固定比例还是上限，决定每一笔金额。",
)
TIERS_EMPTY = declare(
    "policy.tiers_empty",
    en="`rates.tiers` is empty, so nothing would ever be paid.",
    zh="“rates.tiers”为空，将永远不会支付。",
)
RATIO_MISSING = declare(
    "policy.ratio_missing",
    en="`stacking.ratio` is missing; mode sum_ratio_cap needs it.",
    zh="缺少“stacking.ratio”；sum_ratio_cap 需要它。",
)
UNREACHABLE_TIER = declare(
    "policy.unreachable_tier",
    en="Tier `{tier}` is never reached: tier `{before}` above it has no condition.",
    zh="档次“{tier}”永远不会适用：其上的档次“{before}”没有条件。",
)
NO_PAYER = declare(
    "policy.no_payer",
    en="`funding` names nobody who pays.",
    zh="“funding”没有写明出资方。",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, with its field and ``file:line``."""

    code: Code
    blocks: bool
    field: str
    where: str
    facts: dict[str, object]

    def sentence(self, language: str = "en") -> str:
        """The sentence for people, the place in front."""
        template = self.code.zh if language.startswith("zh") else self.code.en
        return f"{self.where}: {template.format_map(self.facts)}"


def lint(programme: Programme) -> tuple[Finding, ...]:
    """Every finding of one version, in the order of its document."""
    found = [
        *_opens(programme),
        *_unexecuted(programme),
        *_funding(programme),
        *_tiers(programme),
        *_stacking(programme),
    ]
    return tuple(sorted(found, key=lambda one: (_line(programme, one.field), one.field, one.code.name)))


def blocking(programme: Programme) -> tuple[Finding, ...]:
    """The findings that keep a version from being activated."""
    return tuple(finding for finding in lint(programme) if finding.blocks)


def _finding(
    programme: Programme, code: Code, field: str, *, blocks: bool = True, **facts: object
) -> Finding:
    return Finding(code, blocks, field, programme.cite(field), {"field": field, **facts})


def _line(programme: Programme, field: str) -> int:
    mark = programme.places.get(field)
    return mark.line if mark else 0


def _opens(programme: Programme) -> Iterator[Finding]:
    for one in programme.opens:
        code = RULE_UNPUBLISHED if one.money else UNKNOWN_VALUE
        yield _finding(programme, code, one.path, blocks=one.money)


def _unexecuted(programme: Programme) -> Iterator[Finding]:
    for one in programme.unexecuted:
        yield _finding(programme, NOT_EXECUTED, one.path, value=one.value)


def _funding(programme: Programme) -> Iterator[Finding]:
    shares = [payer.share for payer in programme.funding]
    known = [share for share in shares if isinstance(share, Fraction)]
    if not shares and not programme.is_open("funding") and programme.flow != "no_cash":
        yield _finding(programme, NO_PAYER, "funding")
    elif len(known) == len(shares) and known and sum(known) != 1:
        yield _finding(programme, SHARES_NOT_ONE, "funding", total=sum(known))


def _tiers(programme: Programme) -> Iterator[Finding]:
    if not programme.tiers and not programme.is_open("rates.tiers") and not programme.is_open("rates"):
        yield _finding(programme, TIERS_EMPTY, "rates.tiers")
    unconditional = ""
    for tier in programme.tiers:
        if isinstance(tier.rate, Fraction) and tier.rate_kind is None:
            field = f"{tier.path}.rate_kind"
            finding = _finding(programme, RATE_KIND_MISSING, field, rate=tier.rate)
            yield Finding(finding.code, True, field, programme.cite(tier.path), finding.facts)
        if unconditional and programme.select == "first":
            yield _finding(
                programme, UNREACHABLE_TIER, tier.path, blocks=False, tier=tier.id, before=unconditional
            )
        elif tier.when == All(()):
            unconditional = tier.id


def _stacking(programme: Programme) -> Iterator[Finding]:
    rule = programme.stacking
    if (
        rule is not None
        and rule.mode == "sum_ratio_cap"
        and not rule.ratio_by_tier
        and not programme.is_open("stacking.ratio_by_tier")
        and (rule.ratio is None or isinstance(rule.ratio, Open))
    ):
        yield _finding(programme, RATIO_MISSING, "stacking")
