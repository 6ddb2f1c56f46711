"""What the pages of a claim ask where nothing is issued beforehand: the claim is the application."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from hesuan.hub.console import applyform
from hesuan.hub.console.faults import FaultLine
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import asking, selectors
from hesuan.hub.programmes.asking import AskedFact
from hesuan.hub.programmes.entitling import is_claimed_after_use
from hesuan.hub.settlement.models import Claim
from hesuan.wire.canonical import Json


def asked(actor: Actor, version_id: str, organisation_id: str) -> list[AskedFact]:
    """The facts that the claimant has to state; none where a voucher's application stated them."""
    if not is_claimed_after_use(version_id):
        return []
    return asking.asked_facts(actor, version_id=version_id, organisation_id=organisation_id)


def asked_of(actor: Actor, claim: Claim) -> list[AskedFact]:
    """The facts of an open claim."""
    return asked(actor, claim.programme_version_id, claim.holder_id)


def form(texts: Mapping[str, str], wrong: Iterable[FaultLine], facts: Iterable[AskedFact]) -> dict[str, Any]:
    """The fields of the facts with their faults, and the faults that have no field among them."""
    keys = {applyform.FACT + one.name for one in facts}
    beside: defaultdict[str, tuple[FaultLine, ...]] = defaultdict(tuple)
    rest = []
    for line in wrong:
        if line.where in keys:
            beside[line.where] = (*beside[line.where], line)
        else:
            rest.append(line)
    return {"form": applyform.ApplyForm(texts, beside), "faults": tuple(rest), "asked": facts}


def stated(texts: Mapping[str, str], facts: Iterable[AskedFact]) -> dict[str, Json]:
    """What was typed; an empty field states nothing."""
    return applyform.readable_facts(texts, facts)


def written(claim: Claim) -> dict[str, str]:
    """What a claim states, as the texts of its form."""
    return applyform.written(0, claim.facts, claim.holder_id)


def open_calls(version_id: str) -> list[Any]:
    """The calls that take claims under a version today."""
    if not is_claimed_after_use(version_id):
        return []
    return [one for one in selectors.open_calls() if one.programme_version_id == version_id]
