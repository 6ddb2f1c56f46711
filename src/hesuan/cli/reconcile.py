"""What ``hesuan agent reconcile`` prints: both totals, then each finding with what each side says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from hesuan.agent.reconcile import Compared, Found, Kind, Record, Total
from hesuan.agent.schedulers.contract import Gap, Untold
from hesuan.cli import show
from hesuan.cli.exits import Exit
from hesuan.cli.language import said


def put(compared: Compared) -> Exit:
    """Prints for people; REFUSED if anything was found."""
    console = show.out()
    console.print(
        said(
            en=f"Attempts that ended from {show.moment(compared.since)} to {show.moment(compared.until)}:",
            zh=f"结束于 {show.moment(compared.since)} 至 {show.moment(compared.until)} 的各次执行：",
        )
    )
    heads = [
        ("", "left"),
        (said(en="Attempts", zh="执行次数"), "right"),
        (said(en="Wall time", zh="墙钟时间"), "right"),
        (said(en="Core-s", zh="核秒"), "right"),
        (said(en="Card-s", zh="卡秒"), "right"),
    ]
    sides = (
        (said(en="the centre's books", zh="算力中心账目"), compared.books),
        (
            said(en="the hub", zh="平台"),
            compared.hub,
        ),
    )
    show.put(show.table(heads, (_total(name, total) for name, total in sides)))
    for one in compared.findings:
        console.print()
        for line in _lines(one):
            console.print(line)
    console.print()
    count = len(compared.findings)
    console.print(
        said(en=f"{count} findings.", zh=f"{count} 处不一致。")
        if count
        else said(en="Both sides agree.", zh="双方一致。")
    )
    for line in _not_shown(compared):
        console.print(line)
    return Exit.REFUSED if count else Exit.DONE


def as_json(compared: Compared) -> Exit:
    """Prints for programs; REFUSED if anything was found."""
    show.print_json(asdict(compared))
    return Exit.REFUSED if compared.findings else Exit.DONE


def _total(name: str, total: Total) -> tuple[str, ...]:
    return (
        name,
        str(total.attempts),
        show.seconds(total.wall_ms),
        f"{total.core_s:,}",
        f"{total.card_s:,}",
    )


def _lines(one: Found) -> Iterator[str]:
    yield f"{_kind(one.kind)}: {one.key} ({said(en='run', zh='运行')} {one.run})"
    books = said(en="books, as this agent kept it", zh="账目（本代理的记录）") if one.kept else ""
    yield f"  {books or said(en='books', zh='账目')}: {_side(one.books)}"
    yield f"  {said(en='hub', zh='平台')}: {_side(one.hub)}"


def _not_shown(compared: Compared) -> Iterator[str]:
    """What books that forget leave open, so that nobody takes silence for agreement."""
    count = compared.kept_only
    if count:
        yield said(
            en=f"{count} of the attempts the engine shows no more: this agent's own record was compared.",
            zh=f"其中 {count} 次执行引擎已不再列出：比对的是本代理自己的记录。",
        )
    if compared.untold:
        yield said(
            en="These books cannot show, and it stays unknown:", zh="以下内容此账目无法说明，仍属未知："
        )
    for one in compared.untold:
        yield f"  {_untold(one)}"


def _untold(one: Untold) -> str:
    run, detail = one.run, one.detail
    return {
        Gap.FORGETS: said(
            en=f"jobs that nobody here asked for and that are gone from {detail}",
            zh=f"并非由本代理提交、且已从 {detail} 中消失的作业",
        ),
        Gap.NO_END: said(
            en=f"run {run}: it was asked for, its job is gone, and nobody tells how it ended",
            zh=f"运行 {run}：曾经提交，其作业已不在，无人能说明其结局",
        ),
        Gap.NO_FIGURES: said(
            en=f"run {run}: its job {detail} is listed as over, and not what it held",
            zh=f"运行 {run}：其作业 {detail} 列为已结束，但未说明占用了什么",
        ),
    }[one.gap]


def _kind(kind: Kind) -> str:
    return {
        Kind.NOT_AT_THE_HUB: said(en="In the books, not at the hub", zh="账目中有，平台没有"),
        Kind.NOT_IN_THE_BOOKS: said(en="At the hub, not in the books", zh="平台有，账目中没有"),
        Kind.DIFFERS: said(en="Differs", zh="不一致"),
        Kind.COUNTED_TWICE: said(en="Counted twice", zh="重复计量"),
    }[kind]


def _side(said_there: Record) -> str:
    """``wall_ms 20000, core_s 40``; what nobody read is left out."""
    return ", ".join(f"{name} {value}" for name, value in said_there.items() if value is not None) or "–"
