"""From rows to flags, to a person, and to what may not go on meanwhile; on the real rooms."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from tests.hub.settlement.claim_world import ClaimWorld
from tests.people import Person, make_organisation

from hesuan.errors import InputFault, NotFound, Refused
from hesuan.hub.audit.entries import log_of
from hesuan.hub.audit.models import Fact
from hesuan.hub.flags.models import Flag, FlagStep, Round
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.registry import services as registry
from hesuan.hub.registry.services import Proof
from hesuan.hub.settlement import batches, claim_review, claims, payment
from hesuan.hub.settlement.models import Claim
from hesuan.hub.surveillance import selectors, services
from hesuan.hub.worker.loop import tick

World = Callable[..., ClaimWorld]
PROOF = Proof("Market regulator", date(2026, 1, 1))


def relate(here: ClaimWorld, **relation: object) -> None:
    """A proved relation between the owner and the organisation behind the road's centre."""
    told = {"kind": "legal_representative", "counterpart_id": here.road.operator.organisation.id, **relation}
    made = registry.enter_relation(
        actor=SYSTEM,
        organisation_id=here.road.owner.organisation.id,
        proof=PROOF,
        **told,  # type: ignore[arg-type]
    )
    assert made.state == "checked"


def flagged(rule: str) -> Flag:
    return Flag.objects.get(rule=rule)


def test_nothing_is_flagged_on_an_ordinary_day(world: World) -> None:
    here = world()
    here.approve(here.claim(here.settle()))
    tick()
    assert services.run(timezone.now()).flags == 0
    assert not Flag.objects.exists()


def test_related_parties_are_stopped_before_the_order_and_their_older_claim_with_it(world: World) -> None:
    here = world()
    settled = here.settle()
    relate(here)
    with pytest.raises(Refused) as refused:
        here.road.place()
    assert refused.value.code.name == "order.related_parties"
    claim = here.claim(settled)
    tick()
    flag = flagged("A6")
    assert (flag.action, flag.state) == ("stop", "OPEN") and settled.order_id in flag.refs
    claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id, note="seen")
    with pytest.raises(Refused) as refused:
        claim_review.approve(actor=here.approver.actor, claim_id=claim.id)
    assert refused.value.code.name == "flag.stands" and refused.value.facts["flag"] == flag.id


def test_without_the_rule_the_related_claim_would_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "AT_A_CLAIM", ("A8",))
    here = world()
    settled = here.settle()
    relate(here)
    claim = here.approve(here.claim(settled))
    tick()
    assert claim.state == "PAYABLE"


def held(here: ClaimWorld) -> Claim:
    """A claim between parties with one owner: distance 2, which a person has to look at."""
    owner_of_both = make_organisation("Holding", "enterprise")
    for party in (here.road.owner.organisation, here.road.operator.organisation):
        registry.enter_relation(
            actor=SYSTEM,
            organisation_id=party.id,
            proof=PROOF,
            kind="shareholding",
            counterpart_id=owner_of_both.id,
            holder="counterpart",
            ratio_percent="40",
        )
    claim = here.claim(here.settle())
    tick()
    return claim


def test_a_held_claim_is_approved_only_once_a_person_dismissed_the_flag(world: World) -> None:
    here = world()
    claim = held(here)
    flag = flagged("A6")
    assert flag.action == "hold" and flag.subject.startswith("pair:")
    with pytest.raises(Refused, match=r"A6 raised flag"):
        here.approve(claim)
    services.decide(
        actor=here.reviewer.actor, flag_id=flag.id, outcome="dismissed", reason="different management"
    )
    assert claim_review.approve(actor=here.approver.actor, claim_id=claim.id).state == "PAYABLE"
    kinds = list(Fact.objects.filter(subject=flag.id).order_by("seq").values_list("kind", flat=True))
    assert kinds == ["flag.raised", "flag.dismissed"]


def test_a_flag_raised_after_approval_keeps_its_claim_out_of_the_batch(world: World) -> None:
    here = world()
    claim = here.approve(here.claim(here.settle()))
    relate(here)
    services.run(timezone.now())
    batch = here.pay_batch(claim)
    claim.refresh_from_db()
    assert (batch.state, claim.state, batch.payments.count()) == ("PAID", "PAYABLE", 0)
    with pytest.raises(Refused) as refused:
        payment.pay(actor=here.payer.actor, claim_id=claim.id)
    assert refused.value.code.name == "flag.stands"
    services.decide(
        actor=here.reviewer.actor, flag_id=flagged("A6").id, outcome="dismissed", reason="a namesake"
    )
    assert payment.pay(actor=here.payer.actor, claim_id=claim.id).state == "PAID"


def test_without_the_gate_the_batch_would_pay_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches.gate, "flagged_among", lambda _claims: set())
    here = world()
    claim = here.approve(here.claim(here.settle()))
    relate(here)
    services.run(timezone.now())
    assert here.pay_batch(claim).payments.count() > 0


def test_a_flag_is_raised_once_and_the_same_facts_give_the_same_digest(world: World) -> None:
    here = world()
    held(here)
    until = timezone.now()
    first, second = services.run(until), services.run(until)
    assert first.digest == second.digest and (first.flags, second.raised) == (1, 0)
    assert Flag.objects.count() == 1 and Round.objects.count() >= 2


