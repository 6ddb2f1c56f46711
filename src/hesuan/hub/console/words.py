"""Words for stored values: one table per kind of value, English here, Chinese in the catalogue."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from hesuan.hub.console import deed_words, flag_words, record_words, voucher_words

Words = dict[str, str | Promise]

RUN: Words = {
    "CREATED": _("created"),
    "PENDING": _("waiting for the agent"),
    "SUBMITTED": _("submitted"),
    "RUNNING": _("running"),
    "COMPLETED": _("completed"),
    "FAILED": _("failed"),
    "KILLED": _("killed"),
    "TIMEOUT": _("time limit reached"),
    "CANCELLED": _("cancelled"),
    "REFUSED": _("refused by the agent"),
    "UNKNOWN": _("unknown"),
}
EVIDENCE: Words = {
    "kernel": _("kernel"),
    "accounting": _("the scheduler's accounting"),
    "self-reported": _("the engine's own word"),
}
ORDER: Words = {"PLACED": _("placed"), "SETTLED": _("settled")}
QUOTE: Words = {
    "OPEN": pgettext_lazy("quote", "open"),
    "ACCEPTED": pgettext_lazy("quote", "accepted"),
    "EXPIRED": pgettext_lazy("quote", "expired"),
}
VERSION: Words = {"draft": _("draft"), "active": _("active"), "retired": _("retired")}
APPLICATION: Words = {
    "DRAFT": pgettext_lazy("application", "being written"),
    "SUBMITTED": pgettext_lazy("application", "waits for review"),
    "AUTO_APPROVED": pgettext_lazy("application", "approved by the rule"),
    "UNDER_REVIEW": pgettext_lazy("application", "under review"),
    "RETURNED": pgettext_lazy("application", "returned for completion"),
    "APPROVED": pgettext_lazy("application", "waits for issue"),
    "PUBLICISED": pgettext_lazy("application", "public, open to objection"),
    "OBJECTED": pgettext_lazy("application", "objected to"),
    "REJECTED": pgettext_lazy("application", "rejected"),
    "ISSUED": pgettext_lazy("application", "issued"),
}
CENTRE: Words = {
    "applied": pgettext_lazy("centre", "waits for admission"),
    "admitted": pgettext_lazy("centre", "admitted"),
}
RECEIPT: Words = {"DRAFT": _("waits for the site's signature"), "SIGNED": _("signed and in the log")}
ROLE: Words = {
    "owner": _("owner"),
    "member": _("member"),
    "centre_operator": _("centre operator"),
    "programme_officer": _("programme officer"),
    "reviewer": _("reviewer"),
    "approver": _("approver"),
    "auditor": _("auditor"),
    "platform_operator": _("platform operator"),
    "security_admin": _("security administrator"),
}
ORGANISATION: Words = {
    "enterprise": _("enterprise"),
    "tech_msme": _("technology small or medium enterprise"),
    "maker": _("maker"),
    "research_institute": _("research institute"),
    "university": _("university"),
    "compute_intermediary": _("compute intermediary"),
    "centre": _("centre"),
    "programme_office": _("programme office"),
    "audit_office": _("audit office"),
    "platform": _("platform"),
}
TRANSFER: Words = {
    "fund": pgettext_lazy("transfer", "fund"),
    "issue": pgettext_lazy("transfer", "issue"),
    "deposit": pgettext_lazy("transfer", "deposit"),
    "hold": pgettext_lazy("transfer", "hold"),
    "capture": pgettext_lazy("transfer", "capture"),
    "release": pgettext_lazy("transfer", "release"),
    "settle": pgettext_lazy("transfer", "settle"),
    "expire": pgettext_lazy("transfer", "expire"),
    "reverse": pgettext_lazy("transfer", "reverse"),
}

WORK_UNITS = _("work units")
UNIT: Words = {"sample": _("samples"), "samples": _("samples"), "token": _("tokens"), "tokens": _("tokens")}
ACCOUNT: Words = {
    "budget": pgettext_lazy("account", "budget"),
    "appropriation": pgettext_lazy("account", "appropriation"),
    "bank": pgettext_lazy("account", "bank"),
}
PAYER: Words = {
    "state": _("central government"),
    "province": _("province"),
    "city": _("city"),
    "county": _("county"),
    "city_finance": _("city finance"),
    "county_finance": _("county finance"),
}
STEP: Words = {
    "draft": pgettext_lazy("step", "begun"),
    "submit": pgettext_lazy("step", "submitted"),
    "engine": pgettext_lazy("step", "approved by the rule"),
    "review.pass": pgettext_lazy("step", "reviewed and passed on"),
    "review.return": pgettext_lazy("step", "returned for completion"),
    "review.reject": pgettext_lazy("step", "rejected on review"),
    "approve.pass": pgettext_lazy("step", "approved"),
    "approve.return": pgettext_lazy("step", "returned by the approver"),
    "approve.reject": pgettext_lazy("step", "rejected by the approver"),
    "publicise": pgettext_lazy("step", "put on the public list"),
    "object": pgettext_lazy("step", "objected to"),
    "resolve.dismiss": pgettext_lazy("step", "objection dismissed"),
    "resolve.return": pgettext_lazy("step", "returned after an objection"),
    "resolve.reject": pgettext_lazy("step", "rejected after an objection"),
    "issue": pgettext_lazy("step", "voucher issued"),
    "clock": pgettext_lazy("step", "voucher issued by the clock"),
    "claim": pgettext_lazy("step", "made by a claim after use"),
    "opened": pgettext_lazy("step", "claim opened"),
    "corrected": pgettext_lazy("step", "papers corrected"),
    "submitted": pgettext_lazy("step", "submitted"),
    "rate_set": pgettext_lazy("step", "rate set"),
    "matched": pgettext_lazy("step", "contract, invoice and meter agree"),
    "mismatch": pgettext_lazy("step", "contract, invoice and meter differ"),
    "waived": pgettext_lazy("step", "differences waived"),
    "verified": pgettext_lazy("step", "verified"),
    "approved": pgettext_lazy("step", "approved"),
    "publicised": pgettext_lazy("step", "put on the public list"),
    "payable": pgettext_lazy("step", "made payable"),
    "paid": pgettext_lazy("step", "paid"),
    "returned": pgettext_lazy("step", "returned for completion"),
    "rejected": pgettext_lazy("step", "rejected"),
    "withdrawn": pgettext_lazy("step", "withdrawn"),
    "drawn": pgettext_lazy("step", "drawn for an audit"),
    "audit_passed": pgettext_lazy("step", "audit passed"),
    "audit_findings": pgettext_lazy("step", "audit with findings"),
    "raised": pgettext_lazy("step", "more became payable after a credit note"),
    "reconciled": pgettext_lazy("step", "found at the bank, to the fen"),
    "claim_closed": pgettext_lazy("step", "claim closed"),
    "closed": pgettext_lazy("step", "batch closed"),
    "reviewed": pgettext_lazy("step", "batch reviewed"),
}
CLAIM: Words = {
    "DRAFT": pgettext_lazy("claim", "being written"),
    "MATCHED": pgettext_lazy("claim", "papers agree"),
    "MISMATCH": pgettext_lazy("claim", "papers differ"),
    "VERIFIED": pgettext_lazy("claim", "verified"),
    "SAMPLED_AUDIT": pgettext_lazy("claim", "drawn for an audit"),
    "APPROVED": pgettext_lazy("claim", "approved"),
    "PUBLICISED": pgettext_lazy("claim", "public, open to objection"),
    "PAYABLE": pgettext_lazy("claim", "payable"),
    "PAID": pgettext_lazy("claim", "paid"),
    "RECONCILED": pgettext_lazy("claim", "found at the bank"),
    "CLOSED": pgettext_lazy("claim", "closed"),
    "REJECTED": pgettext_lazy("claim", "rejected"),
    "WITHDRAWN": pgettext_lazy("claim", "withdrawn"),
}
CLAIM_LINE: Words = {
    "CLAIMED": pgettext_lazy("claim line", "claimed"),
    "PAYABLE": pgettext_lazy("claim", "payable"),
    "PAID": pgettext_lazy("claim", "paid"),
    "REFUSED": pgettext_lazy("claim line", "not paid"),
}
BATCH: Words = {
    "OPEN": pgettext_lazy("batch", "open"),
    "CLOSED": pgettext_lazy("batch", "closed, waits for review"),
    "REVIEWED": pgettext_lazy("batch", "reviewed, waits for payment"),
    "PAID": pgettext_lazy("batch", "paid"),
}
CLAWBACK: Words = {
    "DUE": pgettext_lazy("clawback", "due"),
    "RECOVERED": pgettext_lazy("clawback", "came back"),
    "OFFSET": pgettext_lazy("clawback", "set off"),
    "WRITTEN_OFF": pgettext_lazy("clawback", "written off"),
}
FLOW: Words = {
    "reimburse_user": _("the user is reimbursed"),
    "deduct_pay_supplier": _("deducted at once, the centre is paid"),
    "prefund_supplier": _("the centre has a float in advance"),
}
PAPER: Words = {
    "contract": _("Contract"),
    "invoice": _("Invoice"),
    "payment": _("Payment"),
    "delivery_proof": _("Proof of delivery"),
}
PAPER_FIELD: Words = {
    "number": _("Number"),
    "signed_on": _("Signed on"),
    "issued_on": _("Issued on"),
    "paid_on": _("Paid on"),
    "accepted_on": _("Accepted on"),
    "starts_on": _("Begins on"),
    "ends_on": _("Ends on"),
    "amount_fen": _("Amount, in yuan"),
    "buyer": _("Buyer"),
    "seller": _("Seller"),
    "kinds": _("Kinds"),
}
CLAIM_VERB: Words = {
    "submit": _("Submit and compare"),
    "verify": _("Verify"),
    "approve": _("Approve"),
    "make_payable": _("Make it payable"),
    "pay": _("Pay"),
    "close_batch": _("Close the batch"),
    "review_batch": _("The batch is right"),
    "pay_batch": _("Pay the batch"),
}
OBJECTION: Words = {
    "open": pgettext_lazy("objection", "not decided yet"),
    "dismissed": pgettext_lazy("objection", "dismissed"),
    "returned": pgettext_lazy("objection", "upheld, returned for completion"),
    "rejected": pgettext_lazy("objection", "upheld, application rejected"),
}
VALUE: Words = {
    "national": _("national"),
    "provincial": _("provincial"),
    "municipal": _("municipal"),
    "micro": _("micro"),
    "small": _("small"),
    "medium": _("medium"),
    "large": _("large"),
    "lead": _("lead"),
    "participant": _("participant"),
    "training": _("training"),
    "inference": _("inference"),
    "research": _("research"),
    "enterprise": _("enterprise"),
    "startup": _("start-up"),
    "university": _("university"),
}
"""Values that documents name; unknown ones are shown as they stand."""

ASKED: Words = {
    **{f"applicant.{name}": text for name, text in record_words.FACT.items()},
    "applicant.is_admitted_supplier": _("Admitted as a supplier itself"),
    "applicant.age_months": _("Months since founding"),
    "applicant.subsidy_declared": _("Other subsidies are declared"),
    "contract.id": _("Contract number"),
    "contract.amount": _("Amount of the contract"),
    "contract.signed_on": _("Contract signed on"),
    "contract.starts_on": _("Contract begins on"),
    "contract.ends_on": _("Contract ends on"),
    "contract.months": _("Months of the contract"),
    "project.id": _("Project number"),
    "project.amount": _("Amount of the project"),
    "project.level": _("Level of the project"),
    "project.role": _("Role in the project"),
    "relation.related_party": _("Related to the supplier"),
    "relation.counterpart_claimed": _("The other side has claimed too"),
    "relation.same_group": _("In one group with the supplier"),
    "request.draw": _("Amount drawn"),
    "request.gpu_hours": _("GPU hours asked for"),
    "request.kind": _("Kind of request"),
    "request.matches": _("Answers the call"),
    "request.months": _("Months asked for"),
    "request.ordinal": _("Which request this is, counted"),
    "request.pool": _("Pool"),
    "request.units": _("Units asked for"),
    "use.kind": _("Kind of use"),
    "use.purpose": _("Purpose of use"),
    "use.is_own_use": _("For one's own use"),
    "use.is_self_built": _("On one's own machines"),
}
"""What an applicant states, by the names of conditions."""

TABLES: dict[str, Words] = {
    "run": RUN,
    "evidence": EVIDENCE,
    "order": ORDER,
    "quote": QUOTE,
    "version": VERSION,
    "application": APPLICATION,
    "centre": CENTRE,
    "receipt": RECEIPT,
    "role": ROLE,
    "organisation": ORGANISATION,
    "transfer": TRANSFER,
    "unit": UNIT,
    "payer": PAYER,
    "voucher": voucher_words.STATE,
    "voucher_step": voucher_words.STEP,
    "suspension": deed_words.SUSPENSION,
    "call": deed_words.CALL,
    "review_step": deed_words.REVIEW_STEP,
    "clawback_step": deed_words.CLAWBACK_STEP,
    "float": deed_words.FLOAT,
    "dispute": deed_words.DISPUTE,
    "audit": deed_words.AUDIT,
    "flag": flag_words.STATE,
    "flag_action": flag_words.ACTION,
    "measure": flag_words.MEASURE,
    "threshold_unit": flag_words.UNIT,
    "threshold_source": flag_words.SOURCE,
    "fact": record_words.FACT,
    "relation": record_words.RELATION,
    "aid_scope": record_words.AID_SCOPE,
    "entry": record_words.ENTRY,
    "record": record_words.RECORD,
    "claim": CLAIM,
    "claim_line": CLAIM_LINE,
    "claim_verb": CLAIM_VERB,
    "batch": BATCH,
    "clawback": CLAWBACK,
    "flow": FLOW,
    "paper": PAPER,
    "paper_field": PAPER_FIELD,
    "step": STEP,
    "objection": OBJECTION,
    "asked": ASKED,
    "value": VALUE,
}

_GOOD = frozenset(
    {
        "open",
        "ACTIVE",
        "HELD",
        "checked",
        "COMPLETED",
        "SETTLED",
        "SIGNED",
        "ISSUED",
        "active",
        "admitted",
        "ACCEPTED",
        "PAID",
    }
)
_GOING = frozenset(
    {
        "planned",
        "RUNNING",
        "SUBMITTED",
        "AUTO_APPROVED",
        "UNDER_REVIEW",
        "PUBLICISED",
        "PLACED",
        "OPEN",
        "APPROVED",
        "DRAFT",
        "applied",
        "declared",
        "PENDING",
        "MATCHED",
        "VERIFIED",
        "PAYABLE",
        "CLOSED",
        "REVIEWED",
    }
)
_BAD = frozenset(
    {
        "SUSPENDED",
        "REVOKED",
        "refused",
        "MISMATCH",
        "FAILED",
        "KILLED",
        "TIMEOUT",
        "REFUSED",
        "UNKNOWN",
        "REJECTED",
        "RETURNED",
        "OBJECTED",
    }
)


def tone(value: str) -> str:
    """``good``, ``going``, ``bad`` or ``still``: how a state is coloured, whatever table it is from."""
    if value in _GOOD:
        return "good"
    if value in _GOING:
        return "going"
    return "bad" if value in _BAD else "still"
