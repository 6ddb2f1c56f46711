"""T14: a real backup, restored into a database of its own, beside the log that went on after it.

PostgreSQL's is ``pg_dump`` and ``pg_restore``, SQLite's the copy that its own backup makes. The hub that is
started on what was restored is the real command, in a process of its own.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connection
from tests.append_only import triggers_lifted
from tests.people import Person
from tools import postgres

from hesuan.errors import InputFault, Refused
from hesuan.hub.audit import publishing, restoring, services
from hesuan.hub.audit.models import Checkpoint
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.services import Event
from hesuan.wire import tiles

pytestmark = pytest.mark.django_db(transaction=True)

Restore = Callable[[], str]
REFUSED = 1
"""What a command ends with that was refused."""


def spend(*numbers: int) -> None:
    """Money, and the fact of it in the same log."""
    for key in ("bank", "centre"):
        ledger.open_account(ledger="t14", key=key, kind="test", may_overdraw=key == "bank")
    for number in numbers:
        ledger.post_or_raise([Event(f"t14-{number}", "transfer", "t14", number, "settle", "bank", "centre")])
        services.record(kind="test.paid", subject=f"t14-{number}", actor="system", public={"fen": number})
    services.sequence()
    services.publish()


@pytest.fixture
def back_up(tmp_path: Path) -> Callable[[], Restore]:
    """Makes a backup now; what it answers restores it and names the new database."""

    def take() -> Restore:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        return _on_postgresql(folder) if connection.vendor == "postgresql" else _on_sqlite(folder)

    return take


def _on_sqlite(folder: Path) -> Restore:
    copy = folder / "backup.sqlite3"
    connection.ensure_connection()
    with sqlite3.connect(copy) as file:
        connection.connection.backup(file)
    file.close()
    return lambda: f"sqlite:///{copy}"


def _on_postgresql(folder: Path) -> Restore:
    given, binaries = connection.settings_dict, postgres.programs()
    assert binaries is not None
    copy, name = folder / "backup.dump", f"{given['NAME']}_restored"
    reach = ["-h", given["HOST"] or "127.0.0.1", "-p", str(given["PORT"] or 5432), "-U", given["USER"]]
    secret = os.environ | {"PGPASSWORD": given["PASSWORD"] or ""}

    def run(program: str, *words: str) -> None:
        subprocess.run([str(binaries / program), *reach, *words], env=secret, check=True)

    run("pg_dump", "--format=custom", f"--file={copy}", given["NAME"])

    def restore() -> str:
        run("dropdb", "--if-exists", name)
        run("createdb", name)
        run("pg_restore", f"--dbname={name}", str(copy))
        host = f"{given['HOST'] or '127.0.0.1'}:{given['PORT'] or 5432}"
        return f"postgresql://{given['USER']}:{given['PASSWORD'] or ''}@{host}/{name}"

    return restore


def hesuan(address: str, *words: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """A command of the hub, or ``code``, over a restored database, beside this test's published log."""
    environment = os.environ | {
        "HESUAN_DATABASE_URL": address,
        "HESUAN_LOG_DIR": str(settings.LOG_DIR),
        "HESUAN_MODE": "development",
        "COLUMNS": "200",
    }
    asked = ["-c", code] if code else ["-m", "hesuan.cli", "--lang", "en", *words]
    command = [sys.executable, *asked]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=300)


def test_a_hub_restored_too_far_back_does_not_start_and_names_each_missing_leaf(
    back_up: Callable[[], Restore],
) -> None:
    """Five leaves were backed up, eight were published: 5, 6 and 7 are told with what they say."""
    spend(1, 2, 3, 4, 5)
    restore = back_up()
    spend(6, 7, 8)
    address = restore()
    started = hesuan(address, "hub", "serve", "--port", "0")
    assert started.returncode == REFUSED
    assert "published with 8 leaves; the database has 5: leaves 5 to 7 are missing" in started.stderr
    assert "Hesuan is at" not in started.stderr
    checked = hesuan(address, "ledger", "check")
    assert checked.returncode == REFUSED and "I8.published" in checked.stdout
    for number in (6, 7, 8):
        assert f'"fen":{number}' in checked.stdout
    assert '"fen":5' not in checked.stdout


