"""A closed claim stays as it was decided, whatever version, credit note or demand comes later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.settlement.claim_world import ClaimWorld, document
from tests.people import signer

from hesuan.errors import Refused
from hesuan.hub.programmes import services as programmes
from hesuan.hub.settlement import claim_selectors, clawing, closing, crediting, reconciling
from hesuan.hub.settlement.models import Claim, ClaimLine, Settlement
from hesuan.money import decimal_yuan
from hesuan.wire.ids import new_id

World = Callable[..., ClaimWorld]
SHORT = {"audit: {}": "audit: {retention: P1D}"}


class Undo(Exception):
    """Ends an example, whose rows go back."""


def closed(here: ClaimWorld, settled: Settlement, monkeypatch: pytest.MonkeyPatch) -> Claim:
    """A claim walked to its end."""
    claim = here.approve(here.claim(settled))
    here.pay_batch(claim)
    today = timezone.now().date()
    for one in claim.payments.all():
        reconciling.load_statement(
            actor=here.officer.actor,
            statement_id=new_id(),
            programme_id=here.version.programme_id,
            payer=one.payer,
            begins_on=today,
            ends_on=today,
            name="b.csv",
            content=f"day,reference,amount\n{today},{one.reference},{decimal_yuan(one.cash_fen)}",
        )
    with monkeypatch.context() as later:
        in_a_week = timezone.now() + timedelta(days=7)
        later.setattr(closing.timezone, "now", lambda: in_a_week)
        return closing.close(actor=here.officer.actor, claim_id=claim.id)


def everything(claim: Claim) -> list[Any]:
    """All that a claim says: itself, lines, adjustments, payments, totals."""
    lines = ClaimLine.objects.filter(claim=claim).order_by("number")
    row = Claim.objects.get(pk=claim.pk)
    return [
        row.state,
        row.digest,
        list(lines.values()),
        [list(one.adjustments.values()) for one in lines],
        list(claim.payments.order_by("id").values()),
        list(claim.clawbacks.values()),
        claim_selectors.totals(row),
        list(Settlement.objects.filter(claim_lines__claim=claim).values()),
    ]


def test_no_later_version_and_no_later_note_changes_a_closed_claim(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world("deduct_pay_supplier", **SHORT)
    first, second = here.settle(), here.settle(wall_ms=10_500)
    claim = closed(here, first, monkeypatch)
    open_one = here.claim(second)
    before = everything(claim)

    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.integers(1, 99), st.integers(1, 500), st.integers(1, 200))
    def run(rate: int, cap: int, fen: int) -> None:
        with pytest.raises(Undo), transaction.atomic():
            text = document(
                "deduct_pay_supplier",
                **{
                    **SHORT,
                    "version: 1": "version: 2",
                    "20/100": f"{rate}/100",
                    '"1000000.00"': f'"{cap}.00"',
                },
            )
            draft = programmes.load_programme(actor=here.officer.actor, text=text, source_name="2.yaml")
            programmes.activate(actor=signer(here.officer).actor, version_id=draft.id)
            crediting.book_credit_note(
                actor=here.reviewer.actor,
                note_id=new_id(),
                claim_id=open_one.id,
                number="R",
                lines={1: fen},
                reason="r",
            )
            for refused in (_note, _demand):
                with pytest.raises(Refused, match=r"claim\.wrong_state.*CLOSED"):
                    refused(here, claim)
            assert everything(claim) == before
            raise Undo

    run()


def test_an_open_claim_does_change(world: World) -> None:
    """Negative control: the same note on a claim that is not closed is seen by the comparison."""
    here = world(**SHORT)
    claim = here.claim(here.settle())
    before = everything(claim)
    _note(here, claim)
    assert everything(claim) != before


def _note(here: ClaimWorld, claim: Claim) -> None:
    crediting.book_credit_note(
        actor=here.reviewer.actor,
        note_id=new_id(),
        claim_id=claim.id,
        number=new_id(),
        lines={1: 100},
        reason="r",
    )


def _demand(here: ClaimWorld, claim: Claim) -> None:
    clawing.demand(
        actor=here.approver.actor, clawback_id=new_id(), claim_id=claim.id, amount_fen=1, reason="late"
    )
