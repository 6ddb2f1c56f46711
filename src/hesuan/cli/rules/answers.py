"""A decision for people and for programs; amounts are whole hundredths or exact ratios, never floats."""

from __future__ import annotations

from fractions import Fraction

from hesuan.cli.language import current, said
from hesuan.cli.planning.terminal import pad, wrap
from hesuan.cli.rules.files import Json, plain_facts
from hesuan.policy import names_zh
from hesuan.policy.decision import Decision, Failure, yuan
from hesuan.policy.programme import Programme

NAMES_ZH = {
    "eligibility": "资格",
    "supplier": "供给方",
    "line kinds": "费用类别",
    "apportionment": "分摊",
    "tier": "档次",
    "gross": "基数×比例",
    "drawdown": "用券",
    "other aid": "其他资助",
    "caps": "上限",
    "budget": "预算",
    "invoice": "发票",
    "rounding": "取整",
    "floors": "下限",
    "payers": "出资",
    "co-pay": "自付",
}
WIDTH = 110


def show(programme: Programme, decision: Decision) -> None:
    """Prints the trace step by step, then what is granted or every reason why nothing is."""
    print(f"{programme.id} · {programme.title}")
    print(f"{said(en='version', zh='版本')} {programme.version} · {programme.digest}\n")
    for step in decision.trace:
        name = said(en=step.name, zh=NAMES_ZH.get(step.name, step.name))
        head = f"{step.number:>2} {pad(name, 14)}"
        lines = wrap(f"{step.sentence(current())} ({step.citing})", WIDTH - 17)
        print("\n".join(f"{head if at == 0 else ' ' * 17}{line.strip()}" for at, line in enumerate(lines)))
    print()
    if decision.granted:
        _show_granted(programme, decision)
        return
    print(said(en="Queued:", zh="排队：") if decision.queued else said(en="Refused:", zh="不予支付："))
    for failure in decision.failures:
        print(f"  {failure.sentence(current())} [{failure.code.name}]")


def _show_granted(programme: Programme, decision: Decision) -> None:
    def shown(fen: int) -> str:
        return yuan(fen, programme.unit)

    payers = ", ".join(f"{share.payer} {shown(share.fen)}" for share in decision.shares)
    payers_zh = "，".join(f"{names_zh.payer(one.payer)} {shown(one.fen)}" for one in decision.shares)
    print(said(en=f"Granted: {shown(decision.subsidy_fen)}", zh=f"资助：{shown(decision.subsidy_fen)}"))
    print(
        said(
            en=f"  of an invoice of {shown(decision.invoice_fen)}; other aid"
            f" {shown(decision.other_aid_fen)}, co-pay {shown(decision.copay_fen)}",
            zh=f"  发票 {shown(decision.invoice_fen)}；其他资助 {shown(decision.other_aid_fen)}，"
            f"自付 {shown(decision.copay_fen)}",
        )
    )
    if payers:
        print(said(en=f"  paid by {payers}", zh=f"  出资：{payers_zh}"))
    left = [("cap", one) for one in decision.cap_left_fen.items()]
    left += [("budget", one) for one in decision.budget_left_fen.items()]
    for kind, (name, fen) in left:
        name_zh = programme.names_zh[f"{kind} {name}"]
        print(said(en=f"  left of {name}: {shown(fen)}", zh=f"  {name_zh}尚余：{shown(fen)}"))


def as_json(decision: Decision) -> dict[str, Json]:
    """Every member of a decision; ``*_fen`` whole hundredths, ratios as ``"3/10"``."""
    return {
        "granted": decision.granted,
        "queued": decision.queued,
        "programme": decision.programme,
        "version": decision.version,
        "digest": decision.digest,
        "subsidy_fen": decision.subsidy_fen,
        "copay_fen": decision.copay_fen,
        "invoice_fen": decision.invoice_fen,
        "other_aid_fen": decision.other_aid_fen,
        "recover_fen": decision.recover_fen,
        "base_fen": exact(decision.base),
        "gross_fen": exact(decision.gross),
        "tier": decision.tier,
        "rate": None if decision.rate is None else exact(decision.rate),
        "auto_approved": decision.auto_approved,
        "shares": [{"payer": one.payer, "fen": one.fen} for one in decision.shares],
        "caps_left_fen": dict(decision.cap_left_fen),
        "budgets_left_fen": dict(decision.budget_left_fen),
        "lines": [
            {
                "kind": one.kind,
                "amount_fen": one.amount_fen,
                "base_fen": exact(one.base),
                "tier": one.tier,
                "rate": None if one.rate is None else exact(one.rate),
                "gross_fen": exact(one.gross),
                "subsidy_fen": one.subsidy_fen,
            }
            for one in decision.lines
        ],
        "counted": [
            {
                "kind": needed.kind,
                "id": needed.id,
                "key": dict(needed.key),
                "window": needed.window.name,
                "counts": needed.counts,
                "fen": fen,
            }
            for needed, fen in decision.counted
        ],
        "trace": [
            {"step": one.number, "name": one.name, "citing": one.citing, "en": one.en, "zh": one.zh}
            for one in decision.trace
        ],
        "failures": [failure_as_json(one) for one in decision.failures],
    }


def failure_as_json(one: Failure) -> dict[str, Json]:
    """One reason why nothing is paid."""
    return {
        "code": one.code.name,
        "field": one.field,
        "where": one.where,
        "en": one.code.en.format_map(one.facts),
        "zh": one.code.zh.format_map(one.facts),
        "facts": plain_facts(one.facts),
    }


def exact(value: Fraction) -> Json:
    """A whole number as such, any other as ``"1/3"``."""
    return value.numerator if value.denominator == 1 else str(value)


def points(rate: Fraction) -> str:
    """A change of rate in per cent."""
    sign = "+" if rate > 0 else "−" if rate < 0 else "±"
    return f"{sign}{percent(abs(rate))}"


def percent(share: Fraction) -> str:
    """A share with one decimal, by whole numbers."""
    tenths = (share.numerator * 2000 + share.denominator) // (2 * share.denominator)
    return f"{tenths // 10}.{tenths % 10} %"
