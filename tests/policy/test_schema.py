"""From a text to a programme: every fault at once, and interpretations that fill and never change."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from tests.policy.rules import BASE, rules_with, text_with

from hesuan.errors import Faults
from hesuan.policy.fields import Open
from hesuan.policy.linter import blocking, lint
from hesuan.policy.programme import CLAIM_FEN
from hesuan.policy.schema import load

INTERPRETED = """\
interpretations:
  - field: base.tax
    value: incl
    decided_by: The office
    decided_at: 2026-01-31
    citing: minutes of 31 January
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(Faults) as faults:
        load(text, source="t.yaml")
    return [f"{fault.where} {fault.code.name}" for fault in faults.value.faults]


def test_values_are_exact() -> None:
    programme = rules_with()
    assert programme.tiers[0].rate == Fraction(3, 10)
    assert programme.caps[0].limit_fen == 200_000_00
    assert programme.cite("rates.tiers[all].rate") == "t.yaml:14"
    assert programme.opens == () and blocking(programme) == ()


MISTAKES = [
    ("schema: 2", "t.yaml:1:9 policy.not_a_choice"),
    ("programme: Upper Case", "t.yaml:2:12 policy.not_a_value"),
    ("version: 0", "t.yaml:3:10 policy.not_a_value"),
    ("unit: cny", "t.yaml:7:7 policy.not_a_choice"),
    ("period: {from: 2025-1-1, to: open_ended}", "t.yaml:8:16 policy.not_a_date"),
    ("period: {from: 2025-02-30, to: open_ended}", "t.yaml:8:16 policy.not_a_date"),
    ("funding: [{payer: city, share: 0.5}]", "t.yaml:10:32 money.not_a_ratio"),
    ("funding: [{payer: a, share: 1/2}, {payer: a, share: 1/2}]", "t.yaml:10:35 policy.name_twice"),
    ("funding: city", "t.yaml:10:10 policy.wrong_shape"),
    ('eligible: {all: ["applicant.knd == maker"]}', "t.yaml:11:18 input.unknown_key"),
    ('eligible: {all: ["applicant.kind < maker"]}', "t.yaml:11:18 policy.wrong_operator"),
    ('eligible: {all: ["contract.months <= many"]}', "t.yaml:11:18 policy.wrong_type"),
    ('eligible: {every: ["applicant.kind == maker"]}', "t.yaml:11:11 policy.not_a_condition"),
    ('eligible: "__import__(os)"', "t.yaml:11:11 policy.not_a_condition"),
    ("base: {measure: usage_fee, kinds: [compute, cpu], tax: incl}", "t.yaml:13:45 policy.not_a_choice"),
    ("base: {measure: usage_fee, kinds: compute, tax: incl}", "t.yaml:13:35 policy.wrong_shape"),
    ("rounding: {quantum: 0.00, mode: floor, stages: [subsidy]}", "t.yaml:20:21 policy.no_quantum"),
    ("rounding: {quantum: 0.01, mode: flor, stages: [subsidy]}", "t.yaml:20:33 policy.not_a_choice"),
    ("stacking: {}", "t.yaml:17:11 policy.missing_key"),
    ("stacking: forbid", "t.yaml:17:11 policy.wrong_shape"),
    ("issuance: {event: approval, validity: a year}", "t.yaml:18:39 policy.not_a_value"),
    ("title: ''", "t.yaml:4:8 policy.wrong_shape"),
    ("sanction: []", "t.yaml:21:1 input.unknown_key"),
    (
        "rates: {select: first, tiers: [{id: a, when: {all: []}, rate: 3/2, rate_kind: exact}]}",
        "t.yaml:14:63 policy.rate_above_one",
    ),
]


@pytest.mark.parametrize(("line", "fault"), MISTAKES, ids=[line[:40] for line, _ in MISTAKES])
def test_a_mistake_is_named_with_its_place(line: str, fault: str) -> None:
    assert faults_of(text_with(line)) == [fault]


