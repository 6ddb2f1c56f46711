"""A ledger test is a text that an auditor can read: verbs above the line, balances below it.

::

    fund     budget   1000.00            appropriation → budget
    issue    V1        500.00            budget → V1
    hold     V1  H1    300.00            V1 → centre, set aside under the name H1
    capture  H1        180.00            the rest of H1 returns
    release  H1
    spend    V1        100.00            V1 → centre at once
    expire   V1        100.00            V1 → budget
    settle   centre    100.00            centre → appropriation
    freeze   V1                          nothing new is taken from V1, until: thaw V1
    ----
    V1  available      320.00      centre  payable  180.00

An event that must be refused ends in ``— code``. Measures: ``available``, ``held``, ``incoming`` (held in
its favour), ``payable`` (posted). The verbs run on the real tables, and every text ends with a sound check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hesuan.hub.ledger import checks, selectors, services
from hesuan.hub.ledger.rules import Event
from hesuan.money import parse_yuan

LEDGER = "programme:test"
ACCOUNTS = {"appropriation": True, "budget": False, "V1": False, "V2": False, "centre": False}
FLOWS = {
    "fund": ("appropriation", "{0}"),
    "issue": ("budget", "{0}"),
    "spend": ("{0}", "centre"),
    "expire": ("{0}", "budget"),
    "settle": ("{0}", "appropriation"),
}
CODES = {"spend": "capture"}
MEASURES = {
    "available": lambda balance: balance.available_fen,
    "held": lambda balance: balance.debits_pending,
    "incoming": lambda balance: balance.credits_pending,
    "payable": lambda balance: balance.posted_fen,
}


@dataclass
class Story:
    """Runs one text; a hold is named by the text, every other event by its verb and line."""

    line: int = 0

    def run(self, text: str) -> None:
        above, rule, below = text.partition("----")
        for key, may_overdraw in ACCOUNTS.items():
            services.open_account(ledger=LEDGER, key=key, kind=key, may_overdraw=may_overdraw)
        for line in filter(None, map(str.strip, above.splitlines())):
            self._post(line)
        balances = re.findall(r"(\S+)\s+(\S+)\s+(\d+\.\d\d)", below)
        assert rule and balances, "a text without balances shows nothing"
        for account, measure, amount in balances:
            found = MEASURES[measure](selectors.balance(LEDGER, account))
            assert found == parse_yuan(amount), f"{account} {measure} is {found} fen, not {amount}"
        assert checks.check() == []

    def _post(self, line: str) -> None:
        told, _, refusal = line.partition("—")
        verb, key, *_ = told.split()
        if verb in ("freeze", "thaw"):
            getattr(services, verb)([(LEDGER, key)], actor="auditor", reason=line)
            return
        (outcome,) = services.post([self._event(told.split())])
        answer = outcome.refusal.value if outcome.refusal else ""
        assert answer == refusal.strip(), f"{line}: {outcome}"

    def _event(self, words: list[str]) -> Event:
        verb, *rest = words
        self.line += 1
        name = f"{verb}-{self.line}"
        match verb:
            case "hold":
                return Event(rest[1], "hold", LEDGER, parse_yuan(rest[2]), "hold", rest[0], "centre")
            case "capture":
                return Event(name, "capture", LEDGER, parse_yuan(rest[1]), "capture", pending_id=rest[0])
            case "release":
                return Event(name, "release", LEDGER, 0, "release", pending_id=rest[0])
        debit, credit = (side.format(rest[0]) for side in FLOWS[verb])
        return Event(name, "transfer", LEDGER, parse_yuan(rest[1]), CODES.get(verb, verb), debit, credit)
