"""``hesuan hub incident``, ``restored``, ``rebuild-log``, ``erase``, ``rotate-key``: a log's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hesuan.cli.language import said
from hesuan.errors import NotFound
from hesuan.hub.config import server

if TYPE_CHECKING:
    from hesuan.hub.identity.actors import Actor

AS = click.option(
    "--as",
    "name",
    required=True,
    help=said(en="Sign-in name of whoever puts it on record.", zh="记录人的登录名。"),
)
LOG = click.option(
    "--log",
    default="platform",
    show_default=True,
    help=said(en="The log: `platform` or a programme.", zh="日志：platform 或计划编号。"),
)


def add_to(group: click.Group) -> None:
    """Hangs the five verbs into ``hesuan hub``."""
    for verb in (incident, restored, rebuild_log, erase, rotate_key):
        group.add_command(verb)


@click.command(
    help=said(
        en="Put an incident on public record: REASON stands in the log as written, for ever.",
        zh="将事件记入公开日志：REASON 原文载入，永久保留。",
    )
)
@click.argument("reason")
@AS
@LOG
def incident(reason: str, name: str, log: str) -> None:
    from hesuan.hub.disclosure import notices

    made = notices.record_incident(actor=_actor(name), reason=reason, log=log)
    print(made.id)


@click.command(
    help=said(
        en="After a restore from a backup: compare the database with all that was published and with its own"
        " books, and say in every log that it was restored. Refused where anything is missing or differs.",
        zh="自备份恢复后：将数据库与已公布的全部内容及其账目比对，并在各日志中记载恢复。如有缺失或不符则拒绝。",
    )
)
@click.argument("reason")
@AS
def restored(reason: str, name: str) -> None:
    from hesuan.hub.disclosure import notices

    for fact in notices.accept_restore(actor=_actor(name), reason=reason):
        print(f"{fact.log}  {fact.id}")


@click.command(
    "rebuild-log",
    help=said(
        en="Write LOG's published folder anew from the database, when it is lost and no copy is left; the log"
        " says so, with REASON. Refused where log, key or a witness knows more than the database.",
        zh="日志 LOG 的公开目录丢失且无副本时，自数据库重新写出；日志予以载明，并附 REASON。"
        "如日志、密钥或见证方所知多于数据库则拒绝。",
    ),
)
@click.argument("log")
@click.argument("reason")
@AS
def rebuild_log(log: str, reason: str, name: str) -> None:
    from hesuan.hub.disclosure import notices

    size, silent = notices.rebuild_log(actor=_actor(name), log=log, reason=reason)
    print(said(en=f"{log}: {size} leaves published.", zh=f"{log}：已公布 {size} 条。"))
    for witness in silent:
        print(
            said(
                en=f"Witness {witness} could not say what it has seen.",
                zh=f"见证方 {witness} 未能答复其所见。",
            )
        )


@click.command(
    help=said(
        en="Destroy the salt and the private record behind a leaf; the log says so, and the leaf stays.",
        zh="销毁某条目的盐与私有记录；日志予以载明，条目保留。",
    )
)
@click.argument("leaf", type=click.IntRange(0))
@click.argument("reason")
@AS
@LOG
def erase(leaf: int, reason: str, name: str, log: str) -> None:
    from hesuan.hub.disclosure import notices

    print(notices.erase(actor=_actor(name), log=log, leaf=leaf, reason=reason).id)


@click.command(
    "rotate-key",
    help=said(
        en="Give a log its next signing key: announced in the log by the present one, which is then"
        " destroyed. Run it again if it was interrupted.",
        zh="更换日志签名密钥：由现用密钥在日志中宣布新密钥，其后销毁旧私钥。如中断可重新运行。",
    ),
)
@LOG
def rotate_key(log: str) -> None:
    from hesuan.hub.audit import rotating

    server.require_migrated()
    print(rotating.rotate(log).text())


def _actor(name: str) -> Actor:
    from hesuan.cli.hub import NO_SUCH_NAME
    from hesuan.hub.identity.models import Identity
    from hesuan.hub.identity.selectors import actor_of

    server.require_migrated()
    identity = Identity.objects.filter(username=name).first()
    if identity is None:
        raise NotFound(NO_SUCH_NAME, username=name)
    return actor_of(identity)