def test_all_mistakes_are_told_at_once_with_the_nearest_key() -> None:
    lines = [line for line, _ in MISTAKES[::2]]
    text = text_with(
        "funding: [{payr: city, share: 1/1}]", *[line for line in lines if "funding" not in line]
    )
    with pytest.raises(Faults) as faults:
        load(text, source="t.yaml")
    told = str(faults.value)
    assert len(faults.value.faults) > 8
    assert "t.yaml:10:12: `payr` is not a key here. Did you mean `payer`?" in told
    assert "t.yaml:21:1: `sanction` is not a key here. Did you mean `sanctions`?" in told


def test_every_required_key_is_missed() -> None:
    told = faults_of("schema: 1\n")
    assert len(told) == 17 and all(fault.endswith("policy.missing_key") for fault in told)


def test_unknown_is_a_legal_value_that_blocks_where_money_follows() -> None:
    programme = rules_with(
        'base: {measure: usage_fee, kinds: ["?"], tax: "?"}',
        'issuance: {event: approval, validity: P12M, transferable: "?"}',
        'audit: {retention: "?"}',
    )
    assert isinstance(programme.base.kinds if programme.base else None, Open)
    assert [finding.field for finding in blocking(programme)] == ["base.kinds", "base.tax"]
    assert [finding.field for finding in lint(programme) if not finding.blocks] == [
        "issuance.transferable",
        "audit.retention",
    ]


def test_an_interpretation_fills_an_open_field_and_is_cited() -> None:
    text = text_with('base: {measure: usage_fee, kinds: [compute], tax: "?"}') + INTERPRETED
    programme = load(text, source="t.yaml")
    assert programme.base is not None and programme.base.tax == "incl"
    assert blocking(programme) == ()
    assert programme.cite("base.tax") == "t.yaml:22"
    assert programme.interpreted["base.tax"].decided_by == "The office"


def test_an_interpretation_is_part_of_the_digest() -> None:
    text = text_with('base: {measure: usage_fee, kinds: [compute], tax: "?"}') + INTERPRETED
    other = text.replace("minutes of 31 January", "minutes of 30 January")
    assert load(text, source="a").digest != load(other, source="a").digest
    assert load(text, source="a").digest == load(text, source="b").digest


def test_an_interpretation_never_changes_a_stated_rule() -> None:
    assert faults_of(BASE + INTERPRETED) == ["t.yaml:22:5 policy.not_open"]
    assert faults_of(BASE + INTERPRETED.replace("base.tax", "base.texture")) == [
        "t.yaml:22:5 policy.not_open"
    ]


def test_an_interpretation_is_read_by_the_fields_own_rule() -> None:
    text = text_with('base: {measure: usage_fee, kinds: [compute], tax: "?"}') + INTERPRETED
    assert faults_of(text.replace("value: incl", "value: maybe")) == ["t.yaml:23:12 policy.not_a_choice"]
    assert "t.yaml:23:12 policy.still_unknown" in faults_of(text.replace("value: incl", 'value: "?"'))
    assert faults_of(text.replace("    citing: minutes of 31 January\n", "")) == [
        "t.yaml:22:5 policy.missing_key"
    ]


def test_a_field_is_interpreted_once() -> None:
    text = text_with('base: {measure: usage_fee, kinds: [compute], tax: "?"}') + INTERPRETED
    twice = text + INTERPRETED.partition("\n")[2]
    assert faults_of(twice) == ["t.yaml:27:5 policy.interpreted_twice"]


