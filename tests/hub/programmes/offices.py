"""A programme office's small programme, changed line by line, and vouchers under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.people import Person, signer
from tests.policy.rules import text_with

from hesuan.hub.ledger import selectors as balances
from hesuan.hub.programmes import accounts, selectors, services
from hesuan.hub.programmes.models import Application, ProgrammeVersion, Voucher
from hesuan.wire.canonical import Json

PERIOD = "period: {from: 2025-01-01, to: 2036-12-31}"
NO_CAPS = "caps: []"


@dataclass(frozen=True)
class Office:
    """The three people of an office, and who asks it."""

    officer: Person
    reviewer: Person
    approver: Person
    owner: Person

    def activate(self, *lines: str, name: str = "test.rules") -> ProgrammeVersion:
        """The small programme with lines replaced, active."""
        text = text_with(PERIOD, f"programme: {name}", *lines)
        draft = services.load_programme(actor=self.officer.actor, text=text, source_name=f"{name}.yaml")
        return services.activate(actor=signer(self.officer).actor, version_id=draft.id)

    def approved(
        self,
        version: ProgrammeVersion,
        planned_fen: int,
        facts: Mapping[str, Json] | None = None,
        by: Person | None = None,
    ) -> Application:
        """An application as far as its approval."""
        person = by or self.owner
        application = services.apply(
            actor=person.actor,
            organisation_id=person.organisation.id,
            version_id=version.id,
            planned_fen=planned_fen,
            facts={"relation.related_party": False, **(facts or {})},
        )
        services.review(actor=self.reviewer.actor, application_id=application.id, verdict="pass")
        return services.approve(actor=self.approver.actor, application_id=application.id)

    def issue(
        self,
        version: ProgrammeVersion,
        planned_fen: int,
        facts: Mapping[str, Json] | None = None,
        by: Person | None = None,
    ) -> Voucher:
        """An application as far as its voucher."""
        application = self.approved(version, planned_fen, facts, by)
        return services.issue(actor=self.approver.actor, application_id=application.id)


def budget_fen(programme_id: str = "test.rules") -> int:
    """What is left of the programme's budget."""
    return balances.balance(accounts.ledger_of(programme_id), accounts.BUDGET).available_fen


def view(voucher: Voucher) -> selectors.VoucherView:
    """The voucher with its balances as they are now."""
    return selectors.view_of(Voucher.objects.get(pk=voucher.pk))


def trail(voucher: Voucher) -> list[tuple[str, str, str, int]]:
    """From, to, trigger and amount of every step."""
    steps = voucher.steps.order_by("id")
    return [(one.from_state, one.to_state, one.trigger, one.amount_fen) for one in steps]
