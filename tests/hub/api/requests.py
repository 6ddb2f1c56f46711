"""One request for every operation of the API, right enough that only the asking person decides the answer."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tests import packaged
from tests.hub.api.claim_requests import make_claim_requests
from tests.hub.api.world import WORK, make_world
from tests.hub.registry.files import pdf
from tests.people import Person
from tests.sites import enrol_site, inventory_body, make_centre

import hesuan.policy
from hesuan.hub.audit import services as audit
from hesuan.hub.disclosure import sealing
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.files import services as files
from hesuan.hub.flags import services as flags
from hesuan.hub.flags.models import Flag
from hesuan.hub.identity import services as identity
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.registry import services as registry
from hesuan.surveillance.flags import Action, flag
from hesuan.wire.ids import new_id

QUERIES = {
    "GET /bank-statements": "?programme={claim_programme_id}",
    "GET /claimable": "?version={claim_version_id}&centre={claim_centre_id}",
    "GET /floats": "?programme={claim_programme_id}&centre={claim_centre_id}&year=2026",
    "GET /log/consistency": "?first=1&second=2",
    "GET /number-uses": "?kind=contract&number=2026-001",
    "GET /related-parties": "?first={organisation_id}&second={other_id}",
    "PATCH /files/{file_id}": "?offset=0",
    "POST /organisations/{organisation_id}/documents": "?file_name=a.pdf",
}
MEDIA = {"PATCH /files/{file_id}": "application/octet-stream"}
"""What the bytes of a body are, where they are no PDF."""
KEYED = ("/accept", "/deposits", "/pay", "/clawbacks", "/recover", "/floats", "/float-refunds")
STATES = ("SUBMITTED", "UNDER_REVIEW", "APPROVED", "ISSUED")
DOCUMENTS = Path(hesuan.policy.__file__).parent / "programmes"
HENAN = (DOCUMENTS / "cn.henan.suanliquan.2023.yaml").read_text()
CHENGDU = (DOCUMENTS / "cn.chengdu.suanliquan.2023.yaml").read_text()


@dataclass
class Requests:
    """Ids to fill paths with (some by operation), and bodies by operation."""

    ids: dict[str, str]
    own_ids: dict[str, dict[str, str]] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)

    def filled(self, operation: str) -> str:
        """The operation's path with its objects, and the query it cannot do without."""
        path = operation.split()[1]
        ids = {**self.ids, **self.own_ids.get(operation, {})}
        here = re.sub(r"{(\w+)}", lambda match: ids[match[1]], path)
        return here + QUERIES.get(operation, "").format_map(ids)

    def body(self, operation: str) -> Any:
        """The body of an operation; what bytes are, says :meth:`media`."""
        return self.bodies.get(operation, {})

    def media(self, operation: str) -> str:
        """The media type of a body of bytes."""
        return MEDIA.get(operation, "application/pdf")

    def headers(self, operation: str) -> dict[str, str]:
        """A fresh key where one is wanted."""
        key = {"Idempotency-Key": new_id()} if operation.endswith(KEYED) else {}
        return {"Accept-Language": "en", **key}


def make_requests(people: dict[str, Any]) -> Requests:
    """The owner has a settled order, an open quote and a token; the centre asked for has only applied."""
    owner: Person = people["owner"]
    operator: Person = people["centre_operator"]
    world = make_world(owner, operator, people["platform_operator"])
    settled = world.order_for(owner)
    world.start(settled)
    receipt = world.end(settled)
    world.leave_output(settled)
    quote = world.quote_for(owner)
    applied = make_centre(operator.organisation, "Zhengzhou West", admitted=False)
    agent = enrol_site(applied, "agent-2").agent
    token, _ = identity.issue_token(actor=owner.actor, label="test")
    ids = {
        "name": "api.not_json",
        "token_id": token.id,
        "organisation_id": owner.organisation.id,
        "other_id": operator.organisation.id,
        "identity_id": people["colleague"].identity.id,
        "role": "member",
        "centre_id": applied.id,
        "agent_id": agent.id,
        "offering_id": world.offering.id,
        "request_id": quote.request_id,
        "quote_id": quote.id,
        "order_id": settled.id,
        "number": "0",
        "receipt_id": receipt.id,
        "leaf_index": "1",
    }
    document = registry.upload(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        file_name="a.pdf",
        media_type="application/pdf",
        content=pdf(),
    )
    ids["document_id"] = document.id
    ids["entry_id"] = declared_fact(owner)
    ids["file_id"] = begun_file(owner)
    ids["app_id"] = packaged.publish(people["platform_operator"], packaged.SMALLEST).id
    office = make_office(people)
    ids["admission_id"] = services.admit_supplier(
        actor=people["officer"].actor,
        programme_id=office.ids["programme_id"],
        centre_id=world.site.agent.centre_id,
        reason="listed",
        batch="2025-1",
    ).id
    ids |= office.ids
    seal(ids["voucher_id"])
    ids["flag_id"] = make_flag(office.ids["programme_id"])
    told = bodies(people, ids, admitted_centre_id=world.site.agent.centre_id)
    for operation in ("POST /applications", "POST /calls"):
        told[operation]["programme_version"] = office.active_version
    version = ProgrammeVersion.objects.get(pk=office.active_version)
    redeemed = make_claim_requests(people, world, version)
    ids |= redeemed.ids
    return Requests(ids, {**office.own_ids, **redeemed.own_ids}, {**told, **redeemed.bodies})


