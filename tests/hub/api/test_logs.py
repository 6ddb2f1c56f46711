"""The program's own log: no secret gets into it, and nobody writes a line of it from outside."""

from __future__ import annotations

import logging

import pytest
from django.test import Client
from tests.people import Person

from hesuan.hub.api import problems
from hesuan.hub.identity import services as identity

FORGED = "/api/v1/errors/x%0AERROR%20the%20books%20do%20not%20add%20up%1B[2J%E2%80%A8"


class Broken:
    """A table of codes that fails when it is looked into."""

    def __contains__(self, _: object) -> bool:
        raise ZeroDivisionError


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def said(lines: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in lines.records]


@pytest.mark.django_db
def test_a_path_writes_no_line_of_the_log(
    nobody: Client, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where nothing is found nor where the program breaks."""
    nobody.get(FORGED)
    monkeypatch.setattr("hesuan.hub.api.routes.me.REGISTRY", Broken())
    assert nobody.get(FORGED).status_code == 500
    assert any("failed, reference" in one for one in said(lines))
    assert [one for one in said(lines) if not one.isprintable()] == []


@pytest.mark.django_db
def test_without_the_escaping_a_path_would_write_one(
    nobody: Client, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(problems, "_on_one_line", str)
    monkeypatch.setattr("hesuan.hub.api.routes.me.REGISTRY", Broken())
    nobody.get(FORGED)
    assert any("\nERROR the books" in one for one in said(lines))


def test_no_token_key_or_password_is_logged(
    owner: Person, nobody: Client, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a request that is answered, one that is refused, one that breaks, and a sign-in that fails."""
    _, token = identity.issue_token(actor=owner.actor, label="test")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "a-key-of-theirs"}
    assert nobody.get("/api/v1/me", headers=headers).status_code == 200
    wrong = token[:-1] + ("x" if token[-1] != "x" else "y")
    assert nobody.get("/api/v1/me", headers={"Authorization": f"Bearer {wrong}"}).status_code == 401
    nobody.post("/accounts/login/", {"login": "olivia", "password": "correct horse battery"})
    monkeypatch.setattr("hesuan.hub.api.routes.me.REGISTRY", Broken())
    nobody.get("/api/v1/errors/x", headers=headers)
    session = owner.client.cookies["sessionid"].value
    assert owner.client.get("/api/v1/errors/x").status_code == 500
    assert lines.records
    for secret in (token, wrong, "correct horse", "a-key-of-theirs", session):
        assert secret not in lines.text
