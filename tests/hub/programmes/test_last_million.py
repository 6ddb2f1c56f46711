"""Sixteen claimants race for the last 1,000,000 fen: exactly that is given, never one fen more, every time.

Two budgets bind: one that is an account of money, one that is a counter. A hundred rounds race through what
protects them (lock, read, decide, post), ten through the whole verb. After each round everything is given
back, so that the next begins with the same million. The negative control takes lock and limit away, and
overspends.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from tests.append_only import triggers_lifted
from tests.people import Person, make_organisation, make_person

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.models import Account
from hesuan.hub.programmes import accounts, counting, engine, rules, services
from hesuan.hub.programmes.models import Application, ApplicationStep, ProgrammeVersion, Voucher
from hesuan.policy.decision import Counters, Facts, Line
from hesuan.policy.evaluator import decide
from hesuan.wire.ids import new_id

from .offices import Office, budget_fen

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

CLAIMANTS, ROUNDS, WHOLE_ROUNDS = 16, 100, 10
LAST_FEN = 1_000_000
ASKED_FEN = 300_000
"""Each is owed this much: three get it, one gets the 100,000 that are left, twelve get nothing."""
PARTIAL = (
    'budgets: [{id: year, window: lifetime, limit: "10000.00", counts: issued, on_exhaust: partial},'
    ' {id: quarter, window: quarter, limit: "10000.00", counts: issued, on_exhaust: partial}]'
)

MONEY, CAPS = accounts.ledger_of("test.rules"), accounts.caps_ledger_of("test.rules")


@pytest.fixture
def office(officer: Person, reviewer: Person, approver: Person, owner: Person) -> Office:
    return Office(officer, reviewer, approver, owner)


@pytest.fixture
def version(office: Office) -> ProgrammeVersion:
    return office.activate(PARTIAL, "caps: []")


@pytest.fixture
def claimants(office: Office, version: ProgrammeVersion) -> list[Application]:
    """One approved application of each; a round issues copies of them."""
    people = [
        make_person(f"claimant{n}", make_organisation(f"Claimant {n}", "enterprise"), "owner")
        for n in range(CLAIMANTS)
    ]
    return [office.approved(version, ASKED_FEN * 10 // 3, by=person) for person in people]


def again(claimants: list[Application]) -> list[str]:
    """The same applications once more, under new ids, approved."""
    copies, steps = [], []
    for one in claimants:
        copy = Application.objects.get(pk=one.pk)
        copy.pk = new_id()
        copies.append(copy)
        for step in one.steps.order_by("number"):
            step.pk, step.application = None, copy
            steps.append(step)
    Application.objects.bulk_create(copies)
    ApplicationStep.objects.bulk_create(steps)
    return [copy.pk for copy in copies]


Race = Callable[[Sequence[Callable[[], int]]], Counter[int | str]]


@pytest.fixture
def race(transactional_db: None) -> Iterator[Race]:
    """Runs sixteen verbs at one moment, each in a thread with a connection of its own that stays open between
    rounds; counts what was given, and the refusals' names."""
    start = threading.Barrier(CLAIMANTS)

    def run(verb: Callable[[], int]) -> int | str:
        connection.ensure_connection()
        start.wait(timeout=240)
        try:
            return verb()
        except Refused as refused:
            return refused.code.name

    def hang_up(_: int) -> None:
        start.wait(timeout=240)
        connections.close_all()

    with ThreadPoolExecutor(CLAIMANTS) as threads:
        yield lambda verbs: Counter(threads.map(run, verbs))
        list(threads.map(hang_up, range(CLAIMANTS)))


def issuing(office: Office, ids: list[str]) -> list[Callable[[], int]]:
    actor = office.approver.actor

    def issue(application_id: str) -> int:
        return services.issue(actor=actor, application_id=application_id).face_fen

    return [partial(issue, one) for one in ids]