WHOLE = (
    "unit: INR",
    "beneficiary: demander",
    "period: {from: 2025-01-01, to: open_ended, fiscal_year_start: 04-01}",
    "evidence_required:"
    " [{fact: applicant.kind, doc_type: licence, issuer: registry, max_age: P12M, check: registry}]",
    "budgets: [{id: all, window: call, limit: 100.00, counts: held, on_exhaust: prorate_batch, key: [pool]},"
    " {id: part, window: rolling(P3Y), share_of: {pool: all, ratio: 1/5}, counts: redeemed,"
    ' on_exhaust: queue, when: "applicant.user_class == commercial"}]',
    "suppliers: {registry: [pool], require: [], admission: {batch: b2, service_items: [train],"
    " valid_from: 2025-01-01, valid_to: 2025-12-31}, supplier_may: [approve, decline], price_rule: L1_match}",
    "base: {measure: metered_units, kinds: [gpu_hour], tax: excl, min: 1, max: 100,"
    " apportion: {method: by_meter, baseline: {from: 2025-01-01, to: 2025-12-31}}}",
    "exchange: {table: rates, versioned: true, reversible: true, state_factors: {running: 1, suspended: 3/4},"
    " charge_on: reserved, min_charge: 1, versions: [{from: 2025-01-01, rates: {gpu: 2, cpu: 0.4}}]}",
    "rates: {select: max, scope: line, retroactive: false, tiers: [{id: lump, when: {all: []}, lump_sum: 50},"
    " {id: own, when: {all: []}, rate: award.rate, rate_kind: ceiling, cap: 9,"
    " ordinal_cap: [{from: 1, cap: 5}, {from: 2, cap: 3}]}]}",
    "floors: [{on: units, min: 50000, before_rounding: true, else: zero, at: issue}]",
    "caps: [{id: a, key: [pair], window: quarter, limit: award.max_subsidy, counts: both, tiers: [own],"
    ' override_by: [director], when: "line.kind == gpu_hour"},'
    " {id: once, key: [contract], window: fiscal_year, limit: 1, counts: claims}]",
    "stacking: {mode: sum_ratio_cap, scope: project, authorities: [any_public], ratio_by_tier: {own: 3/5},"
    " match: {with: national, ratio_by_tier: {own: 15/100}, auto: true}}",
    "issuance: {event: award_letter, windows: [{from: 2025-01-01, to: 2025-02-01}], validity: P12M,"
    " transferable: within_project, splittable: false, tranches: [{id: one, share: 1/2, release: issuance},"
    ' {id: two, share: 1/2, release: {all: ["award.approved == true"]}},'
    " {id: three, share: 0/1, release: 2026-01-01}],"
    ' auto_approve: "request.gpu_hours <= 5000", else_steps: [panel], selection: scored, publicity_days: 7}',
    "expiry: {mode: decay, checkpoints: [{date: 2025-06-01, reference: current,"
    " brackets: [{lt: 1/10, remove_of_unused: 1/4}, {gt: 1/10, le: 1/4, remove_of_unused: 15/100}]}],"
    " exemption: officer, returns_to: pool}",
    "redemption: {claimant: supplier, trigger: quarter, evidence: [invoice, meter_record], drawdown: choice,"
    " three_way_match: true}",
    "settlement: {flow: prefund_supplier, cadence: quarterly, schedule: [{share: 7/10, when: october},"
    " {share: 3/10, when: december}], invoice: net, float: {holder: supplier, size: 5, replenish: monthly,"
    " refund_unused: true}, steps: [county, bureau]}",
    "sanctions: [{trigger: double aid, actions: [clawback, ban(P3Y)]}]",
    'audit: {third_party: "true"}',
)


def test_every_key_of_the_schema_is_read_and_typed() -> None:
    programme = rules_with(*WHOLE)
    assert programme.opens == () and programme.unexecuted == ()
    terms, stacking = programme.terms, programme.stacking
    assert terms.issuance and terms.expiry and terms.exchange and terms.settlement and terms.redemption
    assert programme.fiscal_year_start == (4, 1)
    assert [budget.window for budget in programme.budgets] == ["call", "rolling(P3Y)"]
    assert programme.tiers[0].lump_sum_fen == 50_00 and programme.tiers[1].ordinal_caps[1].cap_fen == 3_00
    assert programme.caps[0].limit_fen == "award.max_subsidy" and programme.caps[1].limit_fen == CLAIM_FEN
    assert terms.exchange.versions[0].rates == {"gpu": 2, "cpu": Fraction(2, 5)}
    assert terms.exchange.state_factors["suspended"] == Fraction(3, 4)
    assert terms.expiry.checkpoints[0].brackets[1].below_included
    assert stacking and stacking.match and stacking.match.ratio_by_tier == {"own": Fraction(3, 20)}
    assert terms.issuance.tranches[2].release == date(2026, 1, 1)
    assert terms.settlement.prefund and terms.settlement.prefund.size_fen == 5_00
    assert [action.kind for action in terms.sanctions[0].actions] == ["clawback", "ban"]


