"""Codes and keys: who may let an agent in, and what lets one in."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from tests.people import Person, make_person
from tests.sites import enrol_site, make_centre, proof

from hesuan.errors import HesuanError, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres import rules, selectors, services
from hesuan.hub.centres.models import Agent, Centre, EnrolmentCode
from hesuan.hub.identity.models import Organisation
from hesuan.wire import keys


@pytest.fixture
def centre(centre_organisation: Organisation) -> Centre:
    return make_centre(centre_organisation)


@pytest.fixture
def code(centre: Centre, centre_operator: Person) -> str:
    return services.issue_enrolment_code(actor=centre_operator.actor, centre_id=centre.id)


def enrol(code: str, *, name: str = "agent-1", private: object = None) -> Agent:
    key = private or keys.generate()
    return services.enrol(
        code=code, name=name, key=keys.public_text(key), proof=proof(key, code=code, name=name)
    )


def refusal(action: object) -> str:
    with pytest.raises(HesuanError) as caught:
        action()
    return caught.value.code.name


def test_the_alphabet_has_no_look_alikes_and_a_code_is_ninety_bits() -> None:
    assert not set("0O1ILl2Z5S8BU") & set(rules.CODE_ALPHABET)
    assert len(set(rules.CODE_ALPHABET)) == len(rules.CODE_ALPHABET) == 24
    assert 24 ** (rules.CODE_GROUPS * rules.CODE_GROUP_LENGTH) > 2**91
    code = rules.new_code()
    assert rules.normal_code(code) == code != rules.new_code()


def test_a_code_is_read_as_people_type_it(code: str) -> None:
    assert enrol(code.lower().replace("-", "  ")).centre_id


def test_only_a_hash_of_the_code_is_kept(code: str) -> None:
    row = EnrolmentCode.objects.get()
    assert row.sha256 == rules.code_sha256(code)
    assert code not in repr(row.__dict__)
    assert row.expires_at - row.issued_at == timedelta(minutes=15)
    assert all(
        code not in str(fact.private) and code.encode() not in bytes(fact.leaf) for fact in Fact.objects.all()
    )


def test_operator_and_platform_issue_codes_and_nobody_else_does(
    centre: Centre, centre_operator: Person, platform_operator: Person, stranger: Person, auditor: Person
) -> None:
    colleague = make_person("cai", centre_operator.organisation, "member")

    def issue(person: Person) -> str:
        return services.issue_enrolment_code(actor=person.actor, centre_id=centre.id)

    assert issue(centre_operator) and issue(platform_operator)
    assert refusal(lambda: issue(colleague)) == "centre.role_missing"
    assert refusal(lambda: issue(auditor)) == "centre.role_missing"
    with pytest.raises(NotFound) as hidden:
        issue(stranger)
    with pytest.raises(NotFound) as missing:
        services.issue_enrolment_code(actor=stranger.actor, centre_id="0" * 26)
    assert hidden.value.code == missing.value.code
    assert EnrolmentCode.objects.count() == 2


def test_a_code_enrols_one_agent(code: str, centre: Centre) -> None:
    agent = enrol(code)
    assert agent.centre_id == centre.id
    assert refusal(lambda: enrol(code)) == "centre.code_used"
    assert Agent.objects.count() == 1


def test_the_same_code_with_the_same_key_again_is_the_same_agent(code: str) -> None:
    """The answer to the first request may have been lost on the way."""
    private = keys.generate()
    assert enrol(code, private=private).id == enrol(code, private=private).id
    assert Fact.objects.filter(kind="agent.enrolled").count() == 1


def test_a_code_ends_after_fifteen_minutes(code: str) -> None:
    EnrolmentCode.objects.update(expires_at=EnrolmentCode.objects.get().issued_at)
    assert refusal(lambda: enrol(code)) == "centre.code_expired"
    now = EnrolmentCode.objects.get().expires_at
    assert rules.is_expired(now, now) and not rules.is_expired(now, now - timedelta(microseconds=1))


def test_an_unknown_code_enrols_nobody(db: None) -> None:
    assert refusal(lambda: enrol(rules.new_code())) == "centre.code_unknown"


def test_a_wrong_proof_does_not_use_up_the_code(code: str) -> None:
    private, other = keys.generate(), keys.generate()
    key = keys.public_text(private)
    for forged in (proof(other, code=code, name="agent-1"), proof(private, code=code, name="agent-2"), ""):
        assert (
            refusal(lambda forged=forged: services.enrol(code=code, name="agent-1", key=key, proof=forged))
            == "centre.proof_invalid"
        )
    assert enrol(code, private=private).public_key == key


def test_one_key_is_one_agent(code: str, centre: Centre) -> None:
    site = enrol_site(centre)
    assert refusal(lambda: enrol(code, private=site.private)) == "centre.key_taken"
    with pytest.raises(IntegrityError), transaction.atomic():
        Agent.objects.create(
            centre=centre, name="twin", public_key=site.agent.public_key, enrolled_at=site.agent.enrolled_at
        )


def test_a_revoked_agent_does_not_come_back_by_its_code(code: str, centre_operator: Person) -> None:
    private = keys.generate()
    agent = enrol(code, private=private)
    services.revoke_agent(actor=centre_operator.actor, agent_id=agent.id, reason="disk sold")
    services.revoke_agent(actor=centre_operator.actor, agent_id=agent.id, reason="again")
    assert refusal(lambda: enrol(code, private=private)) == "centre.code_used"
    assert selectors.agent_for(agent.centre_id) is None
    assert Fact.objects.filter(kind="agent.revoked").count() == 1


def test_a_stranger_does_not_revoke_and_learns_nothing(
    centre: Centre, stranger: Person, centre_operator: Person
) -> None:
    agent = enrol_site(centre).agent
    colleague = make_person("cai", centre_operator.organisation, "member")

    def revoke(person: Person, agent_id: str) -> Agent:
        return services.revoke_agent(actor=person.actor, agent_id=agent_id, reason="x")

    with pytest.raises(NotFound):
        revoke(stranger, agent.id)
    with pytest.raises(NotFound):
        revoke(stranger, "0" * 26)
    assert refusal(lambda: revoke(colleague, agent.id)) == "centre.role_missing"
    assert selectors.agent_for(centre.id) == agent


def test_the_newest_agent_takes_the_commands(centre: Centre) -> None:
    enrol_site(centre, "old")
    new = enrol_site(centre, "new").agent
    assert selectors.agent_for(centre.id) == new


@pytest.mark.django_db(transaction=True)
def test_sixteen_keys_race_for_one_code_and_one_wins(centre: Centre, code: str) -> None:
    won: list[str] = []
    lost: list[str] = []
    start = threading.Barrier(16)

    def race() -> None:
        try:
            start.wait()
            won.append(enrol(code).id)
        except Refused as error:
            lost.append(error.code.name)
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and lost == ["centre.code_used"] * 15
    assert Agent.objects.count() == 1
