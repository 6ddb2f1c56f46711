"""Where the hub is and who asks: the environment, the login file, and what never leaves this machine."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.people import Person

from hesuan.cli.client import Hub, Login, login_path, read_login, store_login
from hesuan.cli.exits import Exit
from hesuan.cli.main import main
from hesuan.errors import Refused
from hesuan.hub.identity import services


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C")
    for name in ("HESUAN_HUB", "HESUAN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return {"XDG_CONFIG_HOME": str(tmp_path)}


@pytest.mark.django_db(transaction=True)
def test_login_asks_the_hub_who_that_is_and_keeps_the_token_for_its_owner_alone(
    live_server: Any,
    owner: Person,
    config: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = services.issue_token(actor=owner.actor, label="cli")[1]
    monkeypatch.setattr("sys.stdin", io.StringIO(token + "\n"))
    assert main(["login", "--hub", live_server.url, "--token", "-"]) == Exit.DONE
    assert "You are Olivia at http://" in capsys.readouterr().out
    path = login_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"hub": live_server.url, "token": token}
    assert main(["find"]) == Exit.DONE


@pytest.mark.django_db(transaction=True)
def test_a_wrong_token_is_not_stored(
    live_server: Any, config: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["login", "--hub", live_server.url, "--token", "hsn_wrong"]) == Exit.SIGNED_OUT
    assert "[api.token_refused]" in capsys.readouterr().err
    assert not login_path().exists()


def test_without_a_login_the_sentence_says_how(
    config: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["find"]) == Exit.SIGNED_OUT
    assert "hesuan login --hub" in capsys.readouterr().err


def test_the_environment_comes_before_the_file(config: dict[str, str]) -> None:
    store_login(Login("https://stored.example", "hsn_stored"), login_path(config))
    assert read_login(config) == Login("https://stored.example", "hsn_stored")
    told = {**config, "HESUAN_HUB": "https://other.example/", "HESUAN_TOKEN": "hsn_other"}
    assert read_login(told) == Login("https://other.example", "hsn_other")


def test_a_stored_token_is_shown_to_its_own_hub_alone(config: dict[str, str]) -> None:
    store_login(Login("https://stored.example", "hsn_stored"), login_path(config))
    with pytest.raises(Exception, match=r"cli\.no_hub"):
        read_login({**config, "HESUAN_HUB": "https://elsewhere.example"})


def test_a_login_that_others_can_read_is_refused(config: dict[str, str]) -> None:
    path = login_path(config)
    store_login(Login("https://stored.example", "hsn_stored"), path)
    path.chmod(0o640)
    with pytest.raises(Refused, match=r"cli\.login_open"):
        read_login(config)


def test_a_file_that_is_no_login_is_told(config: dict[str, str]) -> None:
    path = login_path(config)
    store_login(Login("https://stored.example", "hsn_stored"), path)
    path.write_text("[]")
    with pytest.raises(Refused, match=r"cli\.login_broken"):
        read_login(config)


@pytest.mark.parametrize("hub", ["http://hub.example", "http://127.0.0.1.example:8000"])
def test_a_token_never_travels_in_the_open(config: dict[str, str], hub: str) -> None:
    with pytest.raises(Refused, match=r"cli\.plain_http"):
        read_login({**config, "HESUAN_HUB": hub, "HESUAN_TOKEN": "hsn_x"})


@pytest.mark.parametrize("hub", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000"])
def test_to_this_machine_plain_http_will_do(config: dict[str, str], hub: str) -> None:
    assert read_login({**config, "HESUAN_HUB": hub, "HESUAN_TOKEN": "hsn_x"}).hub == hub


def test_a_hub_that_does_not_answer_is_told_with_its_own_exit_code(
    config: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HESUAN_HUB", "http://127.0.0.1:9")
    monkeypatch.setenv("HESUAN_TOKEN", "hsn_x")
    monkeypatch.setattr("hesuan.cli.client.PAUSE_S", 0)
    assert main(["find"]) == Exit.UNAVAILABLE
    assert "did not answer after 3 tries" in capsys.readouterr().err


def test_a_repetition_keeps_its_key_and_what_has_no_key_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    sent: list[str] = []

    def unreachable(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Idempotency-Key", "-"))
        raise httpx.ConnectError("no route")

    monkeypatch.setattr("hesuan.cli.client.PAUSE_S", 0)
    hub = Hub(Login("http://127.0.0.1", "hsn_x"), transport=httpx.MockTransport(unreachable))
    for key in ("k-1", ""):
        with pytest.raises(Exception, match=r"cli\.no_answer"):
            hub.post("orders", {}, key=key)
    assert sent == ["k-1", "k-1", "k-1", "-"]


@pytest.mark.parametrize("content", ["<html>", '{"code": 1}', "[]"])
def test_an_answer_that_is_not_from_a_hub_is_told(content: str) -> None:
    import httpx

    transport = httpx.MockTransport(lambda request: httpx.Response(502, text=content))
    with pytest.raises(Exception, match=r"cli\.not_a_hub"):
        Hub(Login("http://127.0.0.1", "hsn_x"), transport=transport).get("me")
