"""Reads of what runs have left; who sees an order sees its run's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hesuan.errors import NotFound, Refused, Unavailable, declare
from hesuan.hub.identity.actors import Actor
from hesuan.hub.registry import file_types
from hesuan.hub.runs import selectors
from hesuan.hub.runs.models import RunOutput, RunOutputFile
from hesuan.hub.runs.outputs import place

CHUNK_BYTES = 256 << 10

NO_FILE = declare(
    "run.output_file_not_found",
    en="There is no output file {number} of order {order} that you may see.",
    zh="订单 {order} 没有您可以查看的第 {number} 号输出文件。",
)
NOT_HERE = declare(
    "run.output_not_here",
    en="`{path}` is not here: {received} of {size} bytes have come. Its list says whether the rest will.",
    zh="“{path}”尚不可下载：已收到 {received} / {size} 字节。其余是否会到达，见文件清单。",
)
DAMAGED = declare(
    "run.output_damaged",
    en="The stored bytes of `{path}` are missing or no longer {size} bytes long. They are not served."
    " The operator restores the outputs folder from its backup.",
    zh="“{path}”的存储内容缺失，或长度不再是 {size} 字节，故不予提供。请运营方从备份恢复输出文件夹。",
)


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is here whole, with the headers under which alone it may leave the hub."""

    file: RunOutputFile
    path: Path

    @property
    def headers(self) -> dict[str, str]:
        """Saved, never shown: no page of ours may run what a job has written."""
        return {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(self.file.size_bytes),
            "Content-Disposition": file_types.content_disposition(self.file.path.rpartition("/")[2]),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-store",
        }

    def chunks(self) -> Iterator[bytes]:
        """The content piece by piece."""
        if not self.file.size_bytes:
            return
        with self.path.open("rb") as opened:
            while chunk := opened.read(CHUNK_BYTES):
                yield chunk


def output(actor: Actor, order_id: str) -> tuple[RunOutput | None, list[RunOutputFile]]:
    """What an order's run has left, and each name of it; None while the site has not told.

    Raises:
        NotFound: ``order.not_found``, for strangers too.
    """
    run = selectors.run_of_order(actor, order_id)
    return RunOutput.objects.filter(run=run).first(), list(run.output_files.order_by("number"))


def download(actor: Actor, order_id: str, number: int) -> Download:
    """One file, once it is here whole.

    Raises:
        NotFound: ``order.not_found``, for strangers too; ``run.output_file_not_found``.
        Refused: ``run.output_not_here``.
        Unavailable: ``run.output_damaged``.
    """
    run = selectors.run_of_order(actor, order_id)
    file = run.output_files.filter(number=number).first() if 0 <= number < 2**31 else None
    if file is None:
        raise NotFound(NO_FILE, number=number, order=order_id)
    if file.completed_at is None:
        raise Refused(NOT_HERE, path=file.path, received=file.received_bytes, size=file.size_bytes)
    path = place(run.id, number)
    if file.size_bytes and not (path.is_file() and path.stat().st_size == file.size_bytes):
        raise Unavailable(DAMAGED, path=file.path, size=file.size_bytes)
    return Download(file, path)
