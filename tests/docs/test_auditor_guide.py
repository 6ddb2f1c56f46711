"""The auditor's guide: every command is run as it stands there, by somebody without an account.

The hub's addresses are answered here from what it serves to a visitor who is not signed in; ``curl`` is
carried out by the standard library. Of what a command answers, ``…`` stands for what differs each time.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest
from django.test import Client
from tests.docs.shown import ROOT
from tests.hub.disclosure.test_disclosure import walk
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.conftest import ledger_balances, road, site, voucher, world

from hesuan.hub.audit import publishing, signing
from hesuan.hub.audit import services as audit
from hesuan.hub.disclosure import owned, sealing
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.settlement import selectors as settlement
from hesuan.hub.settlement.models import Receipt
from hesuan.wire import promise
from hesuan.wire.canonical import canonical
from hesuan.wire.verify_command import main

__all__ = ["ledger_balances", "road", "site", "voucher", "world"]

PAGES = {
    language: ROOT / "docs" / "guide" / f"auditor{part}.md" for language, part in (("en", ""), ("zh", ".zh"))
}
HOST = "https://city.example"
PROGRAMME = "cn.example.suanliquan.2026"
RECEIPT = "receipt-01K0EXAMPLE.json"


class Published:
    """What the hub serves to a visitor, by path."""

    def __init__(self, folder: Path, here: ClaimWorld) -> None:
        self.programme = here.version.programme_id
        self.client = Client()
        self.folder = folder
        receipt = Receipt.objects.order_by("id").first()
        assert receipt is not None and receipt.fact is not None
        actor = here.road.owner.actor
        self.files = {RECEIPT: settlement.receipt_file(actor, receipt.id)}
        self.leaf = str(json.loads(self.files[RECEIPT])["proof"]["index"])
        assert here.voucher is not None
        self.files["entries-VOUCHER.json"] = owned.opened_entries(actor, here.voucher.id)
        self.files["balances-VOUCHER.json"] = owned.sealed_balances(actor, here.voucher.id)
        self.files["promised.json"] = self._promised(receipt)
        self.answers = {path: self._get(path) for path in self._paths()}

    def _promised(self, receipt: Receipt) -> bytes:
        assert receipt.fact is not None
        file = json.loads(self.files[RECEIPT])
        del file["proof"]
        leaf = json.loads(bytes(receipt.fact.leaf))
        before = receipt.fact.at - 3 * promise.MERGE_DELAY + timedelta(minutes=1)
        file["promise"] = promise.make(leaf, recorded_at=before, private=signing.private_key())
        return canonical(file) + b"\n"

    def _paths(self) -> Iterator[str]:
        yield from ("/log/trust", "/log/policy", f"/log/leaf/{self.leaf}", f"/log/proof/{self.leaf}")
        for log, prefix in (("platform", "/log/"), (self.programme, f"/hesuan/{self.programme}/")):
            where = publishing.folder(log)
            yield from (
                f"{prefix}{path.relative_to(where).as_posix()}" for path in where.rglob("*") if path.is_file()
            )

    def _get(self, path: str) -> bytes:
        answer = self.client.get(path)
        assert answer.status_code == 200, path
        return b"".join(answer) if answer.streaming else answer.content


@pytest.fixture
def published(world: Callable[..., ClaimWorld], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    here = world()
    walk(here)
    disclosure.disclose()
    audit.sequence(here.version.programme_id)
    sealing.seal(here.version.programme_id, "2026-11-20")
    for log in (here.version.programme_id, "platform"):
        audit.sequence(log)
        audit.publish(log)
    made = Published(tmp_path, here)
    for name, content in made.files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return made


@contextlib.contextmanager
def served(answers: dict[str, bytes]) -> Iterator[str]:
    """A web server of the hub's public files on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()


def entries(page: Path) -> Iterator[tuple[str, str]]:
    """Every command of a page with what stands below it."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.S):
        for entry in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, answer = entry.partition("\n")
            yield command, answer.strip("\n")


def run(command: str) -> tuple[int, str]:
    """A command of the page: ``hesuan verify``, ``curl -o``, ``printf`` into a file, or ``echo $?``."""
    words = shlex.split(command)
    if words[:2] == ["curl", "-o"]:
        with urlopen(words[3]) as answer:
            Path(words[2]).write_bytes(answer.read())
        return 0, ""
    if words[0] == "printf":
        text, sign, file = words[1:]
        assert sign == ">"
        Path(file).write_text(text.replace("\\n", "\n"))
        return 0, ""
    assert words[:2] == ["hesuan", "verify"], command
    told = io.TextIOWrapper(raw := io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = main(words[2:])
    told.flush()
    return code, raw.getvalue().decode().strip("\n")


def matches(shown: str, told: str) -> bool:
    """Whether what was told is what is shown, ``…`` standing for anything within a line."""
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, told) is not None


def _here(text: str, changes: dict[str, str]) -> str:
    for name, real in changes.items():
        text = text.replace(name, real)
    return text


@pytest.mark.parametrize("language", PAGES)
def test_every_command_of_the_guide_does_what_the_guide_shows(
    language: str, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8" if language == "zh" else "C.UTF-8")
    done = 0
    with served(published.answers) as address:
        changes = {HOST: address, PROGRAMME: published.programme, "LEAF": published.leaf}
        for command, shown in entries(PAGES[language]):
            code, told = run(_here(command, changes))
            wanted = re.search(r"^# (?:exit code|退出码) (\d)$", shown, re.M)
            assert code == (int(wanted[1]) if wanted else 0), told
            lines = [_here(line, changes) for line in shown.splitlines() if not line.startswith("# ")]
            missing = [line for line in lines if not any(matches(line, one) for one in told.splitlines())]
            assert missing == [], f"$ {command}\n{told}"
            done += 1
    assert done >= 9
