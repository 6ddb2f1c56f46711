"""What the platform cannot carry out keeps a programme from being activated, though the engine decides it."""

from __future__ import annotations

import pytest
from tests.policy.rules import rules_with

from hesuan.hub.programmes import reach

BEYOND = [
    ("expiry: {mode: decay}", "expiry"),
    ("settlement: {flow: prefund_supplier}", "settlement.flow"),
    ("unit: GPU_HOUR", "unit"),
    ("issuance: {event: order, validity: P12M}", "issuance.event"),
    (
        "issuance: {event: approval, validity: P12M, tranches: [{id: a, share: 1/1, release: issuance}]}",
        "issuance.tranches",
    ),
    ('caps: [{id: a, key: [contract], window: lifetime, limit: "1", counts: issued}]', "caps[a].key"),
    ('caps: [{id: a, key: [applicant], window: quarter, limit: "1", counts: issued}]', "caps[a].window"),
    ('caps: [{id: a, key: [applicant], window: lifetime, limit: "1", counts: redeemed}]', "caps[a].counts"),
    ("redemption: {drawdown: pro_rata, three_way_match: true}", "redemption.three_way_match"),
]


@pytest.mark.parametrize(("line", "field"), BEYOND)
def test_what_the_platform_cannot_carry_out_blocks_activation(line: str, field: str) -> None:
    [finding] = [one for one in reach.findings(rules_with(line)) if one.blocks]
    assert (finding.field, finding.code.name) == (field, "policy.not_executed")


def test_what_it_can_is_let_through() -> None:
    """Negative control: the small programme has nothing beyond."""
    assert reach.findings(rules_with()) == ()
