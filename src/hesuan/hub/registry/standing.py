"""What other rooms ask of the record: which facts hold, who is related, what aid there is, what is double.

Everything is asked of a day and, where a past decision is repeated, of a moment: what was entered or checked
after it is left out, so that a later entry never changes what was decided before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import TypeVar

from django.db.models import Q, QuerySet

from hesuan.errors import InputFault
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.registry import access, errors, numbers, rules, selectors
from hesuan.hub.registry.models import AidEntry, Document, NumberUse, OrganisationFact, Relation, Step
from hesuan.hub.registry.rules import KnownFact, Path, Standing, Tie

PPM = 1_000_000
Row = TypeVar("Row", OrganisationFact, Relation, AidEntry)
_LIVE = (rules.DECLARED, rules.CHECKED)


@dataclass(frozen=True, slots=True)
class RelatedView:
    """Whether two organisations are related, and the path as people read it."""

    first: str
    second: str
    threshold: Fraction
    path: Path | None
    en: str
    zh: str

    @property
    def related(self) -> bool:
        """Whether a path was found."""
        return self.path is not None


@dataclass(frozen=True, slots=True)
class Copy:
    """Another organisation has a document of the same bytes."""

    document_id: str
    organisation_id: str
    organisation: str
    uploaded_at: datetime


# --- Facts ---


def facts_of(organisation_id: str, on: date, *, known_at: datetime | None = None) -> Standing:
    """What holds of an organisation on a day, and what is stale and why.

    Args:
        organisation_id: The organisation; the caller has checked who asks.
        on: The day.
        known_at: Only what was on record at this moment, in the state it had then.
    """
    rows = OrganisationFact.objects.filter(organisation_id=organisation_id)
    return rules.standing((_known(row, state) for row, state in _at(rows, "fact", known_at)), on)


def _known(row: OrganisationFact, state: str) -> KnownFact:
    return KnownFact(
        entry_id=row.id,
        name=row.name,
        value=row.value,
        issuer=row.issuer,
        document_id=row.document_id,
        source=row.source,
        valid_from=row.valid_from,
        expires_on=row.expires_on,
        state=state,
        entered_at=row.entered_at,
    )


# --- Relations ---


def relation_between(
    first_id: str,
    second_id: str,
    on: date,
    *,
    known_at: datetime | None = None,
    threshold: Fraction = rules.THRESHOLD,
) -> Path | None:
    """How two organisations are related on a day, directly or through one intermediate, or ``None``.

    Args:
        first_id: An organisation; the caller has checked who asks.
        second_id: Another; the order does not matter.
        on: The day.
        known_at: As for :func:`facts_of`.
        threshold: The least shareholding that counts.
    """
    first, second = _node(first_id), _node(second_id)
    return rules.related(_ties_around({first, second}, on, known_at), first, second, threshold=threshold)


def control_ties(on: date) -> list[Tie]:
    """Every proved tie that says who controls whom on a day: one registration number, one legal
    representative, half of the shares and more."""
    kinds = Q(kind__in=(rules.SAME_PARTY, "legal_representative")) | Q(
        kind="shareholding", ratio_ppm__gte=PPM // 2
    )
    rows = Relation.objects.filter(kinds, state=rules.CHECKED, valid_from__lte=on).filter(
        Q(expires_on__isnull=True) | Q(expires_on__gte=on)
    )
    return [_tie(row, row.state) for row in rows.order_by("id")]


def related(
    actor: Actor, first_id: str, second_id: str, on: date, *, threshold: Fraction = rules.THRESHOLD
) -> RelatedView:
    """The same for a person of a programme office, with the path in words.

    Only an office may ask: whoever could ask of themselves could find out a supplier's accounts by guessing.

    Raises:
        NotFound: either organisation; the first must be open to the actor's office.
        Refused: ``registry.role_missing``.
    """
    first = selectors.organisation(actor, first_id)
    if not (sees_everything(actor) or access.offices(actor)):
        verb = ("Asking who is related", "查询关联关系")
        raise access.role_missing(actor, first, access.OFFICE_ROLES, verb)
    second = Organisation.objects.filter(pk=second_id).first() or selectors.organisation(actor, second_id)
    path = relation_between(first.id, second.id, on, threshold=threshold)
    en, zh = _sentence(path, threshold)
    return RelatedView(first.id, second.id, threshold, path, en, zh)


def _ties_around(nodes: set[str], on: date, known_at: datetime | None) -> list[Tie]:
    """The ties at some nodes, at what these are the same party as, and what their neighbours are the same as.

    Three rounds: a node's ties, those of its registration number, those of the other accounts under it.
    """
    seen: set[str] = set()
    ties: dict[str, Tie] = {}
    for _ in range(4):
        fresh = nodes - seen
        if not fresh:
            break
        seen |= fresh
        found = _ties_at(fresh, on, known_at)
        ties |= {tie.relation_id: tie for tie in found}
        nodes = {node for tie in found for node in (tie.left, tie.right)}
    return list(ties.values())


def _ties_at(nodes: Iterable[str], on: date, known_at: datetime | None) -> list[Tie]:
    split = [node.split(":", 1) for node in nodes]
    organisations = [key for family, key in split if family == "organisation"]
    values = [key for family, key in split if family != "organisation"]
    rows = Relation.objects.filter(
        Q(organisation_id__in=organisations)
        | Q(counterpart_id__in=organisations)
        | Q(counterpart_key__in=values)
    ).filter(Q(expires_on__isnull=True) | Q(expires_on__gte=on), valid_from__lte=on)
    return [_tie(row, state) for row, state in _at(rows, "relation", known_at) if state in _LIVE]


def _tie(row: Relation, state: str) -> Tie:
    family = rules.FAMILIES[row.kind]
    right = _node(row.counterpart_id) if row.counterpart_id else f"{family}:{row.counterpart_key}"
    ratio = Fraction(row.ratio_ppm, PPM) if row.ratio_ppm else None
    return Tie(row.id, row.kind, _node(row.organisation_id), right, ratio, proved=state == rules.CHECKED)


def _node(organisation_id: str) -> str:
    return f"organisation:{organisation_id}"


_WORDS = {
    "shareholding": ("shareholding", "持股"),
    "legal_representative": ("legal representative", "法定代表人"),
    "registration": ("registration number", "登记号"),
    "address": ("address", "地址"),
    "bank_account": ("bank account", "银行账户"),
    "phone": ("telephone", "电话"),
}


def _sentence(path: Path | None, threshold: Fraction) -> tuple[str, str]:
    """The path for people; a value that is only hashed is told by its kind."""
    if path is None:
        en = f"No relation on record, direct or through one intermediate (shares from {threshold})."
        return en, f"档案中未见直接或经由一个中间方的关联（持股比例自 {threshold} 起计）。"
    names = _names({end for tie in path.ties for end in (tie.left, tie.right)})
    said = [(_told(tie, names, 0), _told(tie, names, 1)) for tie in path.ties]
    en, zh = "; ".join(one[0] for one in said), "；".join(one[1] for one in said)
    return f"Related: {en}.", f"存在关联：{zh}。"


def _told(tie: Tie, names: dict[str, str], language: int) -> str:
    word = _WORDS[tie.kind][language]
    share = f" {tie.ratio}" if tie.ratio is not None else ""
    how = (("checked", "已核验") if tie.proved else ("declared", "已申报"))[language]
    return (
        f"{_label(tie.left, names)} – {word}{share} – {_label(tie.right, names)} ({how}, {tie.relation_id})"
    )


def _label(node: str, names: dict[str, str]) -> str:
    family, key = node.split(":", 1)
    return names.get(key, key) if family == "organisation" else f"#{key[:8]}"


def _names(nodes: Iterable[str]) -> dict[str, str]:
    wanted = [node.split(":", 1)[1] for node in nodes if node.startswith("organisation:")]
    return dict(Organisation.objects.filter(pk__in=wanted).values_list("pk", "name"))


# --- Aid and doubles ---


def aid_for(
    organisation_id: str,
    on: date,
    *,
    contract_number: str = "",
    project_number: str = "",
    known_at: datetime | None = None,
) -> list[AidEntry]:
    """The live aid of an organisation for a contract or a project, granted by a day, oldest first.

    What was only declared counts: nobody declares aid in their own favour. Without a number, nothing matches.
    """
    wanted = Q(pk__in=[])
    if sha256 := numbers.number_sha256(contract_number):
        wanted |= Q(contract_sha256=sha256)
    if sha256 := numbers.number_sha256(project_number):
        wanted |= Q(project_sha256=sha256)
    rows = AidEntry.objects.filter(wanted, organisation_id=organisation_id, valid_from__lte=on)
    rows = rows.filter(Q(expires_on__isnull=True) | Q(expires_on__gte=on))
    found = [row for row, state in _at(rows, "aid", known_at) if state in _LIVE]
    return sorted(found, key=lambda row: (row.valid_from, row.id))


def number_uses(actor: Actor, kind: str, number: str) -> list[NumberUse]:
    """Where a contract's or invoice's number was used, across programmes and organisations, oldest first.

    People of offices, auditors and the platform's operator see all uses; others those of their own.

    Raises:
        InputFault: ``registry.not_one_of``.
    """
    if kind not in numbers.KINDS:
        raise InputFault(errors.NOT_ONE_OF, where="kind", value=kind[:40], known=", ".join(numbers.KINDS))
    sha256 = numbers.number_sha256(number)
    found = NumberUse.objects.filter(kind=kind, sha256=sha256) if sha256 else NumberUse.objects.none()
    if not (sees_everything(actor) or access.offices(actor)):
        found = found.filter(organisation_id__in=sorted(actor.organisations()))
    return list(found.select_related("organisation").order_by("at", "id"))


def doubles(*, kind: str, number: str, besides: str) -> list[NumberUse]:
    """Uses of a number by anything else than ``besides``, for the hub's own checks."""
    sha256 = numbers.number_sha256(number)
    found = NumberUse.objects.filter(kind=kind, sha256=sha256).exclude(used_by=besides)
    return list(found.select_related("organisation").order_by("at", "id")) if sha256 else []