def test_a_round_run_again_later_says_the_same_although_much_has_happened_since(world: World) -> None:
    here = world()
    claim = held(here)
    until = timezone.now()
    first = services.run(until)
    assert first.flags == 1
    claims.withdraw(actor=here.claimant.actor, claim_id=claim.id, reason="typing error")
    here.claim(here.settle())
    tune(here, 1)
    assert services.run(until).digest == first.digest, "as it stood at that moment"
    assert services.run(timezone.now()).digest != first.digest, "as it stands now"


def test_a_round_is_due_every_hour(db: None) -> None:
    now = timezone.now()
    services.run_due(now)
    services.run_due(now + timedelta(minutes=59))
    assert Round.objects.count() == 1
    services.run_due(now + timedelta(minutes=60))
    assert Round.objects.count() == 2


def test_who_sees_and_who_decides(world: World, stranger: Person, auditor: Person, officer: Person) -> None:
    here = world()
    held(here)
    flag = flagged("A6")
    for actor in (here.reviewer.actor, auditor.actor, officer.actor):
        assert [one.id for one in selectors.queue(actor)] == [flag.id]
    for actor in (stranger.actor, here.road.owner.actor, here.road.operator.actor):
        assert selectors.queue(actor) == []
        with pytest.raises(NotFound):
            selectors.flag(actor, flag.id)
    for actor in (auditor.actor, officer.actor):
        with pytest.raises(Refused, match="reviewer or approver"):
            services.decide(actor=actor, flag_id=flag.id, outcome="dismissed", reason="no")


def test_an_answer_needs_a_reason_a_confirmation_its_measure_and_it_is_given_once(world: World) -> None:
    here = world()
    claim = held(here)
    flag, reviewer = flagged("A6"), here.reviewer.actor
    for outcome, reason, measure in (
        ("dismissed", " ", ""),
        ("maybe", "because", ""),
        ("confirmed", "because", ""),
        ("dismissed", "because", "reject"),
    ):
        with pytest.raises(InputFault):
            services.decide(actor=reviewer, flag_id=flag.id, outcome=outcome, reason=reason, measure=measure)
    for _ in range(2):
        services.decide(
            actor=reviewer, flag_id=flag.id, outcome="confirmed", reason="one owner", measure="reject"
        )
    assert FlagStep.objects.count() == 1
    with pytest.raises(Refused, match="decided before"):
        services.decide(actor=here.approver.actor, flag_id=flag.id, outcome="dismissed", reason="no")
    assert (
        claim_review.reject(actor=here.second.actor, claim_id=claim.id, reason="related").state == "REJECTED"
    )


def test_a_programme_tunes_a_threshold_on_record_and_is_judged_by_it(world: World) -> None:
    here = world()
    programme = here.version.programme_id
    with pytest.raises(Refused):
        services.tune(
            actor=here.reviewer.actor, programme_id=programme, name="a6_hold_distance", value=1, reason="x"
        )
    for name, value in (("a6_distance", 1), ("a6_hold_distance", 0)):
        with pytest.raises(InputFault):
            services.tune(
                actor=here.approver.actor, programme_id=programme, name=name, value=value, reason="x"
            )
    tune(here, 1)
    held(here)
    first = services.run(timezone.now())
    assert first.flags == 0
    tune(here, 2)
    assert services.run(timezone.now()).flags == 1
    told = selectors.tunings(here.officer.actor, programme)
    assert [(one.value, one.reason) for one in told] == [(2, "one town"), (1, "one town")]
    rules = Fact.objects.filter(log=log_of(programme), kind="rule", subject__startswith="threshold:")
    leaves = [json.loads(fact.logged) for fact in rules.order_by("seq")]
    assert [one["what"] for one in leaves] == ["threshold a6_hold_distance=1", "threshold a6_hold_distance=2"]
    assert "one town" not in str(leaves), "the reason stands behind the salt"


def test_the_numbers_are_told_to_who_sees_flags_with_what_a_programme_tuned(
    world: World, stranger: Person, auditor: Person
) -> None:
    here = world()
    tune(here, 1)
    programme = here.version.programme_id
    platform = {one.name: one for one in selectors.thresholds(auditor.actor)}
    own = {one.name: one for one in selectors.thresholds(here.officer.actor, programme)}
    assert platform["a6_hold_distance"].value == own["a6_hold_distance"].default == 2
    assert own["a6_hold_distance"].value == 1 and own["a6_hold_distance"].source
    for actor in (stranger.actor, here.road.owner.actor):
        assert selectors.thresholds(actor) == []
        with pytest.raises(NotFound):
            selectors.thresholds(actor, programme)


def tune(here: ClaimWorld, value: int) -> None:
    services.tune(
        actor=here.approver.actor,
        programme_id=here.version.programme_id,
        name="a6_hold_distance",
        value=value,
        reason="one town",
    )


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_keeps_a_flag_as_it_was_raised(world: World, change: str) -> None:
    here = world()
    held(here)
    rows = Flag.objects.all()
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.update(numbers={}) if change == "update" else rows._raw_delete("default")