def claiming(version: ProgrammeVersion, number: int) -> list[Callable[[], int]]:
    """The sixteen as ``issue`` protects them, without the rows that it writes besides."""
    document = engine.programme_of(version)

    def claim(name: str) -> int:
        facts = Facts(
            event="issue",
            on=rules.programme_day(timezone.now()),
            lines=(Line("compute", ASKED_FEN * 10 // 3),),
            stated={"relation.related_party": False, "applicant.id": name},
        )
        with transaction.atomic():
            book = accounts.ledger_of(document.id)
            locked = ledger.lock([(book, accounts.BUDGET), *counting.refs(document, facts)])
            took = counting.taken(document, facts, locked)
            decision = decide(document, facts, took.counters())
            if not decision.subsidy_fen:
                return 0
            money = counting.transfer(
                f"issue:{name}", book, accounts.BUDGET, "given", amount_fen=decision.subsidy_fen, code="issue"
            )
            events = [money, *took.preparing(name), *took.counting(decision.counted, name)]
            ledger.post_or_raise(events)
            return decision.subsidy_fen

    return [partial(claim, f"{number}.{n}") for n in range(CLAIMANTS)]


def undo(number: int) -> None:
    """The books as they were: everything given goes back, and everything counted."""
    counter = Account.objects.get(ledger=CAPS, kind="budget")
    back = counting.transfer(
        f"undo:{number}", MONEY, "given", accounts.BUDGET, amount_fen=LAST_FEN, code="reverse"
    )
    uncount = counting.transfer(
        f"uncount:{number}", CAPS, accounts.COUNTED, counter.key, amount_fen=LAST_FEN, code="reverse"
    )
    ledger.post_or_raise([back, uncount])


def give_back() -> None:
    """Everything that was issued is given up, so that the next round begins where this one began."""
    for voucher in Voucher.objects.exclude(state="CLOSED").select_related("organisation"):
        owner = Actor("owner", "owner", {voucher.organisation_id: frozenset({"owner"})})
        services.surrender(actor=owner, voucher_id=voucher.id, reason="next round")


def test_a_hundred_races_for_the_last_million_spend_exactly_it(version: ProgrammeVersion, race: Race) -> None:
    ledger.open_account(ledger=MONEY, key="given", kind="voucher")
    for number in range(ROUNDS):
        answers = race(claiming(version, number))
        assert answers == {ASKED_FEN: 3, LAST_FEN - 3 * ASKED_FEN: 1, 0: 12}
        assert budget_fen() == 0 and balances.balance(MONEY, "given").available_fen == LAST_FEN
        undo(number)
    assert checks.check() == []


def test_the_whole_verb_spends_exactly_the_last_million(
    office: Office, claimants: list[Application], race: Race
) -> None:
    for _ in range(WHOLE_ROUNDS):
        answers = race(issuing(office, again(claimants)))
        assert answers == {ASKED_FEN: 3, LAST_FEN - 3 * ASKED_FEN: 1, "application.not_eligible": 12}
        assert budget_fen() == 0
        give_back()
        assert budget_fen() == LAST_FEN
    assert checks.check() == []


def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock: everybody decides on what all of them read before anybody wrote."""
    before = Counters(budgets={"year": 0, "quarter": 0})
    monkeypatch.setattr(counting, "as_counters", lambda *_: before)


def test_without_the_lock_the_accounts_still_hold(
    office: Office, claimants: list[Application], race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control, half: the accounts refuse what the decisions should not have granted."""
    ids = again(claimants)
    blind(monkeypatch)
    answers = race(issuing(office, ids))
    assert answers == {ASKED_FEN: 3, "ledger.available_exceeded": 13}
    assert budget_fen() == LAST_FEN - 3 * ASKED_FEN
    assert checks.check() == []


@pytest.mark.broken_books("I10")
def test_without_lock_and_limit_more_than_there_is_would_be_given(
    office: Office, claimants: list[Application], race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control, whole: the race is real, and only lock and limit keep it from overspending."""
    ids = again(claimants)
    services.issue(actor=office.approver.actor, application_id=again(claimants[:1])[0])
    give_back()  # the counter's account is open now
    blind(monkeypatch)
    with triggers_lifted(connection):
        Account.objects.filter(kind="budget").update(may_overdraw=True)
    answers = race(issuing(office, ids))
    assert answers == {ASKED_FEN: CLAIMANTS}
    assert budget_fen() == LAST_FEN - CLAIMANTS * ASKED_FEN < 0