def test_a_hub_restored_to_what_was_published_goes_on_where_it_was(back_up: Callable[[], Restore]) -> None:
    """Nothing is refused that need not be: ledger and log agree to the last leaf that witnesses saw."""
    spend(1, 2, 3)
    checked = hesuan(back_up()(), "ledger", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    restoring.refuse()


GO_ON = (
    "from hesuan.hub.config import server; server.set_up();"
    "from hesuan.hub.audit import services; services.sequence(); services.publish()"
)
"""What the worker's next round does to the log, in a process over the restored database."""


@pytest.mark.broken_books("I8.published")
def test_the_operator_accepts_what_was_restored_far_enough_and_the_log_says_so(
    back_up: Callable[[], Restore], platform_operator: Person
) -> None:
    """T14 to its end, with two backups, both taken between leaves: a fact was committed and had no place in
    the log yet. Beside the log that went on, the earlier one is refused to the operator too; the later one
    is accepted."""
    spend(1, 2)
    ledger.post_or_raise([Event("t14-3", "transfer", "t14", 3, "settle", "bank", "centre")])
    services.record(kind="test.paid", subject="t14-3", actor="system", public={"fen": 3})
    too_early = back_up()
    spend(4)
    published = publishing.published_size()
    services.record(kind="test.paid", subject="t14-5", actor="system", public={"fen": 5})
    last = back_up()
    words = ("hub", "restored", "disk of 3 May", "--as", platform_operator.identity.username)
    refused = hesuan(too_early(), *words)
    assert refused.returncode == REFUSED and "audit.behind_the_published_log" in refused.stderr
    assert f"published with {published} leaves" in refused.stderr
    address = last()
    accepted = hesuan(address, *words)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    told = hesuan(address, code=GO_ON)
    assert told.returncode == 0, told.stdout + told.stderr
    checked = hesuan(address, "ledger", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    verified = hesuan(address, "verify", str(publishing.folder()))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    leaves = [leaf for _, leaf in leaves_of(publishing.folder())][published:]
    assert [one["k"] for one in leaves] == ["test.paid", "restore"], "the one that waited, and the acceptance"
    assert (leaves[1]["last"], leaves[1]["what"]) == (published - 1, "disk of 3 May")
    assert f"Restored from a backup: 1 times, last at leaf {published + 1}" in verified.stdout


def leaves_of(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, width in tiles.bundles_of(publishing.published_size()):
        path = tiles.bundle_path(index, width)
        for place, leaf in enumerate(tiles.unpack_bundle((folder / path).read_bytes(), width, path=path)):
            yield index * tiles.WIDTH + place, json.loads(leaf)


def uvicorn(address: str, port: int, *words: str) -> subprocess.Popen[str]:
    """A server of one's own over a restored database, without the hub's command."""
    environment = os.environ | {
        "HESUAN_DATABASE_URL": address,
        "HESUAN_LOG_DIR": str(settings.LOG_DIR),
        "HESUAN_MODE": "development",
    }
    application = "hesuan.hub.config.asgi:application"
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), *words]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def told(port: int, server: subprocess.Popen[str]) -> httpx.Response:
    while server.poll() is None:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/accounts/login/", timeout=20)
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(server.communicate()[0])


def test_no_server_of_ones_own_serves_what_was_restored_too_far_back(
    back_up: Callable[[], Restore],
) -> None:
    """T14, past the hub's own command: uvicorn by hand does not start, or answers nothing but the refusal."""
    spend(1, 2)
    restore = back_up()
    spend(3)
    address = restore()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with uvicorn(address, port) as server:
        out, _ = server.communicate(timeout=240)
        assert server.returncode != 0 and "audit.behind_the_published_log" in out
    with uvicorn(address, port, "--lifespan", "off") as server:
        try:
            answer = told(port, server)
            assert answer.status_code == 503 and "audit.behind_the_published_log" in answer.text
        finally:
            server.kill()
    with uvicorn(back_up()(), port) as server:
        try:
            assert told(port, server).status_code == 200, "the control: one that has every leaf is served"
        finally:
            server.kill()


def forget_after(size: int) -> None:
    with triggers_lifted(connection), connection.cursor() as cursor:
        later = "SELECT id FROM audit_checkpoint WHERE size > %s"
        cursor.execute(f"DELETE FROM audit_publication WHERE checkpoint_id IN ({later})", [size])
        cursor.execute("DELETE FROM audit_checkpoint WHERE size > %s", [size])
        cursor.execute("DELETE FROM audit_fact WHERE leaf_index >= %s", [size])
        cursor.execute('DELETE FROM audit_node WHERE ("index" + 1) * (1 << level) > %s', [size])


def test_without_the_refusal_a_second_history_would_be_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: three other leaves under the sizes that were published, which the folder then
    shows to be another history."""
    spend(1, 2)
    folder = publishing.folder()
    before = (folder / "checkpoint").read_text()
    spend(3, 4)
    published = (folder / "checkpoint").read_text()
    assert before != published
    forget_after(2)
    with pytest.raises(Refused, match=r"audit\.behind_the_published_log"):
        restoring.refuse()
    with monkeypatch.context() as patch:
        for room in (publishing, services):
            patch.setattr(room, "refuse_behind", lambda log="": None)
        for number in (13, 14):
            services.record(kind="test.paid", subject=f"t14-{number}", actor="system", public={"fen": number})
        services.sequence()
        assert Checkpoint.objects.order_by("-size")[0].size == 4, "signed: there are two histories now"
        with pytest.raises((Refused, InputFault)):
            services.publish()
    with pytest.raises(Refused, match=r"audit\.published_otherwise") as told:
        restoring.refuse()
    assert told.value.facts["size"] == 4
