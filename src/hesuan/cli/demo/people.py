"""The cast of the demonstration, made directly in a new hub's database before the hub starts.

Run as ``python -m hesuan.cli.demo.people`` with the hub's environment; prints the cast as JSON. Passwords and
tokens are random and new each time: there is no default account.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import asdict, dataclass

LAB, OFFICE, CENTRE, PLATFORM, AUDIT, RIVAL = "lab", "office", "centre", "platform", "audit", "rival"

ORGANISATIONS = {
    PLATFORM: ("合算演示平台 Hesuan demonstration", "platform", ""),
    OFFICE: ("演示发券办公室 Demonstration programme office", "programme_office", "henan"),
    AUDIT: ("演示审计组 Demonstration auditors", "audit_office", "henan"),
    CENTRE: ("本机 This machine", "centre", "henan"),
    LAB: ("演示精准医学实验室 Demonstration precision-medicine laboratory", "research_institute", "henan"),
    RIVAL: ("另一家实验室 Another laboratory", "enterprise", "henan"),
}

PARTS = (
    ("operator", "平台运营员", PLATFORM, "platform_operator"),
    ("officer", "发券办公室主任", OFFICE, "programme_officer"),
    ("reviewer", "初审员", OFFICE, "reviewer"),
    ("approver", "审批员", OFFICE, "approver"),
    ("centre", "中心运维", CENTRE, "centre_operator"),
    ("owner", "实验室负责人", LAB, "owner"),
    ("colleague", "实验室同事", LAB, "member"),
    ("stranger", "另一家的负责人", RIVAL, "owner"),
    ("auditor", "审计员", AUDIT, "auditor"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One part of the cast: sign-in name, password and API token, and the organisation played for."""

    username: str
    role: str
    organisation: str
    password: str
    token: str


def cast() -> dict[str, Person]:
    """Makes organisations and people in the hub's database, and returns the people by name."""
    from hesuan.hub.identity import services
    from hesuan.hub.identity.actors import SYSTEM

    organisations = {
        key: services.create_organisation(actor=SYSTEM, name=name, kind=kind, registered_in=place).id
        for key, (name, kind, place) in ORGANISATIONS.items()
    }
    people = {}
    for username, title, key, role in PARTS:
        password = secrets.token_urlsafe(12)
        identity = services.create_identity(username=username, password=password, display_name=title)
        services.grant_role(
            actor=SYSTEM, identity_id=identity.id, organisation_id=organisations[key], role=role
        )
        _, token = services.issue_token(actor=SYSTEM, label="demonstration", days=30, identity_id=identity.id)
        people[username] = Person(username, role, organisations[key], password, token)
    return people


def main() -> int:
    """Prints the cast as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hesuan.hub.config.settings")
    import django

    django.setup()
    json.dump({name: asdict(person) for name, person in cast().items()}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