def seal(voucher_id: str) -> None:
    """The log of a voucher's programme, sealed today."""
    log = Voucher.objects.get(pk=voucher_id).programme_version.programme_id
    disclosure.disclose()
    audit.sequence(log)
    sealing.seal(log, "2026-11-20")
    audit.sequence(log)


def make_flag(programme_id: str) -> str:
    """A flag that concerns a programme of the office."""
    verdict = flag("A12", Action.FLAG, "claim:1", refs=["1"], claims=3, limit_claims=3)
    flags.raise_flag(verdict, concerning=[f"programme:{programme_id}"])
    return str(Flag.objects.get().id)


PIECE = b"id,count\n1,2\n"
SHA256 = hashlib.sha256(PIECE).hexdigest()


def begun_file(owner: Person) -> str:
    """A file of the owner's organisation of which nothing has come yet."""
    made = files.begin(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        name="a.csv",
        size_bytes=len(PIECE),
        sha256=SHA256,
    )
    return str(made.id)


PROOF = {"issuer": "Market regulator", "valid_from": "2026-01-01"}


def declared_fact(owner: Person) -> str:
    """A fact of the owner's organisation that nobody has checked."""
    made = registry.enter_fact(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        name="size",
        value="small",
        proof=registry.Proof("Market regulator", date(2026, 1, 1)),
    )
    return str(made.id)


@dataclass
class Office:
    """The programme office's objects: a programme still a draft, and applications in every state."""

    ids: dict[str, str]
    own_ids: dict[str, dict[str, str]]
    active_version: str


def make_office(people: dict[str, Any]) -> Office:
    """Henan active with a second version as a draft; Chengdu a draft; four applications of the owner's."""
    officer = people["officer"].actor
    active = services.load_programme(actor=officer, text=HENAN, source_name="henan.yaml")
    services.activate(actor=people["approver"].actor, version_id=active.id)
    next_text = HENAN.replace("version: 1", "version: 2")
    draft = services.load_programme(actor=officer, text=next_text, source_name="henan-2.yaml")
    chengdu = services.load_programme(actor=officer, text=CHENGDU, source_name="chengdu.yaml")
    carried = {state: application(people, active.id, state) for state in STATES}
    voucher = services.issue(actor=people["approver"].actor, application_id=carried["ISSUED"])
    public = make_public(people)
    calls = {"call_id": selectors.open_calls()[0].id}
    staged = make_staged(people)
    its = "/vouchers/{voucher_id}"
    here = "/applications/{application_id}"
    return Office(
        ids={
            "programme_id": chengdu.programme_id,
            "version_id": draft.id,
            "application_id": carried["ISSUED"],
            "voucher_id": voucher.id,
            "objection_id": public["objection"],
            **calls,
        },
        own_ids={
            f"POST {here}/amend": {"application_id": public["returned"]},
            f"POST {here}/submit": {"application_id": public["returned"]},
            f"POST {here}/objections": {"application_id": public["public"]},
            f"GET {here}/objections": {"application_id": public["objected"]},
            f"POST {here}/interests": {"application_id": carried["SUBMITTED"]},
            f"POST {here}/review": {"application_id": carried["SUBMITTED"]},
            f"POST {here}/approve": {"application_id": carried["UNDER_REVIEW"]},
            f"POST {here}/issue": {"application_id": carried["APPROVED"]},
            **{f"POST {its}/{verb}": {"voucher_id": staged[0]} for verb in ("release", "exempt")},
            **{f"POST {its}/{verb}": {"voucher_id": staged[1]} for verb in ("answer", "reinstate", "revoke")},
        },
        active_version=active.id,
    )


