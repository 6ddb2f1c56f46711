"""The ledger's refusals as sentences; a refusal's code is ``ledger.`` and its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hesuan.errors import Code, Refused, declare
from hesuan.hub.ledger.rules import Outcome, Refusal
from hesuan.money import format_yuan

SENTENCES: dict[Refusal, tuple[str, str]] = {
    Refusal.ID_USED_OTHERWISE: (
        "Id {id} was used before for something else; what it did first stands. Use a new id.",
        "编号 {id} 此前已用于别的内容，以首次结果为准。请使用新的编号。",
    ),
    Refusal.LINKED_FAILED: (
        "Event {id} did not happen because {by}, which belongs to the same journal, was refused.",
        "{id} 未执行：同一凭证中的 {by} 被拒绝。",
    ),
    Refusal.AMOUNT_NOT_POSITIVE: (
        "{asked} cannot be moved; an amount is at least ¥0.01.",
        "无法转移 {asked}；金额至少为 ¥0.01。",
    ),
    Refusal.AMOUNT_ABOVE_LIMIT: (
        "{asked} is above the largest amount of one transfer, {limit}. Split it.",
        "{asked} 超过单笔转账上限 {limit}。请拆分。",
    ),
    Refusal.ACCOUNTS_MUST_DIFFER: (
        "Both sides are account {account} of ledger {ledger}; money moves between two accounts.",
        "借贷双方同为账本 {ledger} 的账户 {account}；转账须在两个账户之间进行。",
    ),
    Refusal.DEBIT_ACCOUNT_NOT_FOUND: (
        "Ledger {ledger} has no account {account} to take from. Open it first.",
        "账本 {ledger} 中没有付出账户 {account}。请先开户。",
    ),
    Refusal.CREDIT_ACCOUNT_NOT_FOUND: (
        "Ledger {ledger} has no account {account} to give to. Open it first.",
        "账本 {ledger} 中没有收入账户 {account}。请先开户。",
    ),
    Refusal.HOLD_NOT_FOUND: (
        "There is no hold {hold}; it was refused or never asked for.",
        "没有冻结 {hold}：它被拒绝过，或从未提出。",
    ),
    Refusal.NOT_A_HOLD: (
        "{hold} is a {kind}, not a hold; only a hold is captured or released.",
        "{hold} 是 {kind} 而不是冻结；只有冻结可以扣划或解冻。",
    ),
    Refusal.HOLD_ACCOUNTS_DIFFER: (
        "The ledger or accounts named are not those of hold {hold}. Leave them out, or name the hold's own.",
        "所给账本或账户与冻结 {hold} 不符。请省略，或填写该冻结自身的账户。",
    ),
    Refusal.HOLD_ALREADY_CAPTURED: (
        "Hold {hold} was captured before; a hold is resolved once.",
        "冻结 {hold} 已扣划；一笔冻结只能处理一次。",
    ),
    Refusal.HOLD_ALREADY_RELEASED: (
        "Hold {hold} was released before; a hold is resolved once.",
        "冻结 {hold} 已解冻；一笔冻结只能处理一次。",
    ),
    Refusal.HOLD_EXPIRED: (
        "Hold {hold} ends {expired_at}; it is {now}. Place a new hold.",
        "冻结 {hold} 的期限为 {expired_at}，现在是 {now}。请重新冻结。",
    ),
    Refusal.CAPTURE_ABOVE_HOLD: (
        "Capture of {asked} is above the {held} of hold {hold}.",
        "扣划 {asked} 超过冻结 {hold} 的 {held}。",
    ),
    Refusal.RELEASE_NOT_WHOLE: (
        "Release of {asked} is not the whole hold {hold} of {held}."
        " Capture what is owed; the rest returns by itself.",
        "解冻 {asked} 不是冻结 {hold} 的全额 {held}。请扣划应付部分，余额自动退回。",
    ),
    Refusal.DEBIT_ACCOUNT_FROZEN: (
        "Account {account} of ledger {ledger} is frozen: nothing new is taken from it."
        " Wait until it is thawed; then ask under a new id.",
        "账本 {ledger} 的账户 {account} 已停用，不再从中支出。请待其恢复后以新的编号提出。",
    ),
    Refusal.AVAILABLE_EXCEEDED: (
        "{asked} is above the {available} available on account {account} of ledger {ledger};"
        " {held} is held. Ask for less, add money, or wait for a hold to end.",
        "{asked} 超过账本 {ledger} 账户 {account} 的可用额 {available}；其中已冻结 {held}。"
        "请减少金额、充值，或等待冻结结束。",
    ),
    Refusal.COUNTER_OVERFLOW: (
        "Account {account} of ledger {ledger} would pass {limit}, the largest sum it can count.",
        "账本 {ledger} 的账户 {account} 将超过可计数上限 {limit}。",
    ),
}

CODES: dict[Refusal, Code] = {
    refusal: declare(f"ledger.{refusal.value}", en=SENTENCES[refusal][0], zh=SENTENCES[refusal][1])
    for refusal in Refusal
}


class LedgerRefused(Refused):
    """The first refusal of a journal, as a sentence, with every outcome and the digest of the journal.

    ``services.atomic`` uses both to remember the refusal after the caller's transaction was rolled back.
    """

    def __init__(self, outcomes: Sequence[Outcome], *, digest: str) -> None:
        self.outcomes = tuple(outcomes)
        self.digest = digest
        first = _first(outcomes)
        assert first.refusal is not None
        self.refusal = first.refusal
        super().__init__(CODES[first.refusal], where="", **with_amounts(first.facts))


def _first(outcomes: Sequence[Outcome]) -> Outcome:
    """The refusal that names the reason, before those that merely follow from it."""
    refused = [outcome for outcome in outcomes if not outcome.ok]
    return next((outcome for outcome in refused if outcome.refusal != Refusal.LINKED_FAILED), refused[0])


def with_amounts(facts: Mapping[str, str | int]) -> dict[str, object]:
    """The facts, and beside each ``x_fen`` the amount ``x`` as people read it."""
    amounts = {
        name.removesuffix("_fen"): format_yuan(value)
        for name, value in facts.items()
        if name.endswith("_fen") and isinstance(value, int)
    }
    return {**facts, **amounts}
