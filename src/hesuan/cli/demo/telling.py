"""Prints the story with its figures: what was predicted beside what was, who paid what, how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from hesuan.cli.demo.people import Person
from hesuan.cli.demo.stage import Stage
from hesuan.cli.demo.story import Tale
from hesuan.cli.language import said
from hesuan.money import format_yuan, parse_yuan
from hesuan.units import MS_PER_SECOND, format_bytes, format_seconds


def tell(console: Console, tale: Tale) -> None:
    """The seven verbs and what came of each."""
    for verb_en, verb_zh, part in (
        ("find", "找", _find),
        ("programme", "计划", _programme),
        ("quote", "报价", _quote),
        ("run", "运行", _run),
        ("meter", "计量", _meter),
        ("settle", "结算", _settle),
        ("audit", "审计", _audit),
    ):
        console.print()
        console.rule(f"[bold]{said(en=verb_en, zh=verb_zh)}", align="left")
        part(console, tale)


def tell_logins(console: Console, stage: Stage, people: Mapping[str, Person]) -> None:
    """The console's address and a login for each role; the lines that the README's commands need."""
    table = Table(box=None, pad_edge=False)
    for title in (
        said(en="sign-in name", zh="登录名"),
        said(en="password", zh="密码"),
        said(en="role", zh="角色"),
    ):
        table.add_column(title)
    for person in people.values():
        table.add_row(person.username, person.password, person.role)
    title = said(en=f"The console: {stage.address}", zh=f"控制台：{stage.address}")
    console.print()
    console.print(Panel(table, title=title, title_align="left", expand=False))
    console.print(said(en="For the commands of the README:", zh="供 README 中的命令使用："))
    console.print(f"export PATH={_bin()}:$PATH", soft_wrap=True, highlight=False)
    console.print(f"export HESUAN_HUB={stage.address}", soft_wrap=True, highlight=False)
    console.print(f"export HESUAN_TOKEN={people['owner'].token}", soft_wrap=True, highlight=False)


def _bin() -> str:
    import sys
    from pathlib import Path

    return str(Path(sys.executable).parent)


def _find(console: Console, tale: Tale) -> None:
    seen = tale.inventory
    cards = ", ".join(f"{card['count']} × {card['chip']}" for card in seen["cards"])
    memory = format_bytes(seen["memory_bytes"])
    cards = cards or said(en="no accelerator found", zh="未发现加速卡")
    console.print(
        said(
            en=f"This machine: {seen['cores']} cores, {memory} of memory, {cards} (detected).",
            zh=f"本机：{seen['cores']} 核，内存 {memory}，{cards}（探测所得）。",
        )
    )
    cores = tale.evidence["cores"]
    console.print(
        said(en=f"Benchmark of omics-match on {cores} cores:", zh=f"omics-match 在 {cores} 核上的基准测试：")
    )
    table = _table(("samples", "样本数"), ("wall time, measured", "墙钟时间（实测）"))
    for point in sorted(tale.evidence["points"], key=lambda one: (one["units"], one["wall_ms"])):
        table.add_row(f"{point['units']:,}", _ms(point["wall_ms"]))
    console.print(table)


def _programme(console: Console, tale: Tale) -> None:
    voucher = tale.voucher
    face = format_yuan(parse_yuan(voucher["face_yuan"]))
    lab = tale.laboratory
    console.print(
        said(en=f"Registered: {lab['name']}, {lab['kind']}.", zh=f"已登记：{lab['name']}（{lab['kind']}）。"),
        highlight=False,
    )
    console.print(
        said(
            en=f"Henan: 20 % of the usage fee. Voucher {voucher['code']} of {face} issued; three people:"
            " applicant, reviewer, approver.",
            zh=f"河南：使用费的 20 %。已发放算力券 {voucher['code']}，面额 {face}；"
            "申领、初审、审批三人各不相同。",
        )
    )
    console.print(said(en="Chengdu 2023: activation refused.", zh="成都 2023：拒绝激活。"))
    console.print(tale.chengdu_refusal, style="yellow", soft_wrap=True, highlight=False, markup=False)


def _quote(console: Console, tale: Tale) -> None:
    work = tale.request["work"]
    console.print(
        said(
            en=f"Work: {work['units']:,} samples on {work['cores']} cores.",
            zh=f"工作：{work['units']:,} 个样本，{work['cores']} 核。",
        )
    )
    table = _table(
        ("", ""),
        ("offering", "算力产品"),
        ("expected time, 80 % interval", "预计时间，80 % 区间"),
        ("charge", "费用"),
        ("own share", "自付"),
        ("at most", "至多"),
    )
    for quote in tale.request["quotes"]:
        table.add_row(str(quote["rank"]), *_quote_row(quote["document"]))
    console.print(table)
    for refusal in tale.request["refusals"]:
        title = refusal["offering_title"]
        told = said(en=f"{title} cannot quote:", zh=f"{title} 无法报价：")
        console.print(f"– {told} {_sentence(refusal['sentence'])}", highlight=False, markup=False)
    console.print(said(en="Reasons of the first:", zh="首选的理由："))
    for reason in tale.request["quotes"][0]["document"]["reasons"]:
        console.print(f"  · {_sentence(reason)}", highlight=False, markup=False)


def _quote_row(document: Mapping[str, Any]) -> tuple[str, ...]:
    expected, prediction = document["expected"], document["prediction"]
    time = said(en="no evidence", zh="无依据")
    if prediction is not None:
        kind = said(en=prediction["kind"], zh=_KINDS_ZH[prediction["kind"]])
        time = f"{_ms(prediction['mid_ms'])} {kind}\n{_interval(prediction)}"
    money = (expected["charge_fen"], expected["copay_fen"], document["max_charge_fen"])
    return (document["offering_title"], time, *map(format_yuan, money))


_KINDS_ZH = {"measured": "实测", "calibrated": "校准", "estimated": "估算", "assumed": "假定"}


def _interval(prediction: Mapping[str, Any]) -> str:
    return f"{_ms(prediction['low_ms'])} – {_ms(prediction['high_ms'])}"


def _run(console: Console, tale: Tale) -> None:
    run = tale.order["run"]
    states = " → ".join(state["state"] for state in run["states"])
    console.print(f"{run['id']}: {states}", highlight=False)


def _meter(console: Console, tale: Tale) -> None:
    usage, predicted = tale.usage, tale.receipt["document"]["prediction"]
    table = _table(("figure", "数值"), ("predicted", "预测"), ("actual", "实际"))
    before = f"{_ms(predicted['mid_ms'])} ({_interval(predicted)})"
    table.add_row(said(en="wall time", zh="墙钟时间"), before, _ms(usage["wall_ms"]))
    table.add_row(said(en="CPU time", zh="CPU 时间"), "", _ms(usage["cpu_ms"]))
    table.add_row(said(en="peak memory", zh="内存峰值"), "", format_bytes(usage["peak_memory_bytes"]))
    console.print(table)
    recall = usage["result"].get("recall_at_1_ppm")
    if recall is not None:
        percent = f"{recall / 10_000:.2f} %"
        console.print(
            said(
                en=f"Evidence: {usage['evidence']}. The program's own word: recall@1 {percent} of the truth.",
                zh=f"依据：{usage['evidence']}。程序自报：对真值的首位召回率 {percent}。",
            )
        )


def _settle(console: Console, tale: Tale) -> None:
    settled = tale.order["settlement"]
    table = _table(("", ""), ("held", "冻结"), ("captured", "扣划"), ("released", "解冻"))
    charge = tale.receipt["document"]["charge"]
    for part in charge["vouchers"]:
        name = said(en=f"voucher of {part['programme']}", zh=f"算力券 {part['programme']}")
        table.add_row(name, *(format_yuan(part[key]) for key in _PARTS))
    table.add_row(
        said(en="own balance", zh="自有余额"), *(format_yuan(charge["copay"][key]) for key in _PARTS)
    )
    console.print(table)
    console.print(
        said(
            en=f"Charge ¥{settled['charge_yuan']}, at most ¥{settled['max_charge_yuan']} was promised.",
            zh=f"费用 ¥{settled['charge_yuan']}，报价承诺至多 ¥{settled['max_charge_yuan']}。",
        )
    )


_PARTS = ("held_fen", "captured_fen", "released_fen")


def _audit(console: Console, tale: Tale) -> None:
    console.print(tale.verdict.rstrip(), soft_wrap=True, highlight=False, markup=False)
    before, after = tale.request["quotes"][0]["document"], tale.second_quote["document"]
    console.print(
        said(
            en=f"The next quote for the same work has learnt: {_ms(before['prediction']['mid_ms'])} →"
            f" {_ms(after['prediction']['mid_ms'])}; this run took {_ms(tale.usage['wall_ms'])}.",
            zh=f"同一工作的下一份报价已经学到：{_ms(before['prediction']['mid_ms'])} →"
            f" {_ms(after['prediction']['mid_ms'])}；本次实际 {_ms(tale.usage['wall_ms'])}。",
        )
    )


def _table(*titles: tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, (en, zh) in enumerate(titles):
        table.add_column(said(en=en, zh=zh), justify="left" if i == 0 else "right")
    return table


def _sentence(both: Mapping[str, str]) -> str:
    return said(en=both["en"], zh=both["zh"])


def _ms(milliseconds: int) -> str:
    return format_seconds(milliseconds / MS_PER_SECOND)
