"""The guarded door: a corpus of addresses that no server of ours fetches, and one of those that it does."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hesuan.errors import HesuanError, Refused, Unavailable
from hesuan.wire import door as door_module
from hesuan.wire import web
from hesuan.wire.door import Door, Network, places

CORPUS = Path(__file__).with_name("addresses_not_fetched.txt")
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the corpus."""

    url: str
    configured: str
    answers: tuple[str, ...]

    def door(self, networks: tuple[Network, ...] = ()) -> Door:
        """The door as it would stand where the second column was configured, and ports 80 and 443 with it."""
        named = places([self.url if self.configured == "=" else self.configured])
        schemes = frozenset(
            {urlsplit(self.configured).scheme} if self.configured != "=" else {"http", "https"}
        )
        return Door(named, schemes=schemes, networks=networks, resolve=self._resolve)

    def _resolve(self, host: str, port: int) -> list[str]:
        return list(self.answers) or door_module.resolved(host, port)


def corpus() -> list[Case]:
    cases = []
    for line in CORPUS.read_text().splitlines():
        if line and not line.startswith("#"):
            url, configured, answers = line.split(" ; ")
            cases.append(Case(url, configured, () if answers == "-" else tuple(answers.split())))
    return cases


def passed(cases: list[Case], *, but: type[HesuanError] = HesuanError) -> list[str]:
    """The addresses that a socket would be opened for; any other end than ``but`` fails."""
    through = []
    for case in cases:
        try:
            case.door().way(case.url)
        except but:
            continue
        else:
            through.append(case.url)
    return through


def test_no_address_of_the_corpus_passes() -> None:
    cases = corpus()
    assert len(cases) >= 60 and passed(cases, but=Refused) == []


def test_without_the_judgement_of_the_ip_address_most_of_them_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "reachable", lambda *_: True)
    through = passed(corpus())
    assert len(through) >= 50
    assert {"http://169.254.169.254/latest/meta-data/", "http://[::ffff:127.0.0.1]/"} <= set(through)


def test_without_any_guard_all_that_a_socket_can_open_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an ordinary client makes of them: split, resolve, connect."""
    for name, never in {"reachable": lambda *_: True, "is_host": lambda _: True}.items():
        monkeypatch.setattr(door_module, name, never)
    cases = [case for case in corpus() if case.configured == "="]
    stopped = {case.url for case in cases} - set(passed(cases))
    unread = {"https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/"}
    assert stopped == unread | {"https://[fe80::1%25lo]/"}, "not ASCII, or no address of this machine"


@pytest.mark.parametrize(
    ("url", "answers"),
    [
        ("https://witness.example/", ["93.184.215.14"]),
        ("https://witness.example:8443/deep/path?x=1", ["2606:2800:21f:cb07:6820:80da:af6b:8b2c"]),
        ("http://8.8.8.8/", ["8.8.8.8"]),
        ("http://[2606:4700::1111]/", ["2606:4700::1111"]),
        ("https://1st.witness.example/", ["93.184.215.14", "93.184.215.15"]),
        ("https://xn--fiqs8s.example/", ["93.184.215.14"]),
    ],
)
def test_a_public_address_that_is_configured_passes(url: str, answers: list[str]) -> None:
    way = Door(places([url]), resolve=lambda *_: answers).way(url)
    assert way.ip == answers[0] and way.url == url


def test_a_private_network_is_the_operators_word_and_metadata_is_nobodys() -> None:
    everything = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
    for url in ("http://10.0.0.5/", "http://127.0.0.1:8080/", "http://[fd12:3456:789a::1]/"):
        assert Door(places([url]), networks=everything).way(url)
    for url in ("http://169.254.169.254/", "http://100.100.100.200/", "http://[fd00:ec2::254]/"):
        with pytest.raises(Refused, match="not a public address"):
            Door(places([url]), networks=everything).way(url)


def test_a_refusal_says_why_and_where_one_allows_it_and_no_password() -> None:
    with pytest.raises(Refused) as refused:
        Door(places(["http://10.0.0.5/"])).way("http://10.0.0.5/")
    assert "10.0.0.5" in refused.value.sentence() and "HESUAN_FETCH_NETWORKS" in refused.value.sentence("zh")
    with pytest.raises(Refused) as refused:
        Door(places([])).way("https://jia:geheim@witness.example/\n")  # pragma: allowlist secret
    assert "geheim" not in refused.value.sentence() and "\n" not in refused.value.sentence()


class Site(BaseHTTPRequestHandler):
    """Answers, and sends elsewhere whoever asks for /away."""

    heard: list[tuple[str, str]] = []

    def do_GET(self) -> None:
        self.heard.append((self.headers["Host"], self.path))
        self.send_response(302 if self.path == "/away" else 200)
        if self.path == "/away":
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/secret")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Site.heard = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_name_is_resolved_once_and_that_very_address_called(port: int) -> None:
    """Rebinding: the second answer of the name server, a metadata service, is never asked for."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    url = f"http://rebinding.example:{port}/"
    door = Door(places([url]), networks=LOOPBACK, resolve=lambda *_: next(answers))
    assert door.fetch(url, timeout_s=5, most_bytes=100).body == b"ok"
    assert Site.heard == [(f"rebinding.example:{port}", "/")]
    assert next(answers) == ["169.254.169.254"]


def test_an_ordinary_client_would_ask_the_name_server_again(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: checked at one address, called at another."""
    asked = []
    ask = socket.getaddrinfo

    def answer(host: str, *rest: object, **more: object) -> object:
        asked.append(host)
        return ask("127.0.0.1", *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    door_module.resolved("rebinding.example", port)
    web.fetch(f"http://rebinding.example:{port}/")
    assert asked == ["rebinding.example", "rebinding.example"]
    asked.clear()
    Door(places([f"http://rebinding.example:{port}/"]), networks=LOOPBACK).fetch(
        f"http://rebinding.example:{port}/", timeout_s=5, most_bytes=100
    )
    assert asked == ["rebinding.example", "127.0.0.1"], "the second is the literal that was judged"


def test_a_redirect_is_an_answer_and_no_proxy_is_asked(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    url = f"http://127.0.0.1:{port}/away"
    answer = Door(places([url]), networks=LOOPBACK).fetch(url, timeout_s=5, most_bytes=100)
    assert answer.status == 302 and [path for _, path in Site.heard] == ["/away"]


def test_an_answer_without_end_is_none(port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    with pytest.raises(Unavailable, match="more than 1 bytes"):
        Door(places([url]), networks=LOOPBACK).fetch(url, timeout_s=5, most_bytes=1)


def test_a_log_server_does_not_choose_what_an_auditors_machine_asks_next(port: int) -> None:
    with pytest.raises(Unavailable, match="HTTP 302"):
        web.fetch(f"http://127.0.0.1:{port}/away")
    assert [path for _, path in Site.heard] == ["/away"], "/secret of another host was not asked for"
    assert web.fetch(f"http://localhost:{port}/away") == b"ok", "within one host it is followed"
