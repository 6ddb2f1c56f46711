"""What a voucher pays of a charge, in a quote and at settlement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from tests.people import Person, signer

from hesuan.errors import NotFound
from hesuan.hub.centres.models import Centre
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, rules, services
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.programmes.rules import VoucherShare

from .conftest import HENAN

Issue = Callable[..., Voucher]


def plan(person: Person, centre: Centre, charge_fen: int, at: datetime | None = None) -> VoucherShare | None:
    return services.plan_voucher(
        organisation_id=person.organisation.id,
        centre_id=centre.id,
        charge_fen=charge_fen,
        at=at or timezone.now(),
    )


def test_a_fifth_of_the_charge_split_in_halves(issue: Issue, owner: Person, admitted: Centre) -> None:
    voucher = issue()
    share = plan(owner, admitted, 12_345)
    assert share is not None
    assert (share.voucher_id, share.subsidy_fen, share.copay_fen) == (voucher.id, 2_469, 9_876)
    assert [(one.payer, one.fen) for one in share.shares] == [("province", 1_235), ("city", 1_234)]
    assert share.version_digest == voucher.programme_version.digest
    assert share.trace[-1].zh == "自付 ¥98.76。"


def test_a_centre_that_is_not_admitted_is_not_paid(issue: Issue, owner: Person, centre: Centre) -> None:
    voucher = issue()
    assert plan(owner, centre, 12_345) is None
    share = services.subsidy(voucher_id=voucher.id, charge_fen=12_345, centre_id=centre.id, at=timezone.now())
    assert share.subsidy_fen == 0 and share.shares == ()
    assert share.trace[-1].step == "policy.supplier_not_admitted"


def test_an_admission_does_not_work_backwards(issue: Issue, owner: Person, admitted: Centre) -> None:
    issue()
    assert plan(owner, admitted, 12_345, at=timezone.now() - timedelta(hours=1)) is None


def test_a_voucher_pays_at_most_what_it_has_left(issue: Issue, owner: Person, admitted: Centre) -> None:
    voucher = issue(50_000)  # face 100.00
    share = plan(owner, admitted, 100_000)
    assert share is not None and share.subsidy_fen == voucher.face_fen == 10_000
    hold(voucher, admitted, 9_000)
    share = plan(owner, admitted, 100_000)
    assert share is not None and share.subsidy_fen == 1_000
    hold(voucher, admitted, 1_000)
    assert plan(owner, admitted, 100_000) is None


def hold(voucher: Voucher, centre: Centre, amount_fen: int) -> None:
    event = ledger.Event(
        id=f"{voucher.id}:{amount_fen}",
        kind="hold",
        ledger=accounts.ledger_of(voucher.programme_version.programme_id),
        amount_fen=amount_fen,
        code="hold",
        debit=accounts.voucher_account(voucher.id),
        credit=accounts.centre_account(centre.id),
    )
    ledger.post_or_raise([event])


def test_at_settlement_the_hold_is_the_most(issue: Issue, admitted: Centre) -> None:
    """The voucher is wholly held by the order being settled, so what is available must not count."""
    voucher = issue(50_000)
    hold(voucher, admitted, 10_000)
    its = {"voucher_id": voucher.id, "centre_id": admitted.id, "at": timezone.now()}
    assert services.subsidy(charge_fen=40_000, held_fen=10_000, **its).subsidy_fen == 8_000
    assert services.subsidy(charge_fen=90_000, held_fen=10_000, **its).subsidy_fen == 10_000
    assert services.subsidy(charge_fen=90_000, **its).subsidy_fen == 10_000
    share = services.subsidy(charge_fen=90_000, held_fen=7_777, **its)
    assert share.subsidy_fen == 7_777 == sum(one.fen for one in share.shares)


def test_a_voucher_that_ended_is_not_planned_with(issue: Issue, owner: Person, admitted: Centre) -> None:
    voucher = issue()
    assert voucher.expires_at is not None
    assert plan(owner, admitted, 12_345, at=voucher.expires_at - timedelta(seconds=1)) is not None
    assert plan(owner, admitted, 12_345, at=voucher.expires_at) is None


def test_nobody_elses_voucher_is_planned_with(issue: Issue, stranger: Person, admitted: Centre) -> None:
    issue()
    assert plan(stranger, admitted, 12_345) is None


def test_of_two_vouchers_the_one_that_pays_more_is_planned(
    issue: Issue, owner: Person, admitted: Centre
) -> None:
    small, large = issue(5_000), issue(500_000)
    share = plan(owner, admitted, 100_000)
    assert share is not None and (share.voucher_id, share.subsidy_fen) == (large.id, 20_000)
    first = plan(owner, admitted, 4_000)
    assert first is not None and first.voucher_id == small.id, "of equals, the one that ends first"


def test_a_later_version_never_changes_what_a_voucher_pays(
    issue: Issue, owner: Person, officer: Person, admitted: Centre, henan: ProgrammeVersion
) -> None:
    voucher = issue()
    meaner = HENAN.replace("version: 1", "version: 2").replace("rate: 20/100", "rate: 1/100")
    draft = services.load_programme(actor=officer.actor, text=meaner, source_name="henan-2.yaml")
    services.activate(actor=signer(officer).actor, version_id=draft.id)
    share = plan(owner, admitted, 100_000)
    assert share is not None and share.subsidy_fen == 20_000
    assert share.version_digest == henan.digest != draft.digest
    assert voucher.programme_version_id == henan.id


def test_an_unknown_voucher_is_not_found(admitted: Centre) -> None:
    with pytest.raises(NotFound):
        services.subsidy(voucher_id="none", charge_fen=1, centre_id=admitted.id, at=timezone.now())


@pytest.mark.parametrize(
    ("issued", "rule", "ends"),
    [
        # Issued on 31 January (Beijing time), valid one month: the last day is 28 February.
        (
            datetime(2026, 1, 31, 4, tzinfo=UTC),
            {"count": 1, "unit": "M"},
            datetime(2026, 2, 28, 16, tzinfo=UTC),
        ),
        # 17:00 UTC on New Year's Eve is the new year in Beijing.
        (
            datetime(2026, 12, 31, 17, tzinfo=UTC),
            {"count": 1, "unit": "D"},
            datetime(2027, 1, 2, 16, tzinfo=UTC),
        ),
        (
            datetime(2024, 2, 29, 4, tzinfo=UTC),
            {"count": 1, "unit": "Y"},
            datetime(2025, 2, 28, 16, tzinfo=UTC),
        ),
        (
            datetime(2026, 12, 1, 4, tzinfo=UTC),
            {"count": 12, "unit": "M"},
            datetime(2027, 12, 1, 16, tzinfo=UTC),
        ),
        (datetime(2026, 12, 1, 4, tzinfo=UTC), {"count": 0, "unit": ""}, None),
    ],
)
def test_validity_ends_with_the_last_day_in_the_programmes_time(
    issued: datetime, rule: dict[str, object], ends: datetime | None
) -> None:
    assert rules.expiry(issued, until=None, **rule) == ends  # type: ignore[arg-type]
