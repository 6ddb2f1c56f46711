"""Who is related to whom, and who controls whom: the registry's graph told to the rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime

from hesuan.hub.identity.models import Membership, Organisation
from hesuan.hub.registry import rules, standing
from hesuan.surveillance.facts import EPOCH, Relationship


def relationships(pairs: Iterable[tuple[str, str]], on: date, known_at: datetime) -> tuple[Relationship, ...]:
    """How firms and the organisations behind centres are related on a day, as far as it was on record then.

    One identity that belongs to both is a shared login: as near as a shared telephone.
    """
    members: defaultdict[str, set[str]] = defaultdict(set)
    for organisation, identity in Membership.objects.values_list("organisation_id", "identity_id"):
        members[organisation].add(identity)
    found = []
    for firm, other in sorted(set(pairs)):
        if firm == other:
            found.append(Relationship(firm, other, 0, (firm,), EPOCH))
            continue
        path = standing.relation_between(firm, other, on, known_at=known_at)
        if path is not None:
            ties = tuple(sorted(tie.relation_id for tie in path.ties))
            found.append(Relationship(firm, other, rules.distance(path), ties, EPOCH))
        elif shared := sorted(members[firm] & members[other]):
            found.append(Relationship(firm, other, 1, tuple(f"identity:{one}" for one in shared), EPOCH))
    return tuple(found)


def controllers(on: date) -> dict[str, str]:
    """Organisation → its actual controller, for those that somebody controls.

    One registration number, one legal representative, or half of the shares and more: what is so joined is
    under one control, named by the least id among the organisations.
    """
    of: dict[str, str] = {}
    for tie in standing.control_ties(on):
        left, right = of.get(tie.left, tie.left), of.get(tie.right, tie.right)
        keep, drop = min(left, right), max(left, right)
        of |= {node: keep for node, stands in of.items() if stands == drop}
        of |= {tie.left: keep, tie.right: keep, drop: keep, keep: keep}
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for node, stands in of.items():
        if node.startswith("organisation:"):
            groups[stands].append(node.removeprefix("organisation:"))
    return {one: min(group) for group in groups.values() if len(group) > 1 for one in group}


def agents() -> frozenset[tuple[str, str]]:
    """``(identity, organisation)`` of those who act for others openly: the people of intermediaries."""
    intermediaries = Organisation.objects.filter(kind="compute_intermediary")
    people = Membership.objects.filter(organisation__in=intermediaries).values("identity_id")
    rows = Membership.objects.filter(identity_id__in=people)
    return frozenset(rows.values_list("identity_id", "organisation_id"))
