"""How much of a voucher one invoice may draw, where the contract is billed in instalments.

A voucher of 300,000.00 on a contract of 1,000,000.00, and a first invoice of 250,000.00: ``pro_rata`` draws
the rate of the invoice, 75,000.00; ``front_load`` draws the whole invoice, 250,000.00, and leaves 50,000.00
for the second; ``choice`` draws what the holder asks for, up to that. Qingyang's published rule allows either
reading.
"""

from __future__ import annotations

from fractions import Fraction

from hesuan.policy import decision as said
from hesuan.policy.fields import Open
from hesuan.policy.work import Work


def draw(work: Work, rule: str | Open | None) -> Fraction | None:
    """Sets what each part may draw; the whole of it, or ``None`` where the rate alone says so.

    A rule that says nothing is ``pro_rata``: the rate is the only thing it says. One that says ``"?"``
    refuses where the readings differ, and only there.
    """
    left = Fraction(work.counters.voucher_fen or 0)
    at_rate, whole = work.amount, work.base
    if isinstance(rule, Open) and min(at_rate, left) != min(whole, left):
        work.need(
            rule, "redemption.drawdown", "how much of the voucher this invoice draws", "本发票可用券金额"
        )
    if rule is None or rule == "pro_rata" or isinstance(rule, Open):
        return None
    most = whole
    if rule == "choice":
        asked = work.stated().get("request.draw")
        if not isinstance(asked, int):
            work.refuse(said.FACT_MISSING, "redemption.drawdown", fact="request.draw", condition="choice")
        most = min(whole, Fraction(asked))
    for part in work.parts:
        part.amount = part.base
    work.at_most(min([most, *work.limits]))
    return work.amount
