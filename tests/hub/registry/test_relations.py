"""Relations on record: values that are compared and never shown, and the test between two organisations."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from tests.hub.registry.conftest import PROOF
from tests.people import Person, make_organisation, make_person

from hesuan.errors import Faults, InputFault, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.registry import keys, selectors, services, standing
from hesuan.hub.registry.models import Relation
from hesuan.hub.registry.services import Proof

DAY = date(2026, 6, 1)
ACCOUNT = "6222 0210 0112 3456 789"


@pytest.fixture
def between(db: None) -> Person:
    """A third organisation."""
    return make_person("bea", make_organisation("Between Holding", "enterprise"), "owner")


def tie(person: Person, kind: str, value: str = "", **more: Any) -> Relation:
    told = {"proof": PROOF, **more}
    return services.enter_relation(
        actor=person.actor, organisation_id=person.organisation.id, kind=kind, value=value, **told
    )


def holds(person: Person, other: Person, percent: str = "51") -> Relation:
    counterpart = other.organisation.id
    return tie(
        person, "shareholding", counterpart_id=counterpart, holder="organisation", ratio_percent=percent
    )


def related(first: Person, second: Person, on: date = DAY, **more: Any) -> bool:
    here, there = first.organisation.id, second.organisation.id
    found = standing.relation_between(here, there, on, **more)
    assert (found is None) == (standing.relation_between(there, here, on, **more) is None)
    return found is not None


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("bank_account", ACCOUNT, "６２２２０２１００１１２３４５６７８９", True),
        ("bank_account", ACCOUNT, "6222021001123456780", False),
        ("phone", "+86 138-0013-8000", "13800138000", True),
        ("phone", "0086 13800138000", "138 0013 8000", True),
        ("phone", "8613", "13", False),
        ("address", "郑州市 金水区（文化路）97号", "郑州市金水区文化路97号", True),
        ("address", "郑州市金水区文化路97号", "郑州市金水区文化路98号", False),
        ("registration", "91410100ma3x-1234", "91410100 MA3X1234", True),
    ],
)
def test_two_writings_of_one_value_are_one(kind: str, one: str, other: str, same: bool) -> None:
    assert (keys.normal(kind, one) == keys.normal(kind, other)) is same


def test_equal_values_of_two_families_do_not_match_and_the_key_is_secret(tmp_path: Path) -> None:
    first = keys.keyed("phone", "13800138000")
    assert first == keys.keyed("phone", "13800138000") != keys.keyed("bank_account", "13800138000")
    place = Path(settings.DATA_DIR) / keys.KEY_FILE
    assert place.stat().st_mode & 0o777 == 0o600 and len(place.read_text().strip()) == 64
    keys._load.cache_clear()
    assert keys.keyed("phone", "13800138000") == first, "the key outlives the process"
    place.write_text("0" * 64)
    keys._load.cache_clear()
    assert keys.keyed("phone", "13800138000") != first
    for spoil in (lambda: place.write_text("half"), lambda: place.chmod(0o644)):
        spoil()
        keys._load.cache_clear()
        with pytest.raises(Refused) as refused:
            keys.keyed("phone", "1")
        assert refused.value.code.name == "registry.key_unusable"
        place.write_text("0" * 64)
        place.chmod(0o600)
    keys._load.cache_clear()


def test_a_value_is_kept_nowhere(owner: Person) -> None:
    made = tie(owner, "bank_account", ACCOUNT)
    shown = owner.client.get(f"/api/v1/organisations/{owner.organisation.id}/relations").content.decode()
    kept = [str(made.__dict__), shown, *(f"{one.leaf!r} {one.private}" for one in Fact.objects.all())]
    assert not [text for text in kept if "6222" in text or "3456789" in text]
    assert made.counterpart_key not in shown


def test_one_bank_account_relates_two_organisations(owner: Person, stranger: Person) -> None:
    tie(owner, "bank_account", ACCOUNT)
    assert not related(owner, stranger)
    tie(stranger, "bank_account", ACCOUNT.replace(" ", ""))
    assert related(owner, stranger)


def test_one_person_who_manages_here_and_owns_there_relates(owner: Person, stranger: Person) -> None:
    tie(owner, "legal_representative", "410105198001011234")
    tie(stranger, "shareholding", "41010519800101 1234", holder="counterpart", ratio_percent="25")
    assert related(owner, stranger)
    assert not related(owner, stranger, threshold=Fraction(26, 100))


def test_through_one_company_but_not_through_two(
    owner: Person, between: Person, stranger: Person, platform_operator: Person
) -> None:
    holds(owner, between)
    link = holds(between, stranger)
    assert not related(owner, stranger), "what a third party declared of itself is not proved"
    services.take_step(actor=platform_operator.actor, entry_id=link.id, to="checked")
    assert related(owner, stranger)
    further = make_person("fay", make_organisation("Further", "enterprise"), "owner")
    last = holds(stranger, further)
    services.take_step(actor=platform_operator.actor, entry_id=last.id, to="checked")
    assert related(between, further) and not related(owner, further)


def test_an_outside_company_is_the_organisation_that_has_its_number(
    owner: Person, between: Person, stranger: Person
) -> None:
    """The owner's shareholder is named by number only; the stranger is found to be that company."""
    tie(owner, "shareholding", "91410100MA3X1234", holder="counterpart", ratio_percent="60")
    assert not related(owner, stranger)
    tie(stranger, "registration", "91410100ma3x1234")
    assert related(owner, stranger)
    holds(stranger, between)
    assert related(stranger, between)
    assert not related(owner, between), "through the stranger's word alone"


