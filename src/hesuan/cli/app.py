"""``hesuan app publish|list|withdraw|measure``: packaged applications, and their way to a centre."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hesuan.agent import manifests
from hesuan.cli import file as files
from hesuan.cli import frame, show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.errors import Faults, InputFault, declare
from hesuan.units import format_bytes
from hesuan.wire import apps
from hesuan.wire.apps import AppFile
from hesuan.wire.ids import new_id

PLAIN_MODES = 0o666
"""What of a file's mode an application may have; nothing of it travels."""

BAD_MODE = declare(
    "app.mode_unusable",
    en="The file has the mode {mode}, which a delivered application cannot keep; at most {most} is plain."
    " Take the rest off, and let the manifest's command name the interpreter: {{python}}.",
    zh="文件权限为 {mode}，下发的应用无法保留；普通文件至多为 {most}。"
    "请去掉多余的权限，并在清单的命令中写明解释器：{{python}}。",
)
NO_PLATFORM = declare(
    "cli.no_platform",
    en="You hold the role platform_operator in {count} organisations; publishing needs it in one."
    " Name it with --organisation.",
    zh="您在 {count} 个组织中持有 platform_operator 角色；发布须恰为一个。请用 --organisation 指明。",
)


class _Spoken(click.Group):
    """A group whose help is in both languages."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The description, in the current language."""
        self.help = said(
            en="Packaged applications: folders with app.toml, known everywhere by their content's digest.",
            zh="封装应用：含 app.toml 的文件夹，处处以其内容摘要为准。",
        )
        super().format_help_text(ctx, formatter)


@click.group(name="app", cls=_Spoken, context_settings=frame.CONTEXT)
def commands() -> None:
    """Packaged applications at the hub."""


@commands.command(
    "publish",
    cls=frame.SpokenCommand,
    en="Checks an application's folder, sends its files and publishes it; prints its id and digest. Asked"
    " again after it was cut off, it goes on where it stopped. Needs the role platform_operator.",
    zh="检查应用文件夹，上传其文件并发布；输出 id 与摘要。中断后重新执行即从断点继续。"
    "需 platform_operator 角色。",
)
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@frame.option("--organisation", default="", en="Id of the platform's organisation.", zh="平台组织的 id。")
@frame.AS_JSON
def publish(folder: Path, organisation: str, as_json: bool) -> int:
    """Checks, sends file by file, publishes."""
    manifest = manifests.load(folder.resolve())
    listed = deliverable(manifest.folder)
    with Hub() as hub:
        owner = organisation or _platform(hub)
        there = list(hub.items("files"))
        placed = []
        for one in listed:
            sent = _sent(hub, manifest.folder, one, owner, there) if one.size_bytes else None
            placed.append({"path": one.path, "file": sent})
        made = hub.post("apps", {"organisation": owner, "files": placed}, key=new_id())
    assert made["digest"] == apps.folder_digest(listed), "hub and site name an application by the same digest"
    if as_json:
        show.print_json(made)
    else:
        show.out().print(f"{made['id']} {made['digest']}", soft_wrap=True)
    return Exit.DONE


@commands.command(
    "list",
    cls=frame.SpokenCommand,
    en="Lists the applications published at the hub, newest first.",
    zh="列出平台已发布的应用，最新在前。",
)
@frame.AS_JSON
def list_(as_json: bool) -> int:
    """Fetches and prints."""
    with Hub() as hub:
        rows = list(hub.items("apps"))
    if as_json:
        show.print_json(rows)
        return Exit.DONE
    columns = [
        (said(en="Id", zh="编号"), "left"),
        (said(en="Application", zh="应用"), "left"),
        (said(en="Version", zh="版本"), "left"),
        (said(en="Files", zh="文件数"), "right"),
        (said(en="Size", zh="大小"), "right"),
        (said(en="Digest", zh="摘要"), "left"),
    ]
    show.put(show.table(columns, [_row(one) for one in rows]))
    return Exit.DONE


@commands.command(
    "withdraw",
    cls=frame.SpokenCommand,
    en="Withdraws an application: no site is asked to fetch it any more; a site that has it keeps it.",
    zh="撤回应用：不再要求任何站点获取；已有该应用的站点保留。",
)
@click.argument("app", metavar="APP_ID")
def withdraw(app: str) -> int:
    """Withdraws it."""
    with Hub() as hub:
        hub.post(f"apps/{app}/withdraw", {}, key=new_id())
    return Exit.DONE


@commands.command(
    "measure",
    cls=frame.SpokenCommand,
    en="Has a centre measure a published application. A site that lacks it fetches it first, if its operator"
    " lets applications be delivered; from then on its offerings can run it. Needs centre_operator.",
    zh="让算力中心测量已发布的应用。没有该应用且允许下发的站点会先获取；此后其算力产品即可运行。"
    "需 centre_operator 角色。",
)
@click.argument("app", metavar="APP_ID")
@click.argument("centre", metavar="CENTRE_ID")
def measure(app: str, centre: str) -> int:
    """Looks the application up and leaves the command."""
    with Hub() as hub:
        found = hub.get(f"apps/{app}")
        asked = {"app": found["name"], "app_digest": found["digest"]}
        left = hub.post(f"centres/{centre}/benchmarks", asked, key=new_id())
    show.out().print(left["command"])
    return Exit.DONE


def deliverable(folder: Path) -> tuple[AppFile, ...]:
    """An application's files, if it can be delivered as it lies there.

    Raises:
        Faults: ``app.link_inside``, ``app.mode_unusable``, and what :func:`hesuan.wire.apps.faults` finds.
    """
    found = []
    for path in manifests.files_of(folder):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & ~PLAIN_MODES:
            facts = {"mode": f"{mode:04o}", "most": f"{PLAIN_MODES:04o}"}
            found.append(InputFault(BAD_MODE, where=str(path), **facts))
    listed = manifests.listed(folder)
    if found := [*found, *apps.faults(listed)]:
        raise Faults(found)
    return listed


def _sent(hub: Hub, folder: Path, one: AppFile, owner: str, there: list[Any]) -> str:
    """The id of one file at the hub, whole; what is there already is not sent again."""
    asked = {"organisation": owner, "name": "", "size_bytes": one.size_bytes, "sha256": one.sha256}
    done = files.sent(hub, folder / one.path, asked, there=there)
    there.append(done)
    return str(done["id"])


def _platform(hub: Hub) -> str:
    """The one organisation in which this person operates the platform.

    Raises:
        InputFault: ``cli.no_platform``.
    """
    mine = [at for at in hub.get("me")["memberships"] if "platform_operator" in at["roles"]]
    if len(mine) != 1:
        raise InputFault(NO_PLATFORM, count=len(mine))
    return str(mine[0]["organisation"])


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    count, size = str(len(one["files"])), format_bytes(one["size_bytes"])
    return one["id"], one["name"], one["version"], count, size, one["digest"]


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(commands, argv)
