"""What a claim states where it is the application: the claimant's facts, and the contract's from its paper.

The days and the number of a contract may decide about money, and the paper is what is compared and kept. So
what stands in the paper is taken from there, and nobody states it otherwise beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.errors import Faults, InputFault
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.entitling import Asking, is_claimed_after_use
from hesuan.hub.programmes.models import ProgrammeVersion
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement import papers
from hesuan.hub.settlement.models import Claim
from hesuan.money import decimal_yuan
from hesuan.wire.canonical import Json


def need_fitting(version_id: str, *, user_flow: bool, flow: str, voucher_id: str, facts: object) -> bool:
    """Whether a claim under a version makes its own entitlement; and that it comes with what that takes.

    Raises:
        InputFault: ``claim.voucher_needed``, ``claim.no_voucher_here``, ``claim.no_facts_here``.
    """
    after_use = is_claimed_after_use(version_id)
    if user_flow and not after_use and not voucher_id:
        raise InputFault(errors.VOUCHER_NEEDED, where="voucher", flow=flow)
    if after_use and voucher_id:
        raise InputFault(errors.NO_VOUCHER_HERE, where="voucher", voucher=voucher_id)
    if facts and not after_use:
        raise InputFault(errors.NO_FACTS_HERE, where="facts")
    return after_use


def asking_of(claim: Claim) -> Asking:
    """The claim as the programmes room is asked with it.

    Raises:
        Faults: facts that are unknown, of the wrong type, not the claimant's to state, or otherwise than the
            contract's paper says.
    """
    rows = claim.lines.filter(voucher__isnull=False).select_related("voucher__application__call")
    earlier = rows.first() if not claim._state.adding else None
    return Asking(
        version=claim.programme_version,
        organisation=claim.holder,
        stated=stated(claim.programme_version, claim.holder, claim.facts, papers.parse(claim.papers)),
        before=earlier.voucher if earlier else None,
    )


def need_sound(claim: Claim) -> None:
    """Holds what a claim states against its papers.

    Raises:
        InputFault: ``claim.no_facts_here``.
        Faults: as :func:`asking_of`.
    """
    if is_claimed_after_use(claim.programme_version_id):
        asking_of(claim)
    elif claim.facts:
        raise InputFault(errors.NO_FACTS_HERE, where="facts")


def stated(
    version: ProgrammeVersion,
    holder: Organisation,
    facts: Mapping[str, Json],
    said: Mapping[str, papers.Paper],
) -> dict[str, Json]:
    """The claimant's facts with those of the contract's paper; both are held against each other.

    Raises:
        Faults: as :func:`asking_of`.
    """
    of_paper = _contract(said.get("contract"))
    typed = programmes.stated_facts(holder, version, facts)
    written = programmes.stated_facts(holder, version, of_paper)
    faults = [
        InputFault(
            errors.FACT_DIFFERS, where=f"facts.{name}", fact=name, stated=facts[name], paper=of_paper[name]
        )
        for name, value in written.items()
        if name in typed and typed[name] != value
    ]
    if faults:
        raise Faults(faults)
    return {**facts, **of_paper}


def _contract(paper: papers.Paper | None) -> dict[str, Json]:
    if paper is None:
        return {}
    days = {"signed_on": paper.day, "starts_on": paper.starts_on, "ends_on": paper.ends_on}
    found: dict[str, Json] = {f"contract.{name}": day.isoformat() for name, day in days.items() if day}
    if paper.number:
        found["contract.id"] = paper.number
    if paper.amount_fen is not None:
        found["contract.amount"] = decimal_yuan(paper.amount_fen)
    return found
