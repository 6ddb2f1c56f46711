"""Books of before accounts could be frozen keep their rows and guards, and what was suspended is frozen."""

from __future__ import annotations

from tests.hub.programmes.test_old_rows import address, brought_up

__all__ = ["address"]


def test_no_guard_is_lost_and_what_was_suspended_is_frozen(address: str) -> None:
    """SQLite drops a table's triggers with it, and widening the attempts' CHECK makes theirs anew."""
    found = brought_up(address, module="tests.hub.ledger.old_books")
    assert found["lost"] == [] and found["stood"] >= 10
    assert {
        "ledger_account_frozen_as_told",
        "ledger_account_not_born_frozen",
        "ledger_freezing_append_only_delete",
        "ledger_freezing_append_only_update",
        "ledger_freezing_in_turn",
    } <= set(found["new"])
    assert found["attempts_kept"] is True
    assert found["refused"] == {
        "an attempt changed": True,
        "an attempt deleted": True,
        "a result of nobody": True,
        "the new result": False,
    }
    frozen = [["budget", False], ["cap:year:F:2026", False], ["counted", False], ["voucher:W", True]]
    assert found["frozen"] == frozen
    assert found["acts"] == [[1, "system", "voucher SUSPENDED before accounts could be frozen"]]
