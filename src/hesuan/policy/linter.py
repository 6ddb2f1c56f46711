"""What keeps a programme from being activated, and what its office should know before.

A finding *blocks* where money would follow a guess, or nobody could be paid: an open money rule nobody has
decided, shares that are not a whole, two rules that contradict each other. The rest are warnings: a tier that
nobody reaches, a cliff, a budget below one award. How each is found: :mod:`.tier_checks`,
:mod:`.amount_checks`, :mod:`.cliffs`, :mod:`.splitting`, :mod:`.unreviewed`.
"""

from __future__ import annotations

from collections.abc import Iterator

from hesuan.errors import declare
from hesuan.policy.amount_checks import check_amounts
from hesuan.policy.cliffs import check_cliffs
from hesuan.policy.decision import NOT_EXECUTED
from hesuan.policy.finding import Finding, found
from hesuan.policy.programme import Programme
from hesuan.policy.splitting import check_splitting
from hesuan.policy.tier_checks import check_tiers
from hesuan.policy.unreviewed import check_unreviewed

__all__ = ["Finding", "blocking", "lint"]

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


def lint(programme: Programme) -> tuple[Finding, ...]:
    """Every finding of one version, in the order of its document."""
    findings = [
        *_check_opens(programme),
        *_check_executed(programme),
        *check_amounts(programme),
        *check_tiers(programme),
        *check_cliffs(programme),
        *check_splitting(programme),
        *check_unreviewed(programme),
    ]
    return tuple(sorted(findings, key=lambda one: (one.line, one.field, one.code.name)))


def blocking(programme: Programme) -> tuple[Finding, ...]:
    """The findings that keep a version from being activated."""
    return tuple(finding for finding in lint(programme) if finding.blocks)


def _check_opens(programme: Programme) -> Iterator[Finding]:
    for one in programme.opens:
        code = RULE_UNPUBLISHED if one.money else UNKNOWN_VALUE
        yield found(programme, code, one.path, blocks=one.money)


def _check_executed(programme: Programme) -> Iterator[Finding]:
    for one in programme.unexecuted:
        yield found(programme, NOT_EXECUTED, one.path, value=one.value)
