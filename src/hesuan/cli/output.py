"""``hesuan run --output ORDER_ID [--to FOLDER]``: the files a run has left, listed or saved and checked.

What the hub says is believed no further than it must be: a name that leads out of the folder is refused, a
file is saved under its name only when its bytes have the SHA-256 of the list, and no other is overwritten.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hesuan.cli import show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.errors import Refused, declare
from hesuan.units import format_bytes
from hesuan.wire.outputs import is_nameable

NAME_REFUSED = declare(
    "cli.output_name",
    en="The hub names a file `{path}`, which would not lie in {folder}. Nothing more was saved.",
    zh="平台给出的文件名“{path}”不在 {folder} 之内。未再保存任何文件。",
)
BYTES_DIFFER = declare(
    "cli.output_differs",
    en="`{path}` came with SHA-256 {found}; the list says {wanted}. It was not saved. Ask again.",
    zh="“{path}”收到内容的 SHA-256 为 {found}，清单为 {wanted}。未保存。请重试。",
)
IN_THE_WAY = declare(
    "cli.output_exists",
    en="{path} is there with other content. Name another folder, or move it away.",
    zh="{path} 已存在且内容不同。请指定其他文件夹，或移走该文件。",
)

LEFT_OUT = {
    "site": ("beyond what the centre lets out", "超出算力中心允许的量"),
    "hub": ("beyond what the hub takes", "超出平台接收的量"),
    "kind": ("no plain file", "非普通文件"),
    "name": ("a name that cannot be told safely", "文件名无法安全传递"),
    "changed": ("changed since the run's end", "运行结束后已改动"),
}
WITHHELD = {
    "bound": ("the centre lets no file out", "算力中心不允许文件离开"),
    "changed": ("the folder has changed since the run's end", "目录在运行结束后已改动"),
    "too_many": ("there are more than can be listed", "数量超出清单上限"),
}


def show_output(hub: Hub, order_id: str, to: Path | None, *, as_json: bool) -> int:
    """Lists what a run has left; with a folder, saves what is here. Exit code 1: some is still on its way.

    Raises:
        Refused: ``cli.output_name``, ``cli.output_differs``, ``cli.output_exists``.
    """
    told = hub.get(f"orders/{order_id}/output")
    saved = [_save(hub, order_id, one, to) for one in told["files"] if one["complete"]] if to else []
    if as_json:
        show.print_json(told)
    else:
        _list(told)
        if to:
            count = len(saved)
            show.err().print(
                said(en=f"{count} files are in {to}, each checked.", zh=f"{count} 个文件已存入 {to} 并校验。")
            )
    coming = [one for one in told["files"] if not (one["complete"] or one["left_out"])]
    return Exit.REFUSED if coming or told["told_at"] is None else Exit.DONE


def _list(told: Mapping[str, Any]) -> None:
    if told["told_at"] is None:
        text = said(en="The site has told of no files yet.", zh="站点尚未报告文件。")
        show.err().print(text)
        return
    columns = [
        ("#", "right"),
        (said(en="File", zh="文件"), "left"),
        (said(en="Size", zh="大小"), "right"),
        ("SHA-256", "left"),
        (said(en="Here", zh="到达"), "left"),
    ]
    show.put(show.table(columns, [_row(one) for one in told["files"]]))
    count, size = told["files_count"], format_bytes(told["total_bytes"])
    site, hub = (format_bytes(told[f"{whose}_bound_bytes"]) for whose in ("site", "hub"))
    if told["withheld"]:
        en, zh = WITHHELD.get(told["withheld"], (told["withheld"],) * 2)
        show.err().print(
            said(
                en=f"{count} files ({size}) stay at the centre: {en}.",
                zh=f"{count} 个文件（{size}）留在算力中心：{zh}。",
            )
        )
    elif any(one["left_out"] for one in told["files"]):
        show.err().print(
            said(
                en=f"Of {size}, the centre lets {site} out and the hub takes {hub}.",
                zh=f"共 {size}；算力中心至多放出 {site}，平台至多接收 {hub}。",
            )
        )


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    if one["complete"]:
        here = said(en="all", zh="全部")
    elif one["left_out"]:
        en, zh = LEFT_OUT.get(one["left_out"], (one["left_out"],) * 2)
        here = said(en=en, zh=zh)
    else:
        here = format_bytes(one["received_bytes"])
    name = one["path"] if is_nameable(one["path"]) else ascii(one["path"])[1:-1]
    return str(one["number"]), name, format_bytes(one["size_bytes"]), one["sha256"] or "–", here


def _save(hub: Hub, order_id: str, one: Mapping[str, Any], to: Path) -> Path:
    """Saves one file whole and checked, or finds it there."""
    path = to / str(one["path"])
    if not is_nameable(one["path"]) or not path.resolve().is_relative_to(to.resolve()):
        raise Refused(NAME_REFUSED, path=ascii(one["path"])[1:-1], folder=to)
    if path.exists():
        if _sha256(path) != one["sha256"]:
            raise Refused(IN_THE_WAY, path=path)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    found = hashlib.sha256()
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".hesuan-")
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in hub.pieces(f"orders/{order_id}/output/{one['number']}"):
                found.update(piece)
                file.write(piece)
        if found.hexdigest() != one["sha256"]:
            raise Refused(BYTES_DIFFER, path=path, found=found.hexdigest(), wanted=one["sha256"])
        Path(unfinished).replace(path)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return path


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