def make_public(people: dict[str, Any]) -> dict[str, str]:
    """A programme with days of publicity: one application public, one objected to, one returned."""
    officer = people["officer"].actor
    text = HENAN.replace("programme: cn.henan.suanliquan.2023", "programme: cn.henan.public")
    text = text.replace('transferable: "?"}', 'transferable: "?", publicity_days: 7}')
    version = services.load_programme(actor=officer, text=text, source_name="public.yaml")
    services.activate(actor=people["approver"].actor, version_id=version.id)
    made = {name: application(people, version.id, "APPROVED") for name in ("public", "objected")}
    objection = services.object_to(
        actor=people["stranger"].actor, application_id=made["objected"], reason="a shell"
    )
    returned = application(people, version.id, "SUBMITTED")
    services.review(actor=people["reviewer"].actor, application_id=returned, verdict="return", note="page 3")
    return {**made, "objection": objection.id, "returned": returned}


def make_staged(people: dict[str, Any]) -> list[str]:
    """A voucher in two tranches with a checkpoint, and one that is suspended and was answered for."""
    officer, owner = people["officer"].actor, people["owner"].actor
    text = HENAN.replace("programme: cn.henan.suanliquan.2023", "programme: cn.henan.staged")
    text = text.replace(
        'transferable: "?"}',
        'transferable: "?", tranches: [{id: a, share: 1/2, release: issuance},'
        " {id: b, share: 1/2, release: progress_report}]}",
    )
    text += (
        "\nexpiry: {mode: decay, exemption: manager, returns_to: budget, checkpoints: [{date: 2026-12-31,"
        " reference: current, brackets: [{lt: 1/2, remove_of_unused: 1/2}]}]}\n"
    )
    version = services.load_programme(actor=officer, text=text, source_name="staged.yaml")
    services.activate(actor=people["approver"].actor, version_id=version.id)
    made = [
        services.issue(
            actor=people["approver"].actor, application_id=application(people, version.id, "ISSUED")
        ).id
        for _ in range(2)
    ]
    services.suspend(actor=officer, voucher_id=made[1], reason="idle")
    services.answer(actor=owner, voucher_id=made[1], statement="it is not")
    return made


def application(people: dict[str, Any], version_id: str, state: str) -> str:
    """An application of the owner's, carried as far as a state (an ISSUED one: as far as its approval)."""
    made = services.apply(
        actor=people["owner"].actor,
        organisation_id=people["owner"].organisation.id,
        version_id=version_id,
        planned_fen=100_000,
        facts={},
    )
    if state != "SUBMITTED":
        services.review(actor=people["reviewer"].actor, application_id=made.id, verdict="pass")
    if state in ("APPROVED", "ISSUED"):
        services.approve(actor=people["approver"].actor, application_id=made.id)
    return str(made.id)


