"""A programme's log beside the programme's accounts: whether the public sums are the ledger's."""

from __future__ import annotations

from collections import Counter

from hesuan.hub.audit import entries
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.disclosure.rules import USERS
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.programmes import accounts
from hesuan.wire.canonical import canonical
from hesuan.wire.leaves import read_leaf
from hesuan.wire.totals import Totals


def totals_of(programme_id: str) -> Totals:
    """What the entries written so far come to, as a stranger adds them up; numbered here as they will be."""
    facts = Fact.objects.filter(log=entries.log_of(programme_id)).order_by("seq")
    rows, made = list(facts), Totals()
    for fact in rows:  # written to this copy alone
        fact.entry = None
    entries.number_entries(entries.log_of(programme_id), rows, 0)
    for index, fact in enumerate(rows):
        leaf = read_leaf(fact.logged)
        assert leaf is not None and canonical(leaf) == fact.logged, fact.logged
        made.take(index, leaf)
    return made


def agree(programme_id: str) -> Totals:
    """Discloses, and compares every public sum with the account that it is about."""
    disclosure.disclose()
    made = totals_of(programme_id)
    assert made.faults == [], made.faults
    assert not made.kinds["correction"], "a pair of accounts that the log has no name for"
    book = ledger.balances(accounts.ledger_of(programme_id))
    standing, held = Counter[str](), 0
    for key, balance in book.items():
        standing[key.partition(":")[0]] += balance.posted_fen
        held += balance.debits_pending
    issued = made.issued_fen - made.returned_fen
    used = made.captured_fen.total() - made.refunded_fen.total()
    assert (made.cap_fen or 0) == -standing["appropriation"]
    assert (made.cap_fen or 0) - issued == standing["budget"]
    assert issued - used == standing["voucher"] + standing["locked"]
    assert made.open_holds[1] == held
    for centre in made.captured_fen.keys() | made.refunded_fen.keys() | made.settled_fen.keys():
        waiting = made.captured_fen[centre] - made.refunded_fen[centre] - made.settled_fen[centre]
        assert waiting == (standing["user"] if centre == USERS else book[centre].posted_fen)
    _payers_agree(made, book, standing)
    return made


def _payers_agree(made: Totals, book: dict[str, ledger.Balance], standing: Counter[str]) -> None:
    settled, paid, demanded = Counter[str](), Counter[str](), Counter[str]()
    for total, parts in (
        (settled, made.payouts.settled_fen),
        (paid, made.payouts.paid_fen),
        (demanded, made.payouts.demanded_fen),
    ):
        for (claim, payer), fen in parts.items():
            assert claim, "money of a payer without its claim"
            total[payer] += fen
    for payer in settled:
        assert settled[payer] - paid[payer] == book[f"payable:{payer}"].posted_fen
        left = book.get(f"paid:{payer}")
        assert paid[payer] - demanded[payer] == (left.posted_fen if left else 0)
    assert demanded.total() - made.payouts.recovered_fen.total() == standing["clawback_receivable"]
    for centre, fen in made.payouts.floats_fen.items():
        assert fen == book[f"float:{centre.partition(':')[2]}"].posted_fen
