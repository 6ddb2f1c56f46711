"""What ``hesuan agent reconcile`` prints: both totals, then each finding with what each side says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from hesuan.agent.reconcile import Compared, Found, Kind, Record, Total
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
    yield f"  {said(en='books', zh='账目')}: {_side(one.books)}"
    yield f"  {said(en='hub', zh='平台')}: {_side(one.hub)}"


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
