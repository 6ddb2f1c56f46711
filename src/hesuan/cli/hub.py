"""``hesuan hub``: run the platform and do what only the operator of its machine may do."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

import click
from rich.console import Console
from rich.table import Table

from hesuan.cli import notices
from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.errors import InputFault, NotFound, declare
from hesuan.hub.config import server

ORGANISATION_AMBIGUOUS = declare(
    "hub.organisation_ambiguous",
    en="{count} organisations are named {name}. Name the one you mean by its id.",
    zh="有 {count} 个组织名为 {name}。请用编号指明。",
)
NO_SUCH_NAME = declare(
    "hub.no_such_name",
    en="Nobody signs in as {username}. Add them with `hesuan hub user add`.",
    zh="没有登录名 {username}。请用 `hesuan hub user add` 添加。",
)

ROLES = (
    "owner",
    "member",
    "centre_operator",
    "programme_officer",
    "reviewer",
    "approver",
    "auditor",
    "platform_operator",
    "security_admin",
)
KIND_OF_ROLE = {
    "centre_operator": "centre",
    "programme_officer": "programme_office",
    "reviewer": "programme_office",
    "approver": "programme_office",
    "auditor": "audit_office",
    "platform_operator": "platform",
    "security_admin": "platform",
}
"""The kind of organisation that is made for a role when it does not exist yet; else an enterprise."""


def main(argv: list[str]) -> int:
    """Runs ``hesuan hub …``; returns the exit code."""
    try:
        with server.database_errors_told():
            code = hub.main(argv, prog_name="hesuan hub", standalone_mode=False)
    except click.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return Exit.FAULTY
    return code if isinstance(code, int) else Exit.DONE


def say(en: str, zh: str) -> None:
    """A line for the person at the terminal; results for programs go to standard output instead."""
    print(said(en=en, zh=zh), file=sys.stderr, flush=True)


@click.group(
    help=said(en="Run the platform (the hub).", zh="运行平台。"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
def hub() -> None:
    server.set_up()


@hub.command(
    help=said(en="Serve pages, API and gateway, with the worker.", zh="启动页面、接口、网关与后台。")
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8750, show_default=True, type=click.IntRange(0, 65535))
@click.option("--access-log", is_flag=True, help=said(en="Log every request.", zh="记录每个请求。"))
def serve(host: str, port: int, access_log: bool) -> None:
    server.serve(host=host, port=port, access_log=access_log, say=say)


@hub.command(help=said(en="Bring the database up to date.", zh="将数据库升级到当前版本。"))
def migrate() -> None:
    with Console(stderr=True).status(said(en="Migrating …", zh="正在迁移……")):
        count = server.migrate()
    say(
        f"{server.database_address()}: {count} migrations applied.",
        f"{server.database_address()}：已应用 {count} 个迁移。",
    )


@hub.group(help=said(en="People who can sign in.", zh="可登录的人员。"))
def user() -> None:
    pass


@user.command(
    "add",
    help=said(
        en="Add a person with a role in an organisation, which is made if it is not there."
        " A new person's password is made up and shown once, unless --password-stdin gives one.",
        zh="添加人员并授予其在组织中的角色；组织不存在时一并建立。"
        "新人员的密码随机生成并只显示一次，除非用 --password-stdin 给出。",
    ),
)
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--organisation", required=True, help=said(en="Its name or id.", zh="名称或编号。"))
@click.option("--kind", help=said(en="Kind of a new organisation.", zh="新组织的类别。"))
@click.option("--display-name", default="")
@click.option("--password-stdin", is_flag=True)
def user_add(  # noqa: PLR0917 - click passes by name
    name: str, role: str, organisation: str, kind: str | None, display_name: str, password_stdin: bool
) -> None:
    from django.db import transaction

    from hesuan.hub.identity import services
    from hesuan.hub.identity.actors import SYSTEM
    from hesuan.hub.identity.models import Identity

    server.require_migrated()
    password = _password(password_stdin)
    with transaction.atomic():
        identity = Identity.objects.filter(username=name).first()
        new = identity is None
        if identity is None:
            identity = services.create_identity(username=name, password=password, display_name=display_name)
        home = _organisation(organisation, kind or KIND_OF_ROLE.get(role, "enterprise"))
        services.grant_role(actor=SYSTEM, identity_id=identity.id, organisation_id=home, role=role)
    say(f"{name} is {role} of {organisation}.", f"{name} 现为 {organisation} 的 {role}。")
    if new and not password_stdin:
        _show(password)


@user.command(
    "password",
    help=said(
        en="Give a person a new password, made up and shown once unless --password-stdin gives one.",
        zh="为某人设置新密码：随机生成并只显示一次，除非用 --password-stdin 给出。",
    ),
)
@click.argument("name")
@click.option("--password-stdin", is_flag=True)
def user_password(name: str, password_stdin: bool) -> None:
    from hesuan.hub.identity import services

    server.require_migrated()
    password = _password(password_stdin)
    services.set_password(username=name, password=password)
    say(f"{name} has a new password; their sessions have ended.", f"{name} 的密码已更换，原有会话已失效。")
    if not password_stdin:
        _show(password)


@hub.command(
    help=said(
        en="List the people whose roles one person may not hold together; exit code 1 if there are any.",
        zh="列出兼任不得由一人兼任之角色的人员；如有，以 1 退出。",
    )
)
def administrators() -> int:
    from hesuan.hub.identity import selectors

    server.require_migrated()
    found = selectors.roles_to_separate()
    for identity, rows in found:
        for row in rows:
            print(f"{identity.username}\t{row.role}\t{row.organisation.name}\t{row.organisation_id}")
    if found:
        say(
            f"{len(found)} people hold roles that are different people's. A security administrator"
            " takes one of each: DELETE /api/v1/organisations/{organisation}/roles/{identity}/{role}.",
            f"{len(found)} 人兼任了应由不同的人担任的角色。请由安全管理员各收回其一："
            "DELETE /api/v1/organisations/{organisation}/roles/{identity}/{role}。",
        )
        return Exit.REFUSED
    say("Nobody holds two of them.", "无人兼任。")
    return Exit.DONE


def _password(from_standard_input: bool) -> str:
    return sys.stdin.readline().rstrip("\n") if from_standard_input else secrets.token_urlsafe(15)


def _show(password: str) -> None:
    say("Password, shown this once:", "密码（仅显示一次）：")
    print(password)


def _organisation(name_or_id: str, kind: str) -> str:
    """The id of an organisation, which is registered when no other has this name or id.

    Raises:
        InputFault: ``hub.organisation_ambiguous``.
    """
    from hesuan.hub.identity import services
    from hesuan.hub.identity.actors import SYSTEM
    from hesuan.hub.identity.models import Organisation

    if Organisation.objects.filter(pk=name_or_id).exists():
        return name_or_id
    found = list(Organisation.objects.filter(name=name_or_id).values_list("pk", flat=True))
    if len(found) > 1:
        raise InputFault(ORGANISATION_AMBIGUOUS, where="--organisation", count=len(found), name=name_or_id)
    return found[0] if found else services.create_organisation(actor=SYSTEM, name=name_or_id, kind=kind).id


@hub.command(
    help=said(
        en="Issue a bearer token of a person; it is printed once and ends by itself.",
        zh="为某人签发访问令牌；只显示一次，到期自动失效。",
    )
)
@click.argument("name")
@click.option("--label", default="hesuan hub token", show_default=True)
@click.option("--days", default=90, show_default=True, type=int)
def token(name: str, label: str, days: int) -> None:
    from hesuan.hub.identity import services
    from hesuan.hub.identity.actors import SYSTEM
    from hesuan.hub.identity.models import Identity

    server.require_migrated()
    identity = Identity.objects.filter(username=name).first()
    if identity is None:
        raise NotFound(NO_SUCH_NAME, username=name)
    row, text = services.issue_token(actor=SYSTEM, identity_id=identity.id, label=label, days=days)
    print(text)
    until = f"{row.expires_at:%Y-%m-%d %H:%M} UTC"
    say(f"Token of {name}, valid until {until}.", f"{name} 的令牌，有效期至 {until}。")


@hub.command(
    "db-roles",
    help=said(
        en="Grant a PostgreSQL user what serving needs and nothing else: rows of money are added,"
        " never changed. Run it as the owner of the tables after each migration.",
        zh="向 PostgreSQL 用户授予服务所需的最小权限：资金记录只增不改。请在每次迁移后以表的所有者身份运行。",
    ),
)
@click.argument("name")
def db_roles(name: str) -> None:
    from hesuan.hub.config import grants

    server.require_migrated()
    count = grants.grant(name)
    say(
        f"{name} may serve: {count} tables granted, rows of money only to be added.",
        f"{name} 可用于提供服务：已授权 {count} 张表，资金记录只能新增。",
    )


@hub.command(
    "ledger-check",
    help=said(
        en="Recompute every invariant of every ledger; exit code 1 and the rows if one is broken.",
        zh="重新核算各账本的全部不变式；如有不符，列出相应记录并以 1 退出。",
    ),
)
def ledger_check() -> int:
    return check_books()


def check_books() -> int:
    """What ``hesuan ledger check`` does, under its older name too."""
    from hesuan.hub.settlement import soundness

    server.require_migrated()
    return _tell_findings(soundness.check(), len(soundness.INVARIANTS))


@hub.command(
    "log-check",
    help=said(
        en="Recompute every public log leaf by leaf; exit code 1 and the rows if it is not what was signed,"
        " or not what the ledger moved, or if something waits for its place for more than ten minutes.",
        zh="逐条重新核算各公开日志；如与所签或与账本不符，或有事项等待十分钟以上，列出相应记录并以 1 退出。",
    ),
)
def log_check() -> int:
    from hesuan.hub.audit import checks, selectors
    from hesuan.hub.disclosure import checks as disclosure
    from hesuan.hub.disclosure import lag

    server.require_migrated()
    found: list[Finding] = [one for log in selectors.logs() for one in checks.check(log)]
    count = len(checks.INVARIANTS) + len(disclosure.INVARIANTS) + 1
    return _tell_findings([*found, *disclosure.check(), *lag.check()], count)


class Finding(Protocol):
    """A broken invariant with the rows that break it, whichever room found it."""

    @property
    def invariant(self) -> str: ...
    @property
    def en(self) -> str: ...
    @property
    def zh(self) -> str: ...
    @property
    def rows(self) -> Sequence[Mapping[str, object]]: ...


def _tell_findings(findings: Sequence[Finding], checked: int) -> int:
    """Prints each finding with its rows; returns the exit code."""
    screen = Console()
    for finding in findings:
        screen.print(f"{finding.invariant}  {said(en=finding.en, zh=finding.zh)}", style="bold red")
        table = Table(*finding.rows[0])
        for row in finding.rows:
            table.add_row(*(str(value) for value in row.values()))
        screen.print(table)
    if findings:
        say(
            f"{len(findings)} of {checked} invariants are broken. Nothing was changed.",
            f"{checked} 条不变式中有 {len(findings)} 条不成立。未作任何改动。",
        )
        return Exit.REFUSED
    say(f"All {checked} invariants hold.", f"全部 {checked} 条不变式成立。")
    return Exit.DONE


notices.add_to(hub)
