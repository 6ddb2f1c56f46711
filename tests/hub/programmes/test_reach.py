"""What the platform cannot carry out keeps a programme from being activated, though the engine decides it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.policy.rules import rules_with

import hesuan.policy
from hesuan.hub.programmes import reach
from hesuan.policy.schema import load

APPROVAL = "issuance: {event: approval, validity: P12M"
BEYOND = [
    ("base: {measure: usage_fee, kinds: [labelling, storage], tax: incl}", "base.kinds"),
    ("eligible: {all: [year.redeemed_total >= 500000.00]}", "eligible"),
    (
        "suppliers: {registry: [pool], require: [supplier.is_independent_legal_person == true]}",
        "suppliers.require",
    ),
    ("suppliers: {registry: [pool], price_rule: L1_match}", "suppliers.price_rule"),
    (
        "rates: {select: first, tiers: [{id: a, when: {all: [resource.provenance == domestic]}, rate: 1/2,"
        " rate_kind: exact}]}",
        "rates.tiers[a].when",
    ),
    ("settlement: {flow: post_award}", "settlement.flow"),
    ("unit: GPU_HOUR", "unit"),
    ("issuance: {event: order, validity: P12M}", "issuance.event"),
    (APPROVAL + ", transferable: true}", "issuance.transferable"),
    (
        "issuance: {event: none, validity: open_ended}\nsettlement: {flow: deduct_pay_supplier}",
        "settlement.flow",
    ),
    (
        "issuance: {event: none, validity: open_ended, tranches: [{id: a, share: 1/1, release: issuance}]}\n"
        "settlement: {flow: reimburse_user}",
        "issuance.tranches",
    ),
    (
        "issuance: {event: none, validity: open_ended, else_steps: [county]}\n"
        "settlement: {flow: reimburse_user}",
        "issuance.else_steps",
    ),
    (
        "issuance: {event: none, validity: open_ended}\nsettlement: {flow: reimburse_user}\n"
        "rates: {select: first, tiers: [{id: a, when: {all: []}, rate: 1/2, rate_kind: ceiling}]}",
        "rates.tiers[a].rate_kind",
    ),
    ('caps: [{id: a, key: [supplier], window: lifetime, limit: "1", counts: issued}]', "caps[a].key"),
]
AFTER_USE = "issuance: {event: none, validity: open_ended}\nsettlement: {flow: reimburse_user}"
CARRIED_OUT = [
    AFTER_USE,
    AFTER_USE + '\ncaps: [{id: a, key: [supplier], window: lifetime, limit: "9", counts: issued}]',
    AFTER_USE + '\ncaps: [{id: a, key: [contract], window: lifetime, limit: "9", counts: claims}]',
    AFTER_USE + "\neligible: {all: [year.base_total <= 500000.00, resource.provenance == domestic]}",
    'caps: [{id: a, key: [funding_award], window: lifetime, limit: "1", counts: issued}]',
    "eligible: {all: [year.base_total >= 500000.00]}",
    "base: {measure: usage_fee, kinds: [ai_compute, storage], tax: incl}",
    "rates: {select: first, tiers: [{id: a, when: {all: [line.kind == ai_compute,"
    " resource.provenance == domestic]}, rate: 1/2, rate_kind: exact},"
    " {id: b, when: {all: []}, rate: 1/3, rate_kind: exact}]}",
    "suppliers: {registry: [pool], require: [supplier.admission_covers_contract_date == true]}",
    "rates: {select: first, tiers: [{id: a, when: {all: [line.kind == model, model.is_filed == true]},"
    " rate: 1/2, rate_kind: exact}, {id: b, when: {all: []}, rate: 1/3, rate_kind: exact}]}",
    "expiry: {mode: decay, checkpoints: []}",
    APPROVAL + ", transferable: false, tranches: [{id: a, share: 1/1, release: issuance}]}",
    'caps: [{id: a, key: [contract], window: lifetime, limit: "9", counts: claims}]',
    'caps: [{id: a, key: [applicant], window: "rolling(P3Y)", limit: "900000", counts: issued}]',
    'caps: [{id: a, key: [supplier], window: quarter, limit: "900000", counts: redeemed}]',
    'caps: [{id: a, key: [applicant], window: calendar_year, limit: "900000", counts: both}]',
]


@pytest.mark.parametrize(("line", "field"), BEYOND)
def test_what_the_platform_cannot_carry_out_blocks_activation(line: str, field: str) -> None:
    [finding] = [one for one in reach.findings(rules_with(*line.splitlines())) if one.blocks]
    assert (finding.field, finding.code.name) == (field, "policy.not_executed")


def test_what_it_can_is_let_through() -> None:
    """Negative control: the small programme has nothing beyond."""
    assert reach.beyond(rules_with()) == ()


@pytest.mark.parametrize("flow", ["reimburse_user", "deduct_pay_supplier", "prefund_supplier"])
@pytest.mark.parametrize("counts", ["redeemed", "both"])
def test_limits_on_use_are_carried_out_under_every_flow_that_is(flow: str, counts: str) -> None:
    """Negative control: under a flow of which nobody holds anything they are told."""
    cap = f'caps: [{{id: a, key: [applicant], window: lifetime, limit: "9.00", counts: {counts}}}]'
    found = reach.beyond(rules_with(cap, f"settlement: {{flow: {flow}}}"))
    assert [one.field for one in found] == []
    found = reach.beyond(rules_with(cap, "settlement: {flow: no_cash}"))
    assert [one.field for one in found] == ["caps[a].counts", "settlement.flow"]


@pytest.mark.parametrize("line", CARRIED_OUT)
def test_counters_tranches_and_checkpoints_are_carried_out(line: str) -> None:
    assert [one.field for one in reach.findings(rules_with(*line.splitlines())) if one.blocks] == []


def test_no_programme_waits_for_a_selection_alone() -> None:
    """Ranking and lots are computed (``policy.selection``) and carried out by nobody here.

    Only the UK's AIRR asks for one, and it gives units without money, which the platform does not settle.
    Once a programme fails for its selection alone, this fails.
    """
    folder = Path(hesuan.policy.__file__).parent / "programmes"
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        if not path.name.endswith(".cases.yaml"):
            fields = {one.field for one in reach.beyond(load(path.read_text(), source=path.name))}
            if "issuance.selection" in fields:
                found[path.stem] = fields - {"issuance.selection"}
    assert set(found) == {"uk.ukri.airr"}
    assert {"settlement.flow", "base.measure"} & found["uk.ukri.airr"]
