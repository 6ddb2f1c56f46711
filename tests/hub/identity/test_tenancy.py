"""Who may know of an organisation, and who may give roles in it."""

from __future__ import annotations

import pytest
from tests.people import Person

from hesuan.errors import NotFound, Refused
from hesuan.hub.identity import selectors, services
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.identity.models import Organisation

ALL_PEOPLE = (
    "owner",
    "colleague",
    "stranger",
    "officer",
    "reviewer",
    "approver",
    "platform_operator",
    "centre_operator",
    "auditor",
)


def test_owner_and_colleague_see_their_organisation_and_a_stranger_is_told_it_does_not_exist(
    owner: Person, colleague: Person, stranger: Person, organisation: Organisation
) -> None:
    assert selectors.organisation(owner.actor, organisation.id) == organisation
    assert selectors.organisation(colleague.actor, organisation.id) == organisation
    with pytest.raises(NotFound) as unseen:
        selectors.organisation(stranger.actor, organisation.id)
    with pytest.raises(NotFound) as unknown:
        selectors.organisation(stranger.actor, "0" * 26)
    assert unseen.value.code == unknown.value.code


def test_lists_hold_only_what_an_actor_belongs_to(
    owner: Person, stranger: Person, auditor: Person, organisation: Organisation
) -> None:
    assert selectors.organisations(owner.actor) == [organisation]
    assert selectors.organisations(stranger.actor) == [stranger.organisation]
    assert set(selectors.organisations(auditor.actor)) >= {organisation, stranger.organisation}
    assert selectors.organisations(Actor(identity_id="x", name="nobody")) == []


def test_everyone_of_the_fixtures_is_a_real_person_with_exactly_one_role(
    request: pytest.FixtureRequest, db: None
) -> None:
    for name in ALL_PEOPLE:
        person: Person = request.getfixturevalue(name)
        assert person.actor.roles == {person.organisation.id: frozenset({person.role})}
        assert person.client.session["_auth_user_id"] == person.identity.id


def test_an_owner_gives_and_takes_membership_but_no_role_of_public_money(
    owner: Person, stranger: Person, organisation: Organisation
) -> None:
    newcomer = stranger.identity.id
    grant = {"identity_id": newcomer, "organisation_id": organisation.id}
    services.grant_role(actor=owner.actor, role="member", **grant)
    services.grant_role(actor=owner.actor, role="member", **grant)
    assert [m.identity_id for m in selectors.members(owner.actor, organisation.id)].count(newcomer) == 1
    services.revoke_role(actor=owner.actor, role="member", **grant)
    services.revoke_role(actor=owner.actor, role="member", **grant)
    assert newcomer not in {m.identity_id for m in selectors.members(owner.actor, organisation.id)}
    for role in ("platform_operator", "approver", "auditor"):
        with pytest.raises(Refused, match=r"identity\.role_not_yours"):
            services.grant_role(actor=owner.actor, role=role, **grant)


def test_a_colleague_gives_no_roles_and_a_stranger_is_told_there_is_no_such_organisation(
    colleague: Person, stranger: Person, organisation: Organisation
) -> None:
    grant = {"identity_id": stranger.identity.id, "organisation_id": organisation.id, "role": "member"}
    with pytest.raises(Refused, match=r"identity\.role_not_yours"):
        services.grant_role(actor=colleague.actor, **grant)
    with pytest.raises(NotFound):
        services.grant_role(actor=stranger.actor, **grant)


def test_an_enterprise_has_no_approver_whoever_gives_the_role(
    security_admin: Person, owner: Person, organisation: Organisation
) -> None:
    for actor in (security_admin.actor, SYSTEM):
        with pytest.raises(Refused, match=r"identity\.role_does_not_fit"):
            services.grant_role(
                actor=actor,
                identity_id=owner.identity.id,
                organisation_id=organisation.id,
                role="approver",
            )


def test_anybody_registers_an_enterprise_and_owns_it_but_not_a_programme_office(stranger: Person) -> None:
    made = services.create_organisation(actor=stranger.actor, name="New Lab", kind="maker")
    assert selectors.actor_of(stranger.identity).has("owner", made.id)
    for kind in ("programme_office", "audit_office", "platform"):
        with pytest.raises(Refused, match=r"identity\.kind_not_yours"):
            services.create_organisation(actor=stranger.actor, name="Mine", kind=kind)
