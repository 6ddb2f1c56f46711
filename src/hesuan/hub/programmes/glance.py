"""A programme's money at a glance: what each window was given and where it is now, read from the ledger.

Everything is summed from the ledger's own accounts, in a fixed number of queries however many vouchers there
are. For the window that is open, *funded − issued + returned = free*; the page says so if it ever is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from hesuan.errors import NotFound
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.programmes import access, accounts, engine, rules, selectors
from hesuan.hub.programmes.errors import PROGRAMME_NOT_FOUND
from hesuan.hub.programmes.models import BudgetYear, Programme, Voucher


@dataclass(frozen=True, slots=True)
class WindowView:
    """One budget in one window [fen]."""

    budget: str
    window: str
    is_open: bool
    vouchers: int
    funded_fen: int
    """Of a closed window: what of it was not given back when it ended."""
    issued_fen: int
    held_fen: int
    redeemed_fen: int
    unused_fen: int
    """With the holders, and no order holds it."""
    returned_fen: int
    """Expired, surrendered or revoked."""
    free_fen: int
    """Still to be issued."""
    first_issued: date | None
    """The day from which its pace is counted."""

    @property
    def difference_fen(self) -> int:
        """What the sums are off by; 0 as long as the ledger and the vouchers agree."""
        if not self.is_open:
            return 0
        return self.funded_fen - self.issued_fen + self.returned_fen - self.free_fen

    @property
    def used_fen(self) -> int:
        """Issued and not returned."""
        return self.issued_fen - self.returned_fen


@dataclass(frozen=True, slots=True)
class MonthView:
    """What left the budget in one month of the programme's calendar, less what came back [fen]."""

    name: str
    fen: int


@dataclass(frozen=True, slots=True)
class Glance:
    """All of a programme's money."""

    windows: tuple[WindowView, ...]
    months: tuple[MonthView, ...]
    gone_on: date | None
    """Estimated: the day the open window is empty if it goes on at its pace; ``None`` where nothing tells."""


def glance(actor: Actor, programme_id: str) -> Glance:
    """A programme's windows, newest first, its months, and when the open window may be empty.

    Raises:
        NotFound: ``programme.not_found``, to everybody but its office and who sees everything.
    """
    programme = selectors.programme(actor, programme_id)
    if not (sees_everything(actor) or programme.office_id in access.offices(actor)):
        raise NotFound(PROGRAMME_NOT_FOUND, programme=programme_id)
    windows = tuple(_windows(programme))
    moved = tuple(_moved(programme.id))
    current = next((one for one in windows if one.is_open), None)
    today = rules.programme_day(timezone.now())
    empty_on = None
    if current is not None and current.first_issued is not None:
        empty_on = gone_on(current.used_fen, current.free_fen, current.first_issued, today)
    return Glance(windows=windows, months=_by_month(moved), gone_on=empty_on)


def gone_on(used_fen: int, free_fen: int, since: date, today: date) -> date | None:
    """The day on which a budget is empty at the pace so far: free ÷ (used ÷ days), rounded down to a day."""
    days = (today - since).days + 1
    if used_fen <= 0 or days <= 0:
        return None
    ahead = free_fen * days // used_fen
    return today + timedelta(days=ahead) if ahead < MOST_DAYS else None


MOST_DAYS = 3660
"""An estimate of more than ten years says nothing."""


def _windows(programme: Programme) -> Iterator[WindowView]:
    book = accounts.ledger_of(programme.id)
    balances = ledger.balances(book)
    redeemed = _redeemed(ledger.all_flows(book))
    by_window: dict[str, list[Voucher]] = defaultdict(list)
    for voucher in Voucher.objects.filter(programme_version__programme=programme).select_related(
        "programme_version"
    ):
        by_window[_window_of(voucher)].append(voucher)
    for row in BudgetYear.objects.filter(programme=programme).order_by("-id"):
        yield _window(row, by_window[row.window], balances, redeemed)


def _window(
    row: BudgetYear,
    vouchers: list[Voucher],
    balances: Mapping[str, ledger.Balance],
    redeemed: Mapping[str, int],
) -> WindowView:
    issued = held = unused = captured = 0
    for one in vouchers:
        own = balances[accounts.voucher_account(one.id)]
        locked = balances.get(accounts.locked_account(one.id))
        issued += one.face_fen
        held += own.debits_pending
        unused += own.available_fen + (locked.available_fen if locked else 0)
        captured += redeemed.get(accounts.voucher_account(one.id), 0)
    is_open = row.closed_at is None
    return WindowView(
        budget=row.budget,
        window=row.window,
        is_open=is_open,
        vouchers=len(vouchers),
        funded_fen=row.funded_fen,
        issued_fen=issued,
        held_fen=held,
        redeemed_fen=captured,
        unused_fen=unused,
        returned_fen=issued - captured - held - unused,
        free_fen=balances[accounts.BUDGET].available_fen if is_open else 0,
        first_issued=min((rules.programme_day(one.issued_at) for one in vouchers), default=None),
    )


def _window_of(voucher: Voucher) -> str:
    document = engine.programme_of(voucher.programme_version)
    budget = rules.funding_budget(document)
    if budget is None or not isinstance(budget.window, str):
        return ""
    start = document.fiscal_year_start
    return rules.window_of(
        budget.window,
        rules.programme_day(voucher.issued_at),
        fiscal_year_start=start if isinstance(start, tuple) else (1, 1),
    )


def _redeemed(flows: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Voucher's account → what was captured from it and has not come back by a credit note [fen]."""
    found: dict[str, int] = defaultdict(int)
    for (debit, credit), fen in flows.items():
        if debit.startswith("voucher:") and _is_use(credit):
            found[debit] += fen
        if credit.startswith("voucher:") and _is_use(debit):
            found[credit] -= fen
    return found


def _is_use(account: str) -> bool:
    own = account in (accounts.BUDGET, accounts.APPROPRIATION)
    return not own and not account.startswith("locked:")


def _moved(programme_id: str) -> Iterator[tuple[date, int]]:
    """What left the budget for vouchers (or, negative, came back from them), by day."""
    book = accounts.ledger_of(programme_id)
    if not ledger.exists(book, accounts.BUDGET):
        return
    for row in ledger.transfers(book, accounts.BUDGET):
        other = row.credit if row.debit == accounts.BUDGET else row.debit
        if other.startswith(("voucher:", "locked:")):
            sign = 1 if row.debit == accounts.BUDGET else -1
            yield rules.programme_day(row.at), sign * row.amount_fen


def _by_month(moved: tuple[tuple[date, int], ...]) -> tuple[MonthView, ...]:
    sums: dict[str, int] = defaultdict(int)
    for day, fen in moved:
        sums[f"{day:%Y-%m}"] += fen
    return tuple(MonthView(name, fen) for name, fen in sorted(sums.items()))