def test_a_relation_counts_on_its_days_and_as_far_as_it_was_known(
    owner: Person, stranger: Person, platform_operator: Person
) -> None:
    before = timezone.now()
    told = holds(owner, stranger)
    assert not related(owner, stranger, on=date(2025, 12, 31))
    assert not related(owner, stranger, known_at=before) and related(owner, stranger)
    with pytest.raises(Refused) as refused:
        services.take_step(actor=owner.actor, entry_id=told.id, to="withdrawn", reason="a slip")
    assert refused.value.code.name == "registry.role_missing", (
        "nobody takes back alone what speaks against them"
    )
    moment = timezone.now()
    services.take_step(actor=platform_operator.actor, entry_id=told.id, to="withdrawn", reason="a slip")
    assert not related(owner, stranger)
    assert related(owner, stranger, known_at=moment)
    assert not related(owner, stranger, known_at=moment - timedelta(days=1))


def test_an_ended_relation_ends(owner: Person, stranger: Person) -> None:
    proof = Proof("Market regulator", date(2026, 1, 1), date(2026, 5, 31))
    tie(owner, "phone", "0371-12345678", proof=proof)
    tie(stranger, "phone", "037112345678")
    assert related(owner, stranger, on=date(2026, 5, 31)) and not related(owner, stranger)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"kind": "cousin", "value": "x"}, "kind"),
        ({"kind": "phone", "value": "---"}, "counterpart"),
        ({"kind": "phone", "counterpart_id": "other"}, "counterpart"),
        ({"kind": "registration", "counterpart_id": "other"}, "counterpart"),
        ({"kind": "legal_representative", "counterpart_id": "other", "value": "1"}, "counterpart"),
        ({"kind": "legal_representative", "counterpart_id": "nowhere"}, "counterpart"),
        ({"kind": "legal_representative", "counterpart_id": "self"}, "counterpart"),
        ({"kind": "shareholding", "value": "x", "ratio_percent": "10"}, "holder"),
        *(
            (
                {"kind": "shareholding", "value": "x", "holder": "counterpart", "ratio_percent": ratio},
                "ratio_percent",
            )
            for ratio in ("", "0", "-1", "100.1", "33.33333", "NaN", "1e1000000", "many")
        ),
    ],
)
def test_a_relation_leads_to_one_thing(
    owner: Person, stranger: Person, fields: dict[str, str], where: str
) -> None:
    ids = {"other": stranger.organisation.id, "self": owner.organisation.id}
    if "counterpart_id" in fields:
        fields = {**fields, "counterpart_id": ids.get(fields["counterpart_id"], "nowhere")}
    with pytest.raises((Faults, InputFault)) as refused:
        tie(owner, **fields)
    found = refused.value.faults if isinstance(refused.value, Faults) else (refused.value,)
    assert [fault.where for fault in found] == [where]


def test_the_database_refuses_a_relation_to_nothing(owner: Person) -> None:
    row = tie(owner, "phone", "1")
    row.pk, row.counterpart_key = None, ""
    row.id = "0" * 26
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_the_office_is_told_the_path_and_nobody_else_may_ask(
    owner: Person, stranger: Person, opened: Person
) -> None:
    first, second = tie(owner, "bank_account", ACCOUNT), tie(stranger, "bank_account", ACCOUNT)
    told = standing.related(opened.actor, owner.organisation.id, stranger.organisation.id, DAY)
    assert told.related and told.path is not None
    assert {one.relation_id for one in told.path.ties} == {first.id, second.id}
    assert "Zhongyuan Bio" in told.en and "Elsewhere Ltd" in told.en and "银行账户" in told.zh
    assert "6222" not in told.en
    with pytest.raises(Refused):
        standing.related(owner.actor, owner.organisation.id, stranger.organisation.id, DAY)
    with pytest.raises(NotFound):
        standing.related(opened.actor, stranger.organisation.id, owner.organisation.id, DAY)
    none = standing.related(opened.actor, owner.organisation.id, opened.organisation.id, DAY)
    assert not none.related and "No relation" in none.en


def test_the_api_tells_the_office_the_same(owner: Person, stranger: Person, opened: Person) -> None:
    for person in (owner, stranger):
        tie(person, "address", "郑州市金水区文化路97号")
    query = {"first": owner.organisation.id, "second": stranger.organisation.id, "on": "2026-06-01"}
    answer = opened.client.get("/api/v1/related-parties", query_params=query).json()
    assert (answer["related"], answer["through"], len(answer["relations"])) == (True, "address", 2)
    assert owner.client.get("/api/v1/related-parties", query_params=query).status_code == 403
    assert [one.kind for one in selectors.relations(opened.actor, owner.organisation.id)] == ["address"]
