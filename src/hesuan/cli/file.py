"""``hesuan file add|list|remove``: input files of runs, in pieces, taken up again where they stand."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from hesuan.cli import frame, show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit, Told
from hesuan.cli.language import said
from hesuan.cli.quote import only_organisation
from hesuan.cli.workfile import NO_FILE
from hesuan.errors import InputFault, Unavailable
from hesuan.units import format_bytes
from hesuan.wire.ids import new_id

PIECE_BYTES = 4 * 1024 * 1024
"""What one request carries: the most that a hub takes at once [byte]."""
IDLE_TRIES = 5
"""Pieces in a row that may be lost on the way before we give up."""
PAUSE_S = 1.0

_ORGANISATION = frame.option(
    "--organisation", default="", en="Id of the organisation whose file it is.", zh="文件所属组织的 id。"
)


class _Spoken(click.Group):
    """A group whose help is in both languages."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The description, in the current language."""
        self.help = said(
            en="Input files of runs. A work order names them by id: inputs = [{file = ID, path = …}].",
            zh="作业的输入文件。工作单按 id 引用：inputs = [{file = ID, path = …}]。",
        )
        super().format_help_text(ctx, formatter)


@click.group(name="file", cls=_Spoken, context_settings=frame.CONTEXT)
def commands() -> None:
    """Input files of runs."""


@commands.command(
    "add",
    cls=frame.SpokenCommand,
    en="Sends a file to your organisation and prints its id. Asked again after it was cut off, it goes on"
    " where it stopped; a file that is there already is not sent again.",
    zh="把文件上传到您的组织并输出其 id。中断后重新执行即从断点继续；已存在的文件不会重复上传。",
)
@click.argument("path", type=click.Path(path_type=Path), metavar="PATH")
@frame.option("--name", default="", en="What to call it; its own name by default.", zh="文件名；默认为原名。")
@_ORGANISATION
@frame.AS_JSON
def add(path: Path, name: str, organisation: str, as_json: bool) -> int:
    """Hashes, finds or begins, sends."""
    size, sha256 = _measured(path)
    with Hub() as hub:
        owner = organisation or only_organisation(hub)
        done = sent(hub, path, {"organisation": owner, "name": name, "size_bytes": size, "sha256": sha256})
    if as_json:
        show.print_json(done)
    else:
        show.out().print(done["id"])
    return Exit.DONE


@commands.command(
    "list",
    cls=frame.SpokenCommand,
    en="Lists the files of your organisations, newest first.",
    zh="列出您的组织的文件，最新在前。",
)
@frame.AS_JSON
def list_(as_json: bool) -> int:
    """Fetches and prints."""
    with Hub() as hub:
        rows = list(hub.items("files"))
    if as_json:
        show.print_json(rows)
        return Exit.DONE
    columns = [
        (said(en="File", zh="文件"), "left"),
        (said(en="Name", zh="名称"), "left"),
        (said(en="Size", zh="大小"), "right"),
        (said(en="Arrived", zh="已收到"), "right"),
        ("SHA-256", "left"),
        (said(en="Since", zh="始于"), "left"),
    ]
    show.put(show.table(columns, [_row(one) for one in rows]))
    return Exit.DONE


@commands.command(
    "remove",
    cls=frame.SpokenCommand,
    en="Removes files that no open run needs.",
    zh="删除没有未结束的运行需要的文件。",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE_ID …")
def remove(files: tuple[str, ...]) -> int:
    """Removes them one after another."""
    with Hub() as hub:
        for one in files:
            hub.delete(f"files/{one}")
    return Exit.DONE


def sent(
    hub: Hub, path: Path, asked: Mapping[str, Any], *, there: Iterable[Mapping[str, Any]] | None = None
) -> Mapping[str, Any]:
    """A file's content at the hub, whole: the one that is there, the one begun before, or a new one.

    Args:
        hub: Where.
        path: Whose content is sent.
        asked: ``organisation``, ``name`` (empty: the path's own), ``size_bytes``, ``sha256``.
        there: What the hub has; asked where it is not given.
    """
    found = _known(hub.items("files") if there is None else there, asked)
    if found is None:
        found = hub.post("files", {**asked, "name": asked["name"] or path.name}, key=new_id())
    elif not found["complete"]:
        come, all_of_it = format_bytes(found["received_bytes"]), format_bytes(found["size_bytes"])
        show.err().print(
            said(
                en=f"{come} of {all_of_it} are there; going on.",
                zh=f"已上传 {come}（共 {all_of_it}），继续。",
            )
        )
    return _send(hub, found, path)


def _known(there: Iterable[Mapping[str, Any]], asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The organisation's file of this content: a complete one, else the one that has come furthest."""
    alike = [
        one
        for one in there
        if all(one[key] == asked[key] for key in ("organisation", "size_bytes", "sha256"))
    ]
    return max(alike, key=lambda one: (one["complete"], one["received_bytes"]), default=None)


def _send(hub: Hub, file: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Sends what is missing. When an answer was lost, the file itself is asked where it stands."""
    address, lost = f"files/{file['id']}", 0
    with path.open("rb") as content:
        while not file["complete"]:
            offset = file["received_bytes"]
            content.seek(offset)
            try:
                file, lost = hub.patch_bytes(address, content.read(PIECE_BYTES), offset=offset), 0
            except (Unavailable, Told) as error:
                again = isinstance(error, Unavailable) or error.code.name == "file.offset_differs"
                lost += 1
                if not again or lost == IDLE_TRIES:
                    raise
                time.sleep(PAUSE_S)
                file = hub.get(address)
    return file


def _measured(path: Path) -> tuple[int, str]:
    """Size and SHA-256.

    Raises:
        InputFault: ``cli.file_unreadable``.
    """
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), sha256
    except OSError as error:
        raise InputFault(NO_FILE, where=str(path), reason=error.strerror or str(error)) from None


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    arrived = said(en="all", zh="全部") if one["complete"] else format_bytes(one["received_bytes"])
    return (
        one["id"],
        one["name"],
        format_bytes(one["size_bytes"]),
        arrived,
        one["sha256"][:16] + "…",
        show.moment(one["created_at"]),
    )


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(commands, argv)