def copies(actor: Actor, document_id: str) -> list[Copy]:
    """Documents of the same bytes that other organisations sent: one report under two names.

    Raises:
        NotFound: ``registry.document_not_found``.
        Refused: ``registry.role_missing`` to who is not of an office.
    """
    document = selectors.document(actor, document_id)
    if not (sees_everything(actor) or access.offices(actor)):
        verb = ("Searching other organisations' documents", "检索其他组织的文件")
        raise access.role_missing(actor, document.organisation, access.OFFICE_ROLES, verb)
    found = Document.objects.filter(sha256=document.sha256).exclude(organisation_id=document.organisation_id)
    return [
        Copy(one.id, one.organisation_id, one.organisation.name, one.uploaded_at)
        for one in found.select_related("organisation").order_by("uploaded_at", "id")
    ]


# --- The past ---


def _at(rows: QuerySet[Row], role: str, known_at: datetime | None) -> list[tuple[Row, str]]:
    """Rows with their states: of now, or at a moment as their steps tell."""
    if known_at is None:
        return [(row, row.state) for row in rows]
    found = list(rows.filter(entered_at__lte=known_at))
    taken = Step.objects.filter(**{f"{role}__in": [row.pk for row in found]}, at__lte=known_at).order_by("id")
    states: dict[str, str] = defaultdict(str)
    for entry_id, state in taken.values_list(f"{role}_id", "to_state"):
        states[entry_id] = state
    return [(row, states[row.pk]) for row in found]
