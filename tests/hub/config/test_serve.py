"""The hub as a real process: it serves, it stops when told to, and many may wait at once."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from hesuan.hub.config.server import GRACE_S

SECRET = "a secret of this installation, and of no other, 64 characters ..."
WAITERS = 60


@contextmanager
def served(data_dir: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A hub of its own on a free port; yields the process and its address. Killed at the end if need be."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HESUAN_", "LC_", "LANG"))
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "hesuan.cli", "hub", "serve", "--port", "0"],
        env={**kept, "HESUAN_DATA_DIR": str(data_dir), **environ},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("Hesuan is at "):
                yield process, line.split()[3]
                break
        else:
            pytest.fail("the hub did not start:\n" + "".join(said))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def serve_and_stop(data_dir: Path, number: signal.Signals) -> None:
    """A hub serves from a data folder, and stops cleanly on a signal."""
    with served(data_dir) as (process, address):
        assert httpx.get(address + "accounts/login/", timeout=20).status_code == 200
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert err.splitlines()[-1] == "Stopped."
        assert "Traceback" not in err


@pytest.mark.processes
def test_a_development_hub_starts_from_nothing_serves_and_stops_cleanly(tmp_path: Path) -> None:
    serve_and_stop(tmp_path, signal.SIGTERM)
    assert (tmp_path / "hub.sqlite3").exists()


@pytest.mark.processes
def test_a_hub_stops_as_cleanly_on_ctrl_c(tmp_path: Path, migrated: Path) -> None:
    shutil.copy(migrated, tmp_path)
    serve_and_stop(tmp_path, signal.SIGINT)


@pytest.mark.processes
def test_a_request_that_never_ends_does_not_keep_the_hub_from_stopping(
    tmp_path: Path, migrated: Path
) -> None:
    shutil.copy(migrated, tmp_path)
    with served(tmp_path) as (process, address):
        host, port = urlsplit(address).hostname, urlsplit(address).port
        with socket.create_connection((host, port)) as unfinished:
            unfinished.sendall(
                b"POST /gateway/v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )
            time.sleep(0.5)
            told = time.monotonic()
            process.terminate()
            process.communicate(timeout=120)
        assert process.returncode == 0
        assert time.monotonic() - told < 3 * GRACE_S


def production(tmp_path: Path) -> dict[str, str]:
    return {
        "HESUAN_MODE": "production",
        "HESUAN_SECRET_KEY": SECRET,
        "HESUAN_ALLOWED_HOSTS": "compute.example",
        "HESUAN_ORIGIN": "compute.example/hesuan/platform",
        "HESUAN_DATABASE_URL": f"sqlite:///{tmp_path / 'hub.sqlite3'}",
    }


@pytest.mark.processes
def test_production_speaks_https_only_and_believes_its_own_proxy_alone(
    tmp_path: Path, migrated: Path
) -> None:
    environ = production(tmp_path)
    shutil.copy(migrated, tmp_path)
    host = {"Host": "compute.example"}
    https = {**host, "X-Forwarded-Proto": "https"}
    with served(tmp_path, **environ) as (_, address):
        plain = httpx.get(address + "accounts/login/", headers=host, timeout=20)
        assert plain.status_code == 301
        assert plain.headers["Location"] == "https://compute.example/accounts/login/"
        behind = httpx.get(address + "accounts/login/", headers=https, timeout=20)
        assert behind.status_code == 200
        assert behind.headers["Strict-Transport-Security"] == "max-age=31536000"
        cookies = behind.headers.get_list("Set-Cookie")
        assert cookies and all("Secure" in cookie and cookie.startswith("__Host-") for cookie in cookies)
        wrong = httpx.get(address, headers={**https, "Host": "evil.example"}, timeout=20)
        assert wrong.status_code == 400
    with served(tmp_path, HESUAN_HSTS_SUBDOMAINS="on", **environ) as (_, address):
        behind = httpx.get(address + "accounts/login/", headers=https, timeout=20)
        assert behind.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    with served(tmp_path, HESUAN_TRUSTED_PROXIES="192.0.2.1", **environ) as (_, address):
        spoofed = httpx.get(address + "accounts/login/", headers=https, timeout=20)
        assert spoofed.status_code == 301, "not from a trusted proxy: its header says nothing"


def test_development_does_not_insist_on_https(client: Any, db: None) -> None:
    assert client.get("/accounts/login/").status_code == 200


def wait_a_moment(_: HttpRequest) -> HttpResponse:
    time.sleep(0.5)
    return HttpResponse("done")


urlpatterns = [path("wait/", wait_a_moment)]


async def ask(application: Any) -> int:
    """One GET of ``/wait/``; returns the status."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/wait/",
        "raw_path": b"/wait/",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }
    statuses: list[int] = []
    disconnect = asyncio.Event()
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in requests:
            return message
        await disconnect.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await application(scope, receive, send)
    return statuses[0]


@pytest.mark.urls(__name__)
def test_sixty_requests_that_wait_half_a_second_each_are_answered_together() -> None:
    """Each request has a thread of its own (asgiref's context of one request), not one of a small pool:
    as many site agents may hold a long poll as there is memory for threads."""

    async def all_at_once() -> list[int]:
        application = get_asgi_application()
        return await asyncio.gather(*(ask(application) for _ in range(WAITERS)))

    begun = time.monotonic()
    assert asyncio.run(all_at_once()) == [200] * WAITERS
    assert time.monotonic() - begun < 20, f"one after another would take {WAITERS * 0.5} s"
