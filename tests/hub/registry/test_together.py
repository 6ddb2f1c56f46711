"""Several people at once: one step wins, a limit holds, one id is one entry. Real threads."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from tests.hub.programmes.test_together import together
from tests.hub.registry.files import pdf
from tests.people import Person, make_person

from hesuan.hub.registry import services
from hesuan.hub.registry.models import Document, NumberUse, Opening, OrganisationFact, Step
from hesuan.hub.registry.services import Proof
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)

PROOF = Proof("Market regulator", date(2026, 1, 1))


def test_of_a_check_and_a_refusal_at_once_one_wins(owner: Person, opened: Person) -> None:
    other = make_person("rob", opened.organisation, "reviewer")
    fact = services.enter_fact(
        actor=owner.actor, organisation_id=owner.organisation.id, name="size", value="small", proof=PROOF
    )

    def step(person: Person, to: str) -> Any:
        return lambda: services.take_step(actor=person.actor, entry_id=fact.id, to=to, reason="seen").state

    answers = together([step(opened, "checked"), step(other, "refused")] * 3)
    state = OrganisationFact.objects.get(pk=fact.pk).state
    assert Counter(answers) == {state: 3, "registry.wrong_state": 3}
    assert [one.to_state for one in Step.objects.filter(fact=fact).order_by("id")] == ["declared", state]


def test_uploads_at_once_stay_below_the_limit(owner: Person, settings: Any) -> None:
    settings.UPLOADS_PER_ORGANISATION = 3

    def send(number: int) -> Any:
        return lambda: (
            services.upload(
                actor=owner.actor,
                organisation_id=owner.organisation.id,
                file_name=f"{number}.pdf",
                media_type="application/pdf",
                content=pdf(b"%% %d\n" % number),
            ).size_bytes
        )

    answers = together([send(number) for number in range(6)])
    assert answers.count("document.too_many") == 3 and Document.objects.count() == 3


def test_the_same_request_many_times_at_once_is_one(owner: Person, reviewer: Person) -> None:
    chosen = new_id()

    def opening() -> str:
        return services.open_record(
            actor=owner.actor,
            organisation_id=owner.organisation.id,
            office_id=reviewer.organisation.id,
            because="asked",
        ).id

    def upload() -> str:
        return services.upload(
            actor=owner.actor,
            organisation_id=owner.organisation.id,
            file_name="a.pdf",
            media_type="application/pdf",
            content=pdf(),
            document_id=chosen,
        ).id

    def aid() -> str:
        return services.enter_aid(
            actor=owner.actor,
            organisation_id=owner.organisation.id,
            authority="zhengzhou",
            scope="contract",
            amount_fen=100,
            contract_number="HT-1",
            proof=PROOF,
            entry_id=chosen,
        ).id

    for verb, table in ((opening, Opening), (upload, Document), (aid, NumberUse)):
        assert len(set(together([verb] * 4))) == 1
        assert table.objects.count() == 1
