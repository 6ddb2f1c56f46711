"""Before this site signs a receipt it computes everything again from what it knows itself.

The signature says: this is the usage that we measured, this run was one of ours, and the charge follows from
the usage and the quote by the stated rule. A hub that has mistaken itself, or is not honest, gets a reason
instead of a signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hesuan.agent.schedulers.contract import RunState
from hesuan.agent.site import Site
from hesuan.agent.spool import Command, KnownRun, Spool
from hesuan.errors import InputFault
from hesuan.wire import checks
from hesuan.wire.canonical import Json, canonical, digest
from hesuan.wire.checks import Outcome
from hesuan.wire.ids import is_id
from hesuan.wire.receipt import sign_receipt

ORDERED = ("cores", "time_limit_s", "app_digest")
"""What command and quote must agree in."""
_MEASURED = ("run", "attempt", "state", "exit_status", "signal", "wall_ms", "cpu_ms", "cores")


def objection(
    receipt: Any, *, agent: str, centre: str, known: KnownRun | None, signed: tuple[str, str] | None
) -> str:
    """Why a receipt is not signed, in one sentence; empty when all is well.

    Args:
        receipt: The document as the hub sent it.
        agent: Our own id.
        centre: Our centre's id.
        known: What we know of the run it speaks of.
        signed: Id and digest of the receipt that we have signed for this run before.
    """
    try:
        fingerprint = digest(receipt)
    except InputFault as fault:
        return fault.sentence("en")
    broken = [check for check in checks.of_receipt(receipt) if check.outcome is Outcome.BROKEN]
    if broken:
        return broken[0].sentence("en")
    if (receipt["agent"], receipt["centre"]) != (agent, centre):
        theirs = f"agent {receipt['agent']} of centre {receipt['centre']}"
        return f"The receipt is for {theirs}; this is agent {agent} of centre {centre}."
    if known is None:
        return f"Run {receipt['run']} never ran at this site."
    if signed is not None and signed[1] != fingerprint:
        return f"Run {known.run} has a signed receipt already: {signed[0]}, digest {signed[1]}."
    return _usage_objection(receipt, known) or _order_objection(receipt["quote"], known)


def answer(spool: Spool, site: Site, command: Command) -> str:
    """Answers a ``countersign`` command in one transaction; the sentence for the operator.

    Signed, the receipt's digest and signature are told; not signed, the reason.
    """
    receipt: Any = command.body.get("receipt")
    receipt_id = str(receipt.get("id")) if isinstance(receipt, dict) else ""
    if not is_id(receipt_id):
        with spool.transaction() as change:
            change.done(command)
        return f"Command {command.id} asks to sign something that has no receipt's id."
    run = str(receipt.get("run"))
    known, signed = spool.run(run), spool.signed(run)
    reason = objection(receipt, agent=site.agent, centre=site.centre, known=known, signed=signed)
    with spool.transaction() as change:
        if reason:
            body: dict[str, Json] = {"receipt": receipt_id, "reason": reason[:2000]}
            change.put("countersign_refused", body)
        else:
            fingerprint = digest(receipt)
            signature = sign_receipt(receipt, site.private)
            change.note_signed(run, receipt=receipt_id, fingerprint=fingerprint)
            body = {"receipt": receipt_id, "digest": fingerprint, "signature": signature}
            change.put("countersign", body, once=f"countersign:{receipt_id}")
        change.done(command)
    verdict = f"not signed: {reason}" if reason else "signed."
    return f"Receipt {receipt_id} for run {run} {verdict}"


def ordered(body: Mapping[str, Any]) -> dict[str, Json]:
    """What was ordered, to compare with the receipt's quote later."""
    return {name: body.get(name) for name in ORDERED}


def _usage_objection(receipt: Mapping[str, Any], known: KnownRun) -> str:
    """The usage must be the record we sent, word for word; a refused run has none, and all zeros."""
    claimed = receipt["usage"]
    if known.state == RunState.REFUSED:
        used = claimed["wall_ms"] or claimed.get("cpu_ms") or claimed["state"] != RunState.REFUSED.value
        return f"Run {known.run} was refused here, so it used nothing." if used else ""
    if known.usage is None:
        return f"The usage of run {known.run} is not complete here."
    if canonical(claimed) == canonical(known.usage):
        return ""
    for name in (*_MEASURED, *known.usage):
        ours, theirs = known.usage.get(name), claimed.get(name)
        if ours != theirs:
            return f"Usage `{name}` of run {known.run} is {ours} by our record and {theirs} in the receipt."
    return f"The usage of run {known.run} has members that our record has not."


def _order_objection(quote: Mapping[str, Any], known: KnownRun) -> str:
    """The quote must be the one the run was started under, as far as the command told us."""
    if known.state == RunState.REFUSED:
        return ""
    for name in ORDERED:
        ours, theirs = known.order.get(name), quote.get(name)
        if ours != theirs:
            return f"Run {known.run} was ordered with {name} {ours}; the quote says {theirs}."
    return ""
