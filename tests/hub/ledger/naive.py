"""A second ledger, written to be obviously right and for nothing else: it keeps every accepted entry in a
list and recounts everything from it for each question. It shares no code with ``rules.decide``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hesuan.hub.ledger.rules import Event


@dataclass
class Naive:
    """Journals in, the words ``ok`` or a refusal's name out."""

    accounts: set[str]
    overdraw: set[str]
    now: datetime
    entries: list[dict] = field(default_factory=list)
    frozen: set[str] = field(default_factory=set)
    answered: dict[str, tuple[tuple[Event, ...], str]] = field(default_factory=dict)

    def ask(self, *journal: Event) -> list[str]:
        if any(event.id in self.answered for event in journal):
            return [self._again(event, journal) for event in journal]
        kept = len(self.entries)
        for event in journal:
            problem = self._problem(event)
            if problem:
                del self.entries[kept:]
                for each in journal:
                    self.answered[each.id] = (journal, problem if each is event else "linked_failed")
                break
            self.entries.append(self._entry(event))
        else:
            self.answered.update({event.id: (journal, "ok") for event in journal})
        return [self.answered[event.id][1] for event in journal]

    def _again(self, event: Event, journal: tuple[Event, ...]) -> str:
        if event.id not in self.answered:
            self.answered[event.id] = (journal, "linked_failed")
        first, answer = self.answered[event.id]
        return answer if first == journal else "id_used_otherwise"

    def _entry(self, event: Event) -> dict:
        hold = self._find(event.pending_id)
        return {
            "id": event.id,
            "kind": event.kind,
            "debit": hold["debit"] if hold else event.debit,
            "credit": hold["credit"] if hold else event.credit,
            "amount": event.amount_fen,
            "of": event.pending_id,
            "ends": event.expires_at,
        }

    def _find(self, name: str) -> dict | None:
        return next((entry for entry in self.entries if entry["id"] == name), None)

    def _ended(self, name: str) -> str:
        return next((entry["kind"] for entry in self.entries if entry["of"] == name), "")

    def posted_out(self, account: str) -> int:
        return self._sum("debit", account, ("transfer", "capture"))

    def posted_in(self, account: str) -> int:
        return self._sum("credit", account, ("transfer", "capture"))

    def held_out(self, account: str) -> int:
        return self._open("debit", account)

    def held_in(self, account: str) -> int:
        return self._open("credit", account)

    def _sum(self, side: str, account: str, kinds: tuple[str, ...]) -> int:
        return sum(e["amount"] for e in self.entries if e[side] == account and e["kind"] in kinds)

    def _open(self, side: str, account: str) -> int:
        holds = [e for e in self.entries if e["kind"] == "hold" and e[side] == account]
        return sum(e["amount"] for e in holds if not self._ended(e["id"]))

    def over(self, at: datetime) -> list[str]:
        """Open holds whose time was over at a moment."""
        holds = [e for e in self.entries if e["kind"] == "hold" and e["ends"] and e["ends"] <= at]
        return [e["id"] for e in holds if not self._ended(e["id"])]

    def _problem(self, event: Event) -> str:
        if event.amount_fen < 0 or (event.amount_fen == 0 and event.kind != "release"):
            return "amount_not_positive"
        if event.kind in ("capture", "release"):
            return self._problem_of_resolution(event)
        if event.debit == event.credit:
            return "accounts_must_differ"
        if event.debit not in self.accounts:
            return "debit_account_not_found"
        if event.credit not in self.accounts:
            return "credit_account_not_found"
        if event.expires_at and event.expires_at <= self.now:
            return "hold_expired"
        if event.debit in self.frozen:
            return "debit_account_frozen"
        left = self.posted_in(event.debit) - self.posted_out(event.debit) - self.held_out(event.debit)
        return "" if event.debit in self.overdraw or event.amount_fen <= left else "available_exceeded"

    def _problem_of_resolution(self, event: Event) -> str:
        hold = self._find(event.pending_id)
        if hold is None:
            return "hold_not_found"
        if hold["kind"] != "hold":
            return "not_a_hold"
        if ended := self._ended(hold["id"]):
            return "hold_already_captured" if ended == "capture" else "hold_already_released"
        if event.kind == "capture" and hold["ends"] and hold["ends"] <= self.now:
            return "hold_expired"
        if event.kind == "capture" and event.amount_fen > hold["amount"]:
            return "capture_above_hold"
        if event.kind == "release" and event.amount_fen not in (0, hold["amount"]):
            return "release_not_whole"
        return ""
