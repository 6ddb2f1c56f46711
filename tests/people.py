"""People of the tests: somebody with one role in one organisation, made on the real tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.test import Client

from hesuan.hub.identity import services
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.identity.models import Identity, Organisation
from hesuan.hub.identity.selectors import actor_of

SIGN_IN = "allauth.account.auth_backends.AuthenticationBackend"


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in, with one role in one organisation."""

    identity: Identity
    organisation: Organisation
    role: str

    @cached_property
    def actor(self) -> Actor:
        """What services and selectors take."""
        return actor_of(self.identity)

    @cached_property
    def client(self) -> Client:
        """A browser in which this person is signed in; CSRF is not checked unless a test asks for it."""
        client = Client()
        client.force_login(self.identity, backend=SIGN_IN)
        return client


def make_organisation(name: str, kind: str) -> Organisation:
    """An organisation, registered by the hub itself."""
    return services.create_organisation(actor=SYSTEM, name=name, kind=kind, registered_in="410000")


def make_person(username: str, organisation: Organisation, role: str) -> Person:
    """A person with one role and no password: tests sign in by ``client``, or set one themselves."""
    identity = services.create_identity(username=username, display_name=username.capitalize())
    services.grant_role(actor=SYSTEM, identity_id=identity.id, organisation_id=organisation.id, role=role)
    return Person(identity, organisation, role)


def signer(officer: Person) -> Person:
    """Somebody else of the same office who approves: who wrote a version does not put it into force."""
    name = f"second-{officer.identity.username}"
    known = Identity.objects.filter(username=name).first()
    if known is not None:
        return Person(known, officer.organisation, "approver")
    return make_person(name, officer.organisation, "approver")
