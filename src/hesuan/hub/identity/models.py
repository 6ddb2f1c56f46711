"""Organisations, people, roles, tokens.

A centre, a programme office and the platform are organisations too; a membership gives a person a role in
one of them. What a person may see follows from memberships and nothing else.
"""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models

from hesuan.wire.ids import ID_LENGTH, new_id


class Identity(AbstractUser):
    """A person who can sign in."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    display_name = models.CharField(max_length=100, blank=True)

    def __str__(self) -> str:
        return self.display_name or self.username


class Organisation(models.Model):
    """A legal person or unit: an applicant, a centre, a programme office, or the platform itself."""

    class Kind(models.TextChoices):
        ENTERPRISE = "enterprise"
        TECH_MSME = "tech_msme"
        MAKER = "maker"
        RESEARCH_INSTITUTE = "research_institute"
        UNIVERSITY = "university"
        COMPUTE_INTERMEDIARY = "compute_intermediary"
        CENTRE = "centre"
        PROGRAMME_OFFICE = "programme_office"
        AUDIT_OFFICE = "audit_office"
        PLATFORM = "platform"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=32, choices=Kind.choices)
    registered_in = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One role of one person in one organisation."""

    class Role(models.TextChoices):
        OWNER = "owner"
        """Spends the organisation's balance and vouchers, applies, accepts quotes."""
        MEMBER = "member"
        """Sees the organisation's work; asks for quotes."""
        CENTRE_OPERATOR = "centre_operator"
        PROGRAMME_OFFICER = "programme_officer"
        """Writes and activates programmes."""
        REVIEWER = "reviewer"
        APPROVER = "approver"
        AUDITOR = "auditor"
        """Reads everything, changes nothing."""
        PLATFORM_OPERATOR = "platform_operator"
        """Runs the platform; gives no roles."""
        SECURITY_ADMIN = "security_admin"
        """Gives and takes roles; sees no money and no work."""

    identity = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=32, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "organisation", "role"], name="identity_membership_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.identity_id} {self.role} {self.organisation_id}"


class ApiToken(models.Model):
    """A bearer token; only its SHA-256 is kept, the token itself is shown once."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    identity = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="api_tokens")
    sha256 = models.CharField(max_length=64, unique=True)
    label = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.label


class Remembered(models.Model):
    """What all web processes know of what one has seen, until it does not matter any more."""

    key = models.CharField(primary_key=True, max_length=250)
    value = models.TextField()
    until = models.DateTimeField(db_index=True)


class Asked(models.Model):
    """How much of its rate somebody has used up, over all web processes; see ``limits``."""

    key = models.CharField(primary_key=True, max_length=120)
    used_up_at = models.FloatField(db_index=True)
    """When what was granted so far is used up at the even rate [s since 1970]."""
    granted = models.PositiveIntegerField()
    """How many requests the last who asked may let through."""
