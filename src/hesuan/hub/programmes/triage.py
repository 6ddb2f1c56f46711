"""What happens by itself on submission: one contract once, approval where the risk is low.

The engine approves where the document's ``auto_approve`` is true, everything that ``evidence_required`` names
stands checked and fresh in the registry, and nothing else asks for a person. What does ask is kept with the
application as a flag, for whoever then reviews it.
"""

from __future__ import annotations

from datetime import date, datetime

from hesuan.errors import Refused
from hesuan.hub.centres.models import Centre
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import engine, errors, rules
from hesuan.hub.programmes.models import Application
from hesuan.hub.programmes.steps import move, record
from hesuan.hub.programmes.versions import lock
from hesuan.hub.registry import services as registry
from hesuan.hub.registry import standing
from hesuan.hub.registry.rules import Standing
from hesuan.policy.terms import Proof, Validity
from hesuan.policy.windows import later
from hesuan.wire.canonical import Json

State = Application.State
Flag = tuple[str, str]
"""Why a person has to look, in English and in Chinese."""

_OF_THE_APPLICANT = "applicant."
_BY_PEOPLE: Flag = ("it was returned before, so that people look at it again", "曾被退回，须由人员复核")


# --- One contract once ---


def need_contract_once(application: Application) -> None:
    """Where a cap allows a contract one claim, a second application for it is not taken, by whomever.

    Raises:
        Refused: ``application.contract_taken``.
    """
    number = str(application.declared.get("contract.id", ""))
    if not number:
        return
    version = application.programme_version
    if any(cap.key == ("contract",) and cap.counts == "claims" for cap in engine.programme_of(version).caps):
        lock(version.programme_id)
        others = Application.objects.filter(programme_version__programme_id=version.programme_id)
        live = set(others.exclude(state__in=("DRAFT", "REJECTED")).values_list("id", flat=True))
        for use in standing.doubles(kind="contract", number=number, besides=_use(application)):
            kind, _, other = use.used_by.partition(":")
            if kind == "application" and other in live:
                raise Refused(errors.CONTRACT_TAKEN, contract=number, other=other)
    registry.note_number(
        kind="contract",
        number=number,
        organisation_id=application.organisation_id,
        used_by=_use(application),
        programme=version.programme_id,
    )


def _use(application: Application) -> str:
    return f"application:{application.id}"


# --- Approval by the engine ---


def passes_by_itself(application: Application, now: datetime) -> bool:
    """Approves a submitted application where the rule and the record allow it; otherwise says why not."""
    if not application.decision["auto_approved"]:
        application.flags = []
        return False
    day = rules.programme_day(now)
    record_now = standing.facts_of(application.organisation_id, day)
    issuance = engine.programme_of(application.programme_version).terms
    lacking = [flag for proof in issuance.proofs if (flag := _lack(proof, record_now, day))]
    flags = [*lacking, *_flags(application, day)]
    application.flags = [{"en": en, "zh": zh} for en, zh in flags]
    if flags:
        return False
    proved: list[Json] = [_evidence(proof, record_now) for proof in issuance.proofs]
    application.decision = {**application.decision, "evidence": proved}
    move(application, State.AUTO_APPROVED, trigger="engine", actor=SYSTEM, at=now)
    record("application.auto_approved", application, SYSTEM, {"evidence": len(proved)})
    return True


def _lack(proof: Proof, record_now: Standing, day: date) -> Flag | None:
    """Why a proof does not stand checked and fresh in the registry."""
    name = proof.fact.removeprefix(_OF_THE_APPLICANT)
    fact = record_now.holds.get(name) if proof.fact.startswith(_OF_THE_APPLICANT) else None
    what = proof.fact or proof.doc_type
    if fact is None:
        why = next((one for one in record_now.stale if one.fact.name == name), None)
        en, zh = (why.en, why.zh) if why else ("nothing is on record", "档案中没有记录")
        return f"`{what}` is not proved: {en}", f"“{what}”未经证明：{zh}"
    if not isinstance(proof.max_age, Validity) or not proof.max_age.count:
        return None
    last = later(fact.valid_from, proof.max_age.count, proof.max_age.unit)
    if day <= last:
        return None
    return (
        f"`{what}` is proved as of {fact.valid_from}, which counted until {last}",
        f"“{what}”的证明日期为 {fact.valid_from}，有效至 {last}",
    )


def _evidence(proof: Proof, record_now: Standing) -> Json:
    fact = record_now.holds[proof.fact.removeprefix(_OF_THE_APPLICANT)]
    return {"fact": proof.fact, "entry": fact.entry_id, "valid_from": str(fact.valid_from)}


def _flags(application: Application, day: date) -> list[Flag]:
    found: list[Flag] = [_BY_PEOPLE] if application.round > 1 else []
    number = str(application.declared.get("contract.id", ""))
    if number:
        for use in standing.doubles(kind="contract", number=number, besides=_use(application)):
            found.append(
                (f"contract {number} is also used by {use.used_by}", f"合同 {number} 另见于 {use.used_by}")
            )
    return [*found, *_related_supplier(application, day)]


def _related_supplier(application: Application, day: date) -> list[Flag]:
    """The supplier of the contract, where it is stated, and what ties it to the applicant."""
    stated = str(application.declared.get("supplier.id", ""))
    centre = Centre.objects.filter(pk=stated).first()
    supplier = Organisation.objects.filter(pk=centre.organisation_id if centre else stated).first()
    if supplier is None:
        return []
    if supplier.id == application.organisation_id:
        return [("the supplier is the applicant itself", "供给方即申领方")]
    view = standing.related(SYSTEM, application.organisation_id, supplier.id, day)
    return [(view.en, view.zh)] if view.related else []
