"""A site whose only way out is a proxy: what the agent asks goes there, and the answer comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hesuan.agent.site import Site
from hesuan.agent.uplink import Uplink
from hesuan.errors import Unavailable
from hesuan.wire.messages import format_at

HUB = "http://hub.invalid"
"""A name that nobody but the proxy knows."""


class Proxy(BaseHTTPRequestHandler):
    """Answers for the hub, and notes which whole addresses it was asked for."""

    asked: list[str]

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        data = json.dumps({"commands": [], "hub_time": format_at(datetime.now(UTC))}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Proxy]]:
    """The site enrolled before, at a hub of this machine."""
    assert site.agent
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    Proxy.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
        yield Proxy
        server.shutdown()


def test_what_the_agent_asks_goes_by_the_proxy(proxy: type[Proxy], site: Site) -> None:
    uplink = Uplink(HUB, site.private, site.agent)
    assert uplink.poll(after=0, wait_s=0) == []
    assert proxy.asked == [f"{HUB}/gateway/v1/commands"]
    uplink.close()


def test_without_the_proxy_there_is_no_way(
    proxy: type[Proxy], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HTTP_PROXY")
    uplink = Uplink(HUB, site.private, site.agent)
    with pytest.raises(Unavailable):
        uplink.poll(after=0, wait_s=0)
    assert proxy.asked == []
    uplink.close()