@pytest.mark.parametrize("line", WHOLE, ids=[line.partition(":")[0] for line in WHOLE])
def test_a_key_that_the_schema_does_not_know_is_refused_in_every_section(line: str) -> None:
    """Negative control of the test above: what is not asked for is not passed over."""
    if "{" not in line or line.startswith("audit"):
        return
    assert any(
        "input.unknown_key" in fault
        for fault in faults_of(text_with(*WHOLE, line.replace("{", "{knd: x, ", 1)))
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            "caps: [{id: a, key: [applicant], window: call, limit: 1, counts: issued, tiers: [al]}]",
            "no_such_entry",
        ),
        ("stacking: {mode: sum_ratio_cap, ratio_by_tier: {startup: 1/2}}", "no_such_entry"),
        (
            "budgets: [{id: part, window: call, share_of: {pool: part, ratio: 1/5}, counts: issued,"
            " on_exhaust: reject}]",
            "no_such_entry",
        ),
        (
            "issuance: {event: approval, validity: P12M, tranches: [{id: a, share: 1/2, release: issuance},"
            " {id: b, share: 1/3, release: progress_report}]}",
            "parts_not_one",
        ),
        ("settlement: {flow: post_award, schedule: [{share: 7/10, when: october}]}", "parts_not_one"),
    ],
)
def test_a_name_that_points_nowhere_and_parts_that_are_no_whole(line: str, fault: str) -> None:
    [told] = faults_of(text_with(line))
    assert told.endswith(f"policy.{fault}") and told.startswith("t.yaml:")


def test_what_cannot_be_carried_out_blocks_activation() -> None:
    """Negative control of the promise that nothing is read and then ignored."""
    both = (
        "rates: {select: first, scope: line, retroactive: true,"
        " tiers: [{id: a, when: {all: []}, rate: 1/2, rate_kind: exact}]}"
    )
    [finding] = blocking(rules_with(both))
    assert (finding.field, finding.code.name) == ("rates.retroactive", "policy.not_executed")
    assert blocking(rules_with(both.replace("scope: line", "scope: claim"))) == ()


def test_a_fiscal_year_needs_its_first_day() -> None:
    caps = "caps: [{id: a, key: [applicant], window: fiscal_year, limit: 1, counts: issued}]"
    assert faults_of(text_with(caps)) == ["t.yaml:8:9 policy.missing_key"]
    unknown = rules_with(caps, 'period: {from: 2025-01-01, to: open_ended, fiscal_year_start: "?"}')
    assert [finding.field for finding in blocking(unknown)] == ["period.fiscal_year_start"]


def test_an_unknown_rate_of_a_table_is_open_by_its_name() -> None:
    stacking = 'stacking: {mode: sum_ratio_cap, ratio_by_tier: {all: "?"}}'
    assert [finding.field for finding in blocking(rules_with(stacking))] == ["stacking.ratio_by_tier.all"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("funding: [{payer: a, share: 1/2}, {payer: b, share: 1/3}]", "policy.shares_not_one"),
        ("funding: []", "policy.no_payer"),
        ("rates: {select: first, tiers: []}", "policy.tiers_empty"),
        ("rates: {select: first, tiers: [{id: a, when: {all: []}, rate: 1/2}]}", "policy.rate_kind_missing"),
        ("stacking: {mode: sum_ratio_cap}", "policy.ratio_missing"),
    ],
)
def test_a_rule_that_cannot_be_meant_blocks_activation(line: str, code: str) -> None:
    assert [finding.code.name for finding in blocking(rules_with(line))] == [code]


def test_a_tier_below_one_without_condition_is_never_reached() -> None:
    tiers = (
        "rates: {select: first, tiers: [{id: a, when: {all: []}, rate: 1/2, rate_kind: exact},"
        " {id: b, when: {all: []}, rate: 1/3, rate_kind: exact}]}"
    )
    [finding] = [one for one in lint(rules_with(tiers)) if not one.code.name.startswith("policy.split_")]
    assert (finding.code.name, finding.blocks) == ("policy.unreachable_tier", False)
    assert "`b` is never reached" in finding.sentence() and "“b”永远不会适用" in finding.sentence("zh")
