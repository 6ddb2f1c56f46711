"""Which claim a movement belongs to, as far as the ids of settlement's events say so.

The claim's id stands in the leaf as ``m``: by it anybody sees that what was paid on a claim is at most what
was settled on it. Ids that say nothing of a claim give none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hesuan.hub.settlement.claims import source_account
from hesuan.hub.settlement.models import Claim, ClaimLine, Clawback

_LINE = re.compile(r"claim:([^:]+):(?:payable|more|hold)|note:[^:]+:([^:]+)(?::|$)")
_CLAIM = re.compile(r"pay:([^:]+):")
_CLAWBACK = re.compile(r"clawback:([^:]+):")


@dataclass(frozen=True, slots=True)
class Matter:
    """A claim, whose it is, and the account from which it is settled."""

    claim: str
    claimant: str
    source: str


def matters(event_ids: Iterable[str]) -> dict[str, Matter]:
    """Event id → its claim; ids without one are left out."""
    named = {name: found for name in event_ids if (found := _named(name)) is not None}
    lines = dict(
        ClaimLine.objects.filter(pk__in=_of(named, "line")).values_list("id", "claim_id"),
    )
    demands = dict(Clawback.objects.filter(pk__in=_of(named, "clawback")).values_list("id", "claim_id"))
    through = {"line": lines, "clawback": demands}
    claim_of = {
        name: through[what].get(key, "") if what in through else key for name, (what, key) in named.items()
    }
    claims = Claim.objects.filter(pk__in=set(claim_of.values()))
    known = {one.id: Matter(one.id, one.claimant_id, source_account(one)) for one in claims}
    return {name: known[claim] for name, claim in claim_of.items() if claim in known}


def _named(event_id: str) -> tuple[str, str] | None:
    if match := _LINE.match(event_id):
        return "line", match[1] or match[2]
    if match := _CLAIM.match(event_id):
        return "claim", match[1]
    if match := _CLAWBACK.match(event_id):
        return "clawback", match[1]
    return None


def _of(named: dict[str, tuple[str, str]], what: str) -> set[str]:
    return {key for kind, key in named.values() if kind == what}
