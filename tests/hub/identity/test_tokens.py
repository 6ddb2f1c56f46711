"""Bearer tokens: shown once, kept as a digest, ended by time, by revocation and with their person."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from tests.people import Person

from hesuan.errors import InputFault, NotFound, Refused
from hesuan.hub.identity import rules, selectors, services
from hesuan.hub.identity.models import ApiToken

pytestmark = pytest.mark.django_db


def test_a_token_stands_for_its_person_with_the_roles_they_have_now(owner: Person) -> None:
    _, text = services.issue_token(actor=owner.actor, label="laptop")
    assert services.authenticate_token(text) == owner.actor
    services.revoke_role(
        actor=owner.actor,
        identity_id=owner.identity.id,
        organisation_id=owner.organisation.id,
        role="owner",
    )
    actor = services.authenticate_token(text)
    assert actor is not None and actor.roles == {}


def test_only_its_digest_is_kept(owner: Person) -> None:
    token, text = services.issue_token(actor=owner.actor, label="laptop")
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert text not in str(row) and text[4:36] not in str(row)
    assert row["sha256"] == rules.token_digest(text)


def test_its_form_can_be_told_from_chance() -> None:
    tokens = {rules.new_token() for _ in range(100)}
    assert len(tokens) == 100
    for text in tokens:
        assert rules.is_token(text) and len(text) == 4 + 32 + 1 + 8
        assert not rules.is_token(text[:-1] + ("0" if text[-1] != "0" else "1"))
        assert not rules.is_token(text[:4] + ("a" if text[4] != "a" else "b") + text[5:])
    for text in ("", "hsn_", "x" * 45, "hsn_" + "a" * 32 + "_00000000", next(iter(tokens)) + "\n"):
        assert not rules.is_token(text)


def test_what_is_no_token_is_nobody_and_costs_no_query(
    django_assert_num_queries: Callable[[int], AbstractContextManager],
) -> None:
    with django_assert_num_queries(0):
        assert services.authenticate_token("hsn_" + "a" * 32 + "_00000000") is None
    assert services.authenticate_token(rules.new_token()) is None


def test_it_ends_by_itself_within_ninety_days(owner: Person) -> None:
    now = timezone.now()
    _, text = services.issue_token(actor=owner.actor, label="laptop", days=90)
    assert services.authenticate_token(text, at=now + timedelta(days=89, hours=23))
    assert services.authenticate_token(text, at=now + timedelta(days=90, minutes=1)) is None
    for days in (0, -1, 91):
        with pytest.raises(InputFault, match=r"identity\.token_too_long"):
            services.issue_token(actor=owner.actor, label="laptop", days=days)


def test_it_ends_when_revoked_and_revoking_again_changes_nothing(owner: Person) -> None:
    token, text = services.issue_token(actor=owner.actor, label="laptop")
    services.revoke_token(actor=owner.actor, token_id=token.id)
    ended = ApiToken.objects.get().revoked_at
    services.revoke_token(actor=owner.actor, token_id=token.id)
    assert services.authenticate_token(text) is None
    assert ApiToken.objects.get().revoked_at == ended


def test_it_ends_with_its_person(owner: Person) -> None:
    _, text = services.issue_token(actor=owner.actor, label="laptop")
    owner.identity.is_active = False
    owner.identity.save()
    assert services.authenticate_token(text) is None


def test_nobody_but_its_person_sees_or_revokes_it(owner: Person, colleague: Person, stranger: Person) -> None:
    token, text = services.issue_token(actor=owner.actor, label="laptop")
    assert [row.id for row in selectors.tokens(owner.actor)] == [token.id]
    for other in (colleague, stranger):
        assert selectors.tokens(other.actor) == []
        with pytest.raises(NotFound, match=r"identity\.token_not_found"):
            services.revoke_token(actor=other.actor, token_id=token.id)
    assert services.authenticate_token(text) is not None


def test_nobody_issues_a_token_of_somebody_else(owner: Person, platform_operator: Person) -> None:
    with pytest.raises(AssertionError):
        services.issue_token(actor=platform_operator.actor, identity_id=owner.identity.id, label="x")


def test_its_last_use_is_noted_at_most_once_a_minute(
    owner: Person, django_assert_num_queries: object
) -> None:
    now = timezone.now()
    token, text = services.issue_token(actor=owner.actor, label="laptop")
    services.authenticate_token(text, at=now)
    services.authenticate_token(text, at=now + timedelta(seconds=59))
    token.refresh_from_db()
    assert token.last_used_at == now
    services.authenticate_token(text, at=now + timedelta(seconds=61))
    token.refresh_from_db()
    assert token.last_used_at == now + timedelta(seconds=61)


def test_where_a_second_factor_is_demanded_a_token_of_public_money_wants_it_too(
    reviewer: Person, owner: Person, settings: Settings
) -> None:
    _, text = services.issue_token(actor=reviewer.actor, label="laptop")
    _, harmless = services.issue_token(actor=owner.actor, label="laptop")
    assert services.authenticate_token(text) == reviewer.actor
    settings.REQUIRE_MFA = True
    with pytest.raises(Refused, match=r"identity\.second_factor_missing .*reviewer"):
        services.authenticate_token(text)
    assert services.authenticate_token(harmless) == owner.actor