def bodies(people: dict[str, Any], ids: dict[str, str], *, admitted_centre_id: str) -> dict[str, Any]:
    """The body of every operation that wants one."""
    return {
        "POST /tokens": {"label": "ci", "days": 7},
        "POST /organisations": {"name": "New Maker", "kind": "maker"},
        "POST /organisations/{organisation_id}/roles": {
            "identity": people["stranger"].identity.id,
            "role": "member",
        },
        "POST /organisations/{organisation_id}/deposits": {"amount_yuan": "12.50"},
        "POST /organisations/{organisation_id}/documents": pdf(),
        "POST /files": {
            "organisation": ids["organisation_id"],
            "name": "a.csv",
            "size_bytes": len(PIECE),
            "sha256": SHA256,
        },
        "PATCH /files/{file_id}": PIECE,
        "POST /apps": packaged.body(people["platform_operator"], packaged.SMALLEST),
        "POST /centres/{centre_id}/benchmarks": {"app": "omics-match"},
        "POST /organisations/{organisation_id}/facts": {**PROOF, "name": "employees", "value": 20},
        "POST /organisations/{organisation_id}/relations": {**PROOF, "kind": "phone", "value": "0371 1234"},
        "POST /organisations/{organisation_id}/aid": {
            **PROOF,
            "authority": "zhengzhou",
            "scope": "contract",
            "contract_number": "2026-001",
            "amount_yuan": "100.00",
        },
        "POST /organisations/{organisation_id}/openings": {
            "office": people["officer"].organisation.id,
            "because": "asked",
        },
        "POST /documents/{document_id}/openings": {
            "office": people["officer"].organisation.id,
            "because": "asked",
        },
        "POST /registry-entries/{entry_id}/steps": {"to": "checked"},
        "POST /centres": {
            "organisation": people["centre_operator"].organisation.id,
            "name": "Zhengzhou North",
            "city": "Zhengzhou",
        },
        "POST /centres/{centre_id}/inventory": {"body": inventory_body()},
        "POST /agents/{agent_id}/revoke": {"reason": "key lost"},
        "POST /agents/{agent_id}/drain": {"reason": "new power supply"},
        "POST /offerings": {
            "centre": admitted_centre_id,
            "title": "CPU West",
            "cores": 2,
            "price_yuan_per_core_hour": "0.20",
        },
        "POST /offerings/{offering_id}/prices": {"price_yuan_per_core_hour": "0.30"},
        "POST /programmes": {"text": HENAN.replace("version: 1", "version: 3"), "source_name": "h.yaml"},
        "POST /programme-versions/{version_id}/simulate": {
            "file_name": "claims.csv",
            "content": "claim,on,kind,amount\n1,2026-03-01,compute,1000.00\n",
        },
        "POST /programmes/{programme_id}/suppliers": {"centre": admitted_centre_id, "reason": "listed"},
        "POST /supplier-admissions/{admission_id}/end": {"reason": "delisted"},
        "POST /applications": {
            "organisation": ids["organisation_id"],
            "planned_yuan": "1000.00",
            "facts": {},
        },
        "POST /applications/{application_id}/review": {"verdict": "pass", "note": "seen"},
        "POST /applications/{application_id}/approve": {"verdict": "pass"},
        "POST /applications/{application_id}/amend": {"planned_yuan": "2000.00"},
        "POST /applications/{application_id}/interests": {"conflicted": False},
        "POST /applications/{application_id}/objections": {"reason": "a shell"},
        "POST /objections/{objection_id}/resolve": {"verdict": "dismiss", "reason": "it is not"},
        "POST /vouchers/{voucher_id}/surrender": {"reason": "not needed"},
        "POST /vouchers/{voucher_id}/transfer": {"organisation": ids["other_id"]},
        "POST /vouchers/{voucher_id}/release": {"event": "progress_report", "reason": "report seen"},
        "POST /vouchers/{voucher_id}/exempt": {"day": "2026-12-31", "reason": "the machine was down"},
        "POST /vouchers/{voucher_id}/share": {
            "day": "2026-12-31",
            "remove_of_unused": "1/2",
            "reason": "it was meant so",
        },
        "POST /vouchers/{voucher_id}/extend": {"last_day": "2030-12-31", "reason": "the machine was down"},
        "POST /vouchers/{voucher_id}/end_claims": {"reason": "all is claimed"},
        "POST /vouchers/{voucher_id}/suspend": {"reason": "resold"},
        "POST /vouchers/{voucher_id}/answer": {"statement": "we did not"},
        "POST /vouchers/{voucher_id}/reinstate": {"reason": "explained"},
        "POST /vouchers/{voucher_id}/revoke": {"reason": "the proof stands"},
        "POST /calls": {"opens_on": "2026-12-01", "closes_on": "2026-12-31"},
        "POST /calls/{call_id}/close": {"reason": "the budget is used up"},
        "POST /programmes/{programme_id}/steps": {
            "step": "reviewer",
            "office": people["officer"].organisation.id,
        },
        "POST /log/incidents": {"reason": "a power cut"},
        "POST /log/erasures": {"log": "platform", "leaf": 0, "reason": "asked for"},
        "POST /flags/{flag_id}/decide": {"outcome": "dismissed", "reason": "seen"},
        "POST /programmes/{programme_id}/thresholds": {"name": "a12_least", "value": 4, "reason": "few"},
        "POST /quote-requests": {"organisation": ids["organisation_id"], "work": WORK},
    }
