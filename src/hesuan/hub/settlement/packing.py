"""The evidence pack of a claim (兑付材料): summary in Chinese, lines, receipts with their proofs, signed.

It holds what stood at the claim's last step, and receipts are proved against the first checkpoint that covers
them and reached the witnesses' quorum: from then on the same claim gives the same bytes until it takes
another step. Before, it is the first that covers them, and ``hesuan verify`` says that it is unwitnessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hesuan.errors import Refused
from hesuan.hub.audit import selectors as audit
from hesuan.hub.audit import signing
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes.paying import paying_terms
from hesuan.hub.settlement import cells, claim_errors, payables
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.models import Claim, ClaimLine, Receipt
from hesuan.hub.settlement.selectors import NOT_SIGNED
from hesuan.hub.settlement.summary import summary_pdf
from hesuan.money import decimal_yuan
from hesuan.wire import pack
from hesuan.wire.canonical import Json, canonical
from hesuan.wire.messages import format_at
from hesuan.wire.receipt import receipt_file

HEAD = (
    "行号",
    "订单",
    "回执",
    "类别",
    "算力券",
    "费用（元）",
    "补贴（元）",
    "红字冲减后（元）",
    "出资份额",
    "状态",
)
CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack with the headers under which it leaves the hub: saved, never shown."""

    file_name: str
    content: bytes

    @property
    def headers(self) -> dict[str, str]:
        """For the answer."""
        return {
            "Content-Disposition": f'attachment; filename="{self.file_name}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-store",
        }

    def chunks(self) -> Iterator[bytes]:
        """The content piece by piece."""
        for start in range(0, len(self.content), CHUNK):
            yield self.content[start : start + CHUNK]


def evidence_pack(actor: Actor, claim_id: str) -> Pack:
    """The evidence pack of a claim that was submitted and compared.

    Raises:
        NotFound: ``claim.not_found``, for strangers too.
        Refused: ``pack.too_early``; ``receipt.not_signed``; ``audit.not_sequenced`` in the moment before the
            log's next checkpoint.
    """
    claim = reads.claim(actor, claim_id)
    if claim.state in (Claim.State.DRAFT, Claim.State.WITHDRAWN):
        raise Refused(claim_errors.PACK_TOO_EARLY, claim=claim.id, state=claim.state)
    lines = list(
        claim.lines.select_related("settlement__receipt__fact", "settlement__order", "voucher")
        .prefetch_related("adjustments", "disputes")
        .order_by("number")
    )
    document = claim_document(claim, lines)
    members = {
        pack.CLAIM: canonical(document) + b"\n",
        pack.LINES: cells.table(HEAD, [_row(line) for line in lines]),
        pack.SUMMARY: summary_pdf(document),
    }
    for line in lines:
        receipt = line.settlement.receipt
        members[f"{pack.RECEIPTS}{receipt.id}.json"] = _receipt_file(receipt)
    about = pack.About(
        claim=claim.id,
        programme=claim.programme_version.programme_id,
        programme_digest=claim.programme_version.digest,
        state=claim.state,
        as_of=str(document["as_of"]),
        subsidy_fen=sum(line.subsidy_fen for line in lines),
    )
    content = pack.build(members, about, private=signing.private_key(), log_key=audit.log_key())
    return Pack(f"duifu-{claim.id}.zip", content)


def claim_document(claim: Claim, lines: list[ClaimLine]) -> dict[str, Json]:
    """The claim as a document: no names of people, only their part; amounts in fen."""
    terms = paying_terms(claim.programme_version_id)
    steps = list(claim.steps.order_by("id"))
    match = claim.matches.order_by("-id").first()
    return {
        "v": 1,
        "claim": claim.id,
        "as_of": _at(steps[-1].at),
        "state": claim.state,
        "flow": claim.flow,
        "period": claim.period,
        "programme": {
            "id": terms.programme_id,
            "version": terms.version,
            "title": terms.title,
            "issuer": terms.issuer,
            "digest": claim.programme_version.digest,
        },
        "claimant": {"id": claim.claimant_id, "name": claim.claimant.name},
        "holder": {"id": claim.holder_id, "name": claim.holder.name},
        "centre": {"id": claim.centre_id, "name": claim.centre.name},
        "papers": claim.papers,
        "lines": [_line(line) for line in lines],
        "match": {
            "matched": bool(match and match.matched),
            "tolerance_fen": match.tolerance_fen if match else 0,
            "differences": list(match.differences) if match else [],
        },
        "steps": [
            {
                "at": _at(step.at),
                "from": step.from_state,
                "to": step.to_state,
                "trigger": step.trigger,
                "role": step.role,
                "reason": step.reason,
            }
            for step in steps
        ],
        "payments": [
            {
                "payer": one.payer,
                "amount_fen": one.amount_fen,
                "from_float_fen": one.from_float_fen,
                "set_off_fen": one.set_off_fen,
                "reference": one.reference,
                "at": _at(one.paid_at),
            }
            for one in claim.payments.order_by("id")
        ],
    }


def _line(line: ClaimLine) -> dict[str, Json]:
    shares: list[Json] = [dict(share) for share in line.shares]
    adjustments: list[Json] = [
        {
            "note": one.note.number,
            "before_fen": one.before_fen,
            "after_fen": one.after_fen,
            "effect": one.effect,
            "at": _at(one.at),
        }
        for one in line.adjustments.select_related("note").order_by("id")
    ]
    return {
        "number": line.number,
        "order": line.settlement.order_id,
        "receipt": line.settlement.receipt.id,
        "voucher": line.voucher_code,
        "kind": line.kind,
        "charge_fen": line.charge_fen,
        "subsidy_fen": line.subsidy_fen,
        "net_fen": sum(payables.net_shares(line).values()),
        "shares": shares,
        "adjustments": adjustments,
        "state": line.state,
    }


def _row(line: ClaimLine) -> list[Any]:
    shares = "; ".join(f"{one['payer']} {decimal_yuan(one['fen'])}" for one in line.shares)
    return [
        line.number,
        line.settlement.order_id,
        line.settlement.receipt.id,
        line.kind,
        line.voucher_code,
        decimal_yuan(line.charge_fen),
        decimal_yuan(line.subsidy_fen),
        decimal_yuan(sum(payables.net_shares(line).values())),
        shares,
        line.state,
    ]


def _receipt_file(receipt: Receipt) -> bytes:
    if receipt.fact is None:
        raise Refused(NOT_SIGNED, receipt=receipt.id, because="", because_zh="")
    site = {"agent": receipt.agent_id, "key": receipt.site_key, "signature": receipt.site_signature}
    proof = audit.inclusion(receipt.fact, earliest=True)
    log_key = audit.log_key_of(str(proof["checkpoint"]), receipt.fact.log)
    opened = audit.opened(receipt.fact)
    return receipt_file(receipt=receipt.document, site=site, proof=proof, log_key=log_key, opened=opened)


def _at(at: datetime) -> str:
    return format_at(at)
