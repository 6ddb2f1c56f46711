"""What a claim's line brings is fixed when the claim is submitted; the database refuses a later change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction
from tests.hub.settlement.claim_world import ClaimWorld

from hesuan.hub.settlement.models import Claim, ClaimLine

World = Callable[..., ClaimWorld]
CHANGES: list[dict[str, object]] = [{"subsidy_fen": 1}, {"shares": []}, {"voucher_id": None}]


def line_of(here: ClaimWorld) -> ClaimLine:
    return here.claim(here.settle()).lines.get()


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: next(iter(one)))
def test_a_submitted_line_keeps_what_was_decided(world: World, change: dict[str, object]) -> None:
    line = line_of(world("reimburse_user"))
    with pytest.raises(DatabaseError), transaction.atomic():
        ClaimLine.objects.filter(pk=line.pk).update(**change)
    assert ClaimLine.objects.get(pk=line.pk).subsidy_fen == line.subsidy_fen == 84


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: next(iter(one)))
def test_a_drafts_line_may_be_decided_anew(world: World, change: dict[str, object]) -> None:
    """Negative control: the same changes pass while the claim is a draft."""
    line = line_of(world("reimburse_user"))
    Claim.objects.filter(pk=line.claim_id).update(state=Claim.State.DRAFT)
    assert ClaimLine.objects.filter(pk=line.pk).update(**change) == 1


def test_what_was_bought_never_changes_not_even_in_a_draft(world: World) -> None:
    line = line_of(world("reimburse_user"))
    Claim.objects.filter(pk=line.claim_id).update(state=Claim.State.DRAFT)
    with pytest.raises(DatabaseError), transaction.atomic():
        ClaimLine.objects.filter(pk=line.pk).update(charge_fen=1)
