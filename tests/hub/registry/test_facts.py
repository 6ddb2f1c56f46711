"""Facts of organisations: typed, proved, checked by somebody else, and judged on a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from tests.hub.registry.conftest import PROOF
from tests.hub.registry.files import pdf
from tests.people import Person, make_person

from hesuan.errors import Conflict, Faults, InputFault, NotFound, Refused
from hesuan.hub.registry import fact_types, rules, selectors, services, standing
from hesuan.hub.registry.models import OrganisationFact, Step
from hesuan.hub.registry.services import Proof
from hesuan.policy.predicates import FACTS, parse_fact
from hesuan.wire.ids import new_id

DAY = date(2026, 6, 1)


def enter(person: Person, name: str = "size", value: object = "small", **more: Any) -> OrganisationFact:
    organisation = more.pop("of", person).organisation
    told = {"proof": PROOF, **more}
    return services.enter_fact(
        actor=person.actor, organisation_id=organisation.id, name=name, value=value, **told
    )


def check(person: Person, entry: OrganisationFact, to: str = "checked", reason: str = "seen") -> Any:
    return services.take_step(actor=person.actor, entry_id=entry.id, to=to, reason=reason)


def code_of(error: pytest.ExceptionInfo[Any]) -> str:
    return str(error.value.code.name)


GOOD_VALUES = {
    "text": ("small", ["", "a b", 3, True, None, "x" * 101]),
    "names": (["b", "a"], [[], "a", ["a b"], [1]]),
    "boolean": (False, ["true", 1, None]),
    "number": (20, [True, 1.5, "01", "many", None]),
    "money": ("1200.00", ["1,200", 1.5, "x", None]),
    "date": ("2020-02-29", ["2021-02-29", "20200229", 20200229, None]),
}


@pytest.mark.parametrize("name", fact_types.FACT_TYPES)
def test_a_value_has_its_facts_type(name: str) -> None:
    good, bad = GOOD_VALUES[fact_types.FACT_TYPES[name]]
    assert fact_types.parse(name, good) == (sorted(good) if isinstance(good, list) else good)
    for value in bad:
        with pytest.raises(InputFault) as fault:
            fact_types.parse(name, value)
        assert code_of(fault) == "registry.fact_wrong_type"


def test_conditions_ask_for_the_same_facts_of_the_same_types() -> None:
    """The registry does not know the policy engine; this holds their two lists together."""
    asked = {
        name.removeprefix("applicant."): kind for name, kind in FACTS.items() if name[:10] == "applicant."
    }
    both = fact_types.FACT_TYPES.keys() & asked.keys()
    assert {name: fact_types.FACT_TYPES[name].value for name in both} == {n: asked[n].value for n in both}
    assert {"kind", "registered_in", "tags", "is_legal_person", "is_eligible_pi"} <= both
    for name in both:
        parse_fact(f"applicant.{name}", GOOD_VALUES[fact_types.FACT_TYPES[name]][0])


def test_everything_wrong_with_a_fact_is_told_at_once(owner: Person) -> None:
    with pytest.raises(Faults) as faults:
        enter(owner, value="very small", proof=Proof("", date(2026, 2, 1), date(2026, 1, 1)))
    assert [fault.where for fault in faults.value.faults] == ["value", "issuer", "expires_on"]
    with pytest.raises(Faults):
        enter(owner, name="shoe_size")
    assert OrganisationFact.objects.count() == 0


def test_what_is_declared_holds_once_somebody_else_checked_it(owner: Person, opened: Person) -> None:
    fact = enter(owner)
    before = standing.facts_of(owner.organisation.id, DAY)
    assert (before.values(), before.stale[0].reason) == ({}, "not_checked")
    check(opened, fact)
    after = standing.facts_of(owner.organisation.id, DAY)
    assert (after.values(), after.stale) == ({"size": "small"}, ())
    assert [(one.from_state, one.to_state) for one in selectors.steps(owner.actor, fact.id)] == [
        ("", "declared"),
        ("declared", "checked"),
    ]


def test_what_is_read_in_a_registry_holds_at_once(owner: Person, opened: Person) -> None:
    fact = enter(opened, of=owner)
    assert (fact.source, fact.state) == ("registry", "checked")
    assert standing.facts_of(owner.organisation.id, DAY).values() == {"size": "small"}


@pytest.mark.parametrize(
    ("on", "holds", "reason"),
    [
        (date(2026, 1, 31), False, "not_yet"),
        (date(2026, 2, 1), True, None),
        (date(2026, 3, 31), True, None),
        (date(2026, 4, 1), False, "expired"),
    ],
)
def test_a_fact_holds_from_its_first_to_its_last_day(
    owner: Person, opened: Person, on: date, holds: bool, reason: str | None
) -> None:
    enter(opened, of=owner, proof=Proof("Regulator", date(2026, 2, 1), date(2026, 3, 31)))
    found = standing.facts_of(owner.organisation.id, on)
    assert bool(found.holds) is holds
    assert [one.reason for one in found.stale] == ([reason] if reason else [])


def test_the_newest_checked_fact_replaces_the_older_and_a_declared_one_does_not(
    owner: Person, opened: Person
) -> None:
    enter(opened, of=owner, value="small")
    enter(opened, of=owner, value="large", proof=Proof("Regulator", date(2026, 5, 1)))
    enter(owner, value="micro", proof=Proof("Regulator", date(2026, 5, 2)))
    found = standing.facts_of(owner.organisation.id, DAY)
    assert found.values() == {"size": "large"}
    assert [one.reason for one in found.stale] == ["not_checked", "replaced"]
    assert standing.facts_of(owner.organisation.id, date(2026, 4, 30)).values() == {"size": "small"}


def test_a_past_decision_sees_what_was_on_record_then(owner: Person, opened: Person) -> None:
    fact = enter(owner)
    declared = timezone.now()
    check(opened, fact)
    checked = timezone.now()
    check(opened, fact, "withdrawn")
    told = {
        moment: standing.facts_of(owner.organisation.id, DAY, known_at=at)
        for moment, at in {
            "before": declared - timedelta(days=1),
            "declared": declared,
            "checked": checked,
            "now": None,
        }.items()
    }
    assert {moment: bool(one.holds) for moment, one in told.items()} == {
        "before": False,
        "declared": False,
        "checked": True,
        "now": False,
    }
    assert [one.reason for one in told["now"].stale] == ["withdrawn"] and told["before"].stale == ()


def test_two_people_carry_a_fact_and_neither_is_of_the_organisation(
    owner: Person, colleague: Person, opened: Person, officer: Person
) -> None:
    from hesuan.hub.identity.actors import SYSTEM
    from hesuan.hub.identity.services import grant_role

    mine = enter(opened, of=owner)
    fact = enter(owner)
    for person, code in ((owner, "role_missing"), (colleague, "role_missing"), (officer, "role_missing")):
        with pytest.raises(Refused) as refused:
            check(person, fact)
        assert code_of(refused) == f"registry.{code}"
    with pytest.raises(Refused):
        check(opened, mine, "refused")
    grant_role(
        actor=SYSTEM,
        identity_id=opened.identity.id,
        organisation_id=owner.organisation.id,
        role="member",
    )
    both = Person(opened.identity, opened.organisation, "reviewer")
    with pytest.raises(Refused) as refused:
        check(both, fact)
    assert code_of(refused) == "registry.own_organisation"
    assert OrganisationFact.objects.get(pk=fact.pk).state == "declared"


def test_who_entered_does_not_check(owner: Person, opened: Person, platform_operator: Person) -> None:
    """A person who declared for an organisation and then came to an office does not meet it again there."""
    second = make_person("olga", owner.organisation, "owner")
    fact = enter(second)
    from hesuan.hub.identity.actors import SYSTEM
    from hesuan.hub.identity.services import grant_role, revoke_role

    told = {"actor": SYSTEM, "identity_id": second.identity.id}
    revoke_role(**told, organisation_id=owner.organisation.id, role="owner")
    grant_role(**told, organisation_id=opened.organisation.id, role="reviewer")
    with pytest.raises(Refused) as refused:
        check(Person(second.identity, opened.organisation, "reviewer"), fact)
    assert code_of(refused) == "registry.same_person"
    check(platform_operator, fact)


def test_a_step_is_taken_once_and_only_from_the_right_state(owner: Person, opened: Person) -> None:
    fact = enter(owner)
    check(opened, fact)
    check(opened, fact)
    with pytest.raises(Refused) as refused:
        check(opened, fact, "refused")
    assert code_of(refused) == "registry.wrong_state"
    with pytest.raises(Refused):
        check(owner, fact, "withdrawn")
    check(opened, fact, "withdrawn")
    assert Step.objects.filter(fact=fact).count() == 3
    with pytest.raises(InputFault):
        check(opened, enter(owner), "refused", reason=" ")


def test_an_owner_takes_back_what_nobody_checked(owner: Person) -> None:
    fact = enter(owner)
    assert check(owner, fact, "withdrawn", "a slip").state == "withdrawn"


def test_a_record_that_was_not_opened_does_not_exist(
    owner: Person, reviewer: Person, stranger: Person, auditor: Person
) -> None:
    fact = enter(owner)
    assert selectors.entry(auditor.actor, fact.id) == fact
    for person in (reviewer, stranger):
        for read in (
            lambda actor: selectors.entry(actor, fact.id),
            lambda actor: selectors.facts(actor, owner.organisation.id),
            lambda actor: services.take_step(actor=actor, entry_id=fact.id, to="checked"),
        ):
            with pytest.raises(NotFound):
                read(person.actor)
        assert selectors.waiting(person.actor) == []


def test_a_proof_is_seen_with_its_fact_and_belongs_to_whom_it_is_about(
    owner: Person, opened: Person, stranger: Person
) -> None:
    def send(person: Person) -> str:
        return services.upload(
            actor=person.actor,
            organisation_id=person.organisation.id,
            file_name="a.pdf",
            media_type="application/pdf",
            content=pdf(),
        ).id

    own, other = send(owner), send(stranger)
    with pytest.raises(NotFound):
        selectors.document(opened.actor, own)
    fact = enter(owner, proof=Proof("Regulator", date(2026, 1, 1), document_id=own))
    assert selectors.document(opened.actor, own).id == own
    assert [one.id for one in selectors.waiting(opened.actor)] == [fact.id]
    with pytest.raises(NotFound):
        enter(owner, proof=Proof("Regulator", date(2026, 1, 1), document_id=other))
    copies = standing.copies(opened.actor, own)
    assert [one.document_id for one in copies] == [other]
    with pytest.raises(Refused):
        standing.copies(owner.actor, own)


def test_the_same_id_is_the_same_entry(owner: Person) -> None:
    chosen = new_id()
    assert enter(owner, entry_id=chosen) == enter(owner, entry_id=chosen)
    with pytest.raises(Conflict):
        enter(owner, value="large", entry_id=chosen)
    assert OrganisationFact.objects.count() == 1 and Step.objects.count() == 1


def test_an_entry_keeps_what_it_says(owner: Person) -> None:
    fact = enter(owner)
    rows = OrganisationFact.objects.filter(pk=fact.pk)
    for change in (
        lambda: rows.update(value="large"),
        lambda: rows.update(expires_on=DAY),
        rows.delete,
        lambda: Step.objects.update(reason="other"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    rows.update(state="checked")


def test_every_step_leads_somewhere_known() -> None:
    assert {to for ends in rules.STEPS.values() for to in ends} <= rules.STEPS.keys()
