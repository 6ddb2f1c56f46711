"""Three administrators (三员): one runs the platform, one gives roles, one audits; no two are one person."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from tests.hub.api.requests import Requests, make_requests
from tests.hub.api.test_api_roles import PEOPLE, ask, operations
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.identity import rules, services
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Membership, Organisation

THEIRS = {
    "GET /organisations/{organisation_id}/roles": 200,
    "POST /organisations/{organisation_id}/roles": 201,
    "DELETE /organisations/{organisation_id}/roles/{identity_id}/{role}": 204,
    "POST /log/incidents": 201,
    "POST /log/erasures": 201,
    "POST /apps": 403,  # for the platform, which is hers and of which a stranger hears nothing; refused alike
}
"""What a security administrator does that a stranger cannot, and what she is told otherwise."""


def grant(person: Person, organisation: Organisation, role: str, by: Any = SYSTEM) -> Membership:
    return services.grant_role(
        actor=by, identity_id=person.identity.id, organisation_id=organisation.id, role=role
    )


@pytest.mark.parametrize(("held", "role"), list(permutations(sorted(rules.ADMINISTRATORS), 2)))
def test_no_two_administrations_are_one_persons(
    held: str, role: str, request: pytest.FixtureRequest, platform: Organisation
) -> None:
    person: Person = request.getfixturevalue(held)
    with pytest.raises(Refused, match=r"identity\.roles_separated"):
        grant(person, platform, role)
    assert [one.role for one in person.identity.memberships.all()] == [held]


@pytest.mark.parametrize("held", sorted(rules.ADMINISTRATORS))
@pytest.mark.parametrize("role", sorted(rules.OFFICE_ROLES))
def test_no_administrator_decides_on_public_money(
    held: str, role: str, request: pytest.FixtureRequest, programme_office: Organisation, officer: Person
) -> None:
    with pytest.raises(Refused, match=r"identity\.roles_separated"):
        grant(request.getfixturevalue(held), programme_office, role)
    with pytest.raises(Refused, match=r"identity\.roles_separated"):
        grant(officer, request.getfixturevalue("platform"), "security_admin")


def test_the_same_administration_again_and_a_plain_membership_are_no_second_one(
    security_admin: Person, platform: Organisation
) -> None:
    for role in ("security_admin", "member"):
        grant(security_admin, platform, role)
    assert {one.role for one in security_admin.identity.memberships.all()} == {"security_admin", "member"}


def test_without_the_rule_one_person_would_be_all_three(
    auditor: Person, platform: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "may_hold_both", lambda *_: True)
    for role in sorted(rules.ADMINISTRATORS):
        grant(auditor, platform, role)
    assert {one.role for one in auditor.identity.memberships.all()} == rules.ADMINISTRATORS


def test_the_operator_gives_no_roles_and_the_security_administrator_none_to_herself(
    platform_operator: Person, security_admin: Person, owner: Person, programme_office: Organisation
) -> None:
    with pytest.raises(Refused, match=r"identity\.role_not_yours"):
        grant(owner, programme_office, "approver", by=platform_operator.actor)
    with pytest.raises(Refused, match=r"identity\.role_to_oneself"):
        grant(security_admin, programme_office, "approver", by=security_admin.actor)
    assert grant(owner, programme_office, "approver", by=security_admin.actor).role == "approver"


def test_a_security_administrator_does_what_a_stranger_may_and_her_own_work_and_nothing_else(
    request: pytest.FixtureRequest, security_admin: Person, db: None
) -> None:
    """No order, no receipt, no balance, no application: whoever gives the keys opens no door with them."""
    people = {name: request.getfixturevalue(name) for name in PEOPLE}
    requests: Requests = make_requests(people)
    differing = {}
    for operation in operations():
        told, stranger = (ask(requests, operation, one) for one in (security_admin, people["stranger"]))
        if told != stranger:
            differing[operation] = told
    assert differing == THEIRS
