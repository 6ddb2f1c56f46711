"""Documents, facts, relations, aid; each step an entry took; who besides the owner may look.

Rows are added and never changed (migrations 0002, 0004); of an entry only ``state`` moves, and each move is a
row of :class:`Step`. A document's bytes lie in the data folder under their SHA-256, outside anything the web
server serves by itself.
"""

from __future__ import annotations

from django.db import models

from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import ID_LENGTH, new_id

SHA256_LENGTH = 64


class Document(models.Model):
    """One uploaded file: what it was called, what it was found to be, and the hash it lies under."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="documents")
    file_name = models.CharField(max_length=150)
    """As the person called it; a label, never a path."""
    media_type = models.CharField(max_length=100)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=SHA256_LENGTH, db_index=True)
    uploaded_by = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(size_bytes__gt=0), name="registry_document_not_empty")
        ]

    def __str__(self) -> str:
        return self.file_name


class Opening(models.Model):
    """An organisation lets a programme office look: at what is on record of it, or at one document."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="openings")
    office = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="opened_to")
    document = models.ForeignKey(Document, null=True, on_delete=models.PROTECT, related_name="openings")
    """``None``: facts, relations and aid on record, with the documents that prove them."""
    because = models.CharField(max_length=100)
    """What made it necessary, such as ``application:01J…``."""
    opened_by = models.CharField(max_length=64)
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "office"],
                condition=models.Q(document__isnull=True),
                name="registry_opened_to_an_office_once",
            ),
            models.UniqueConstraint(
                fields=["document", "office"], name="registry_document_opened_to_an_office_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} → {self.office_id}"


class Entry(models.Model):
    """What facts, relations and aid have in common: whose, proved by what, holding when, entered by whom."""

    class State(models.TextChoices):
        DECLARED = "declared"
        CHECKED = "checked"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    class Source(models.TextChoices):
        DECLARED = "declared"
        """By the organisation."""
        REGISTRY = "registry"
        """By an office or the platform, from a public registry."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    issuer = models.CharField(max_length=200)
    """Who issued the evidence, or keeps the registry it was read in."""
    document = models.ForeignKey(Document, null=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=16, choices=Source.choices)
    valid_from = models.DateField()
    expires_on = models.DateField(null=True)
    """The last day on which it holds; ``None``: until something else is entered."""
    state = models.CharField(max_length=16, choices=State.choices)
    entered_by = models.CharField(max_length=64)
    entered_at = models.DateTimeField()

    class Meta:
        abstract = True


class OrganisationFact(Entry):
    """One typed fact, such as ``size``."""

    name = models.CharField(max_length=64)
    value = models.JSONField()
    """As :mod:`.fact_types` writes it."""

    class Meta:
        indexes = [models.Index(fields=["organisation", "name"], name="registry_fact_of")]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.name}"


class Relation(Entry):
    """The organisation is tied to somebody, or has an address, an account, a telephone as others may."""

    kind = models.CharField(max_length=32)
    counterpart = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    counterpart_key = models.CharField(max_length=SHA256_LENGTH, blank=True, db_index=True)
    """Of what is outside the hub: a keyed hash that equal values share; the value is not kept."""
    holder = models.CharField(max_length=16, blank=True)
    """Of a shareholding: ``organisation`` or ``counterpart``."""
    ratio_ppm = models.PositiveIntegerField(null=True)
    """Of a shareholding: the share, in millionths."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(counterpart__isnull=False, counterpart_key="")
                | (models.Q(counterpart__isnull=True) & ~models.Q(counterpart_key="")),
                name="registry_relation_to_one",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="shareholding", ratio_ppm__gte=1, ratio_ppm__lte=1_000_000)
                | (~models.Q(kind="shareholding") & models.Q(ratio_ppm__isnull=True)),
                name="registry_relation_ratio",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.kind}"


class AidEntry(Entry):
    """Public money that somebody else gave or granted for the same thing; ``valid_from`` is the day of it."""

    class Scope(models.TextChoices):
        LINE = "line"
        CONTRACT = "contract"
        PROJECT = "project"
        TYPE = "type"

    authority = models.CharField(max_length=100)
    programme = models.CharField(max_length=200, blank=True)
    scope = models.CharField(max_length=16, choices=Scope.choices)
    contract_number = models.CharField(max_length=100, blank=True)
    invoice_number = models.CharField(max_length=100, blank=True)
    project_number = models.CharField(max_length=100, blank=True)
    contract_sha256 = models.CharField(max_length=SHA256_LENGTH, blank=True, db_index=True)
    """Of the number in normal form (:mod:`.numbers`); empty without one."""
    invoice_sha256 = models.CharField(max_length=SHA256_LENGTH, blank=True, db_index=True)
    project_sha256 = models.CharField(max_length=SHA256_LENGTH, blank=True, db_index=True)
    amount_fen = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="registry_aid_positive")
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.authority}"


class Step(models.Model):
    """One step of one entry: from which state to which, by whom, why."""

    fact = models.ForeignKey(OrganisationFact, null=True, on_delete=models.PROTECT, related_name="steps")
    relation = models.ForeignKey(Relation, null=True, on_delete=models.PROTECT, related_name="steps")
    aid = models.ForeignKey(AidEntry, null=True, on_delete=models.PROTECT, related_name="steps")
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16)
    trigger = models.CharField(max_length=32)
    actor = models.CharField(max_length=64)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(fact__isnull=False, relation__isnull=True, aid__isnull=True)
                | models.Q(fact__isnull=True, relation__isnull=False, aid__isnull=True)
                | models.Q(fact__isnull=True, relation__isnull=True, aid__isnull=False),
                name="registry_step_of_one_entry",
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"


class NumberUse(models.Model):
    """A contract's or an invoice's number was used somewhere: in an aid entry, an application, a claim."""

    kind = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=SHA256_LENGTH)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    used_by = models.CharField(max_length=100)
    """What used it, such as ``aid:01J…`` or ``claim:01J…``."""
    programme = models.CharField(max_length=200, blank=True)
    amount_fen = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "sha256", "used_by"], name="registry_number_use_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.used_by}"
