"""What every address of the API has in common: problems, languages, strict JSON, signing in."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import RequestDataTooBig
from django.test import Client, RequestFactory
from django.utils import timezone
from ninja import NinjaAPI
from pydantic import BaseModel, ConfigDict, ValidationError
from tests.people import SIGN_IN, Person
from tools.reference import import_everything

from hesuan import errors
from hesuan.errors import Faults, InputFault
from hesuan.hub.api import faults, problems
from hesuan.hub.api.faults import MAX_BODY_BYTES, from_pydantic, read_json
from hesuan.hub.api.site import api
from hesuan.hub.identity import services
from hesuan.hub.identity.models import ApiToken

pytestmark = pytest.mark.django_db

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def token(owner: Person) -> str:
    return services.issue_token(actor=owner.actor, label="test")[1]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **ENGLISH}


# -- signing in ------------------------------------------------------------------------------------------


def test_a_token_tells_who_asks(client: Client, owner: Person, token: str) -> None:
    answer = client.get("/api/v1/me", headers=bearer(token))
    assert answer.status_code == 200
    assert answer.json() == {
        "id": owner.identity.id,
        "name": "Olivia",
        "memberships": [{"organisation": owner.organisation.id, "name": "Zhongyuan Bio", "roles": ["owner"]}],
    }


def test_nobody_is_asked_to_sign_in(client: Client) -> None:
    answer = client.get("/api/v1/me", headers=ENGLISH)
    assert (answer.status_code, answer.json()["code"]) == (401, "api.sign_in_required")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_is_refused(client: Client, token: str) -> None:
    ApiToken.objects.update(expires_at=timezone.now())
    answer = client.get("/api/v1/me", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (401, "api.token_refused")


def test_a_wrong_token_is_not_helped_out_by_the_session(owner: Person) -> None:
    client = owner.client
    assert client.get("/api/v1/me", headers=bearer("hsn_wrong")).json()["code"] == "api.token_refused"
    assert client.get("/api/v1/me", headers={"Authorization": "Basic x"}).status_code == 401


def test_a_session_reads_without_and_writes_only_with_its_csrf_token(owner: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.identity, backend=SIGN_IN)
    assert client.get("/api/v1/me").status_code == 200
    token = {"data": {"label": "ci"}, "content_type": "application/json"}
    answer = client.post("/api/v1/tokens", **token, headers=ENGLISH)
    assert (answer.status_code, answer.json()["code"]) == (403, "api.csrf_refused")
    secret = "x" * 32
    client.cookies["csrftoken"] = secret
    assert client.post("/api/v1/tokens", **token, headers={"X-CSRFToken": secret}).status_code == 201


def test_a_token_needs_no_csrf(token: str) -> None:
    client = Client(enforce_csrf_checks=True)
    body = {"data": {"label": "ci"}, "content_type": "application/json"}
    assert client.post("/api/v1/tokens", **body, headers=bearer(token)).status_code == 201


def test_no_answer_is_kept_by_a_cache_on_the_way(owner: Person) -> None:
    assert owner.client.get("/api/v1/me").headers["Cache-Control"] == "no-store"


# -- problems --------------------------------------------------------------------------------------------


def test_a_problem_has_the_members_of_rfc_9457_and_ours(client: Client) -> None:
    answer = client.get("/api/v1/nothing", headers=ENGLISH)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/api/v1/errors/api.no_such_address",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at GET /api/v1/nothing. /api/v1/openapi.json lists every address.",
        "instance": "/api/v1/nothing",
        "code": "api.no_such_address",
        "where": "",
        "facts": {"method": "GET", "path": "/api/v1/nothing"},
    }


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v2/me", "/api/v1/me/"])
def test_where_nothing_is_a_problem_says_so(client: Client, path: str) -> None:
    answer = client.get(path, headers=ENGLISH)
    assert (answer.status_code, answer.json()["code"]) == (404, "api.no_such_address")


def test_another_method_names_those_that_an_address_takes(client: Client) -> None:
    answer = client.put("/api/v1/tokens", headers=ENGLISH)
    assert (answer.status_code, answer.json()["code"]) == (405, "api.method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}
    assert "does not take PUT" in answer.json()["detail"]


@pytest.mark.parametrize("size_bytes", [MAX_BODY_BYTES + 1, 4 * MAX_BODY_BYTES])
def test_a_body_too_large_is_refused_at_the_door(owner: Person, size_bytes: int) -> None:
    body = b'{"label": "' + b"x" * size_bytes + b'"}'
    answer = owner.client.post("/api/v1/tokens", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "api.too_large")


def test_the_sentence_is_in_the_language_asked_for(client: Client) -> None:
    answer = client.get("/api/v1/nothing", headers={"Accept-Language": "zh-CN"})
    assert answer.json()["detail"] == "GET /api/v1/nothing 不存在。/api/v1/openapi.json 列出全部地址。"
    assert answer.json()["title"] == "未找到"


def test_the_type_of_a_problem_is_an_address_that_explains_it(client: Client) -> None:
    problem = client.get("/api/v1/nothing").json()
    assert client.get(problem["type"]).json() == {
        "code": "api.no_such_address",
        "en": errors.REGISTRY["api.no_such_address"].en,
        "zh": errors.REGISTRY["api.no_such_address"].zh,
    }


def test_every_class_of_error_has_a_status() -> None:
    code = errors.Code("test.any", en="x", zh="x")
    table = {
        errors.NotFound: 404,
        errors.InputFault: 422,
        errors.Refused: 409,
        errors.Conflict: 409,
        errors.Unavailable: 503,
        errors.HesuanError: 500,
    }
    assert {kind: problems.status_of(kind(code)) for kind in table} == table


def test_a_codes_own_status_wins_over_its_suffix_and_that_over_its_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(problems, "STATUS", {"test.": 400, ".deep": 413, "test.one": 401, "own.deep": 409})
    names = ("test.one", "test.deep", "test.other", "own.deep", "other.deep", "testing.other")
    assert [problems.status_of_code(name) for name in names] == [401, 413, 400, 409, 413, None]


def test_every_status_in_the_tables_has_its_titles() -> None:
    statuses = {*problems.STATUS.values(), *(status for _, status in problems.STATUS_OF_CLASS)}
    assert statuses | {problems.STATUS_OF_FAULTS} <= set(problems.TITLES)


def test_every_code_of_the_status_table_is_declared() -> None:
    import_everything()
    for key in problems.STATUS:
        assert any(name == key or name.endswith(key) or name.startswith(key) for name in errors.REGISTRY), key


def test_a_broken_program_tells_a_reference_and_nothing_of_itself(
    client: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret inner detail")

    monkeypatch.setattr("hesuan.hub.api.routes.me.Me", broken)
    answer = client.get("/api/v1/me", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (500, "api.broken")
    assert "secret" not in answer.content.decode()


# -- strict JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1.0", "12.5", "1e3", "NaN", "Infinity", "-Infinity"])
def test_a_float_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Faults) as raised:
        read_json(f'{{"a": [1, {{"amount": {text}}}]}}'.encode())
    (fault,) = raised.value.faults
    assert (fault.code.name, fault.where) == ("api.fraction_refused", "a.1.amount")
    assert text in fault.sentence()


@pytest.mark.parametrize(
    ("body", "where", "character"),
    [
        (rb'{"a": ["x\u0000y"]}', "a.0", "U+0000"),
        (rb'{"a": {"x\u0000": 1}}', "a", "U+0000"),
        (rb'{"a": "\ud800"}', "a", "U+D800"),
    ],
)
def test_a_text_that_no_database_keeps_is_refused_with_its_place(
    body: bytes, where: str, character: str
) -> None:
    """PostgreSQL keeps no NUL; half of a pair has no bytes to keep. A whole pair is a text like any other."""
    with pytest.raises(Faults) as raised:
        read_json(body)
    (fault,) = raised.value.faults
    assert (fault.code.name, fault.where, fault.facts["character"]) == ("api.not_text", where, character)
    assert read_json(rb'{"a": "\ud83d\ude00"}') == {"a": "😀"}


def test_an_address_that_no_database_keeps_is_nowhere_and_a_query_is_refused(
    client: Client, token: str
) -> None:
    assert client.get("/api/v1/orders/x%00y", headers=bearer(token)).status_code == 404
    answer = client.get("/api/v1/orders?cursor=x%00y", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (422, "api.not_text")
    broken = client.post(
        "/api/v1/organisations",
        data=r'{"name": "A", "kind": "maker", "\ud800": [1.5]}',
        content_type="application/json",
        headers=bearer(token),
    )
    assert broken.status_code == 422


def test_every_fault_of_a_body_is_told_at_once() -> None:
    with pytest.raises(Faults) as raised:
        read_json(b'{"a": 1.5, "b": 2.5, "c": 1, "c": 2}')
    assert [(fault.where, fault.code.name) for fault in raised.value.faults] == [
        ("a", "api.fraction_refused"),
        ("b", "api.fraction_refused"),
        ("c", "api.key_twice"),
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_said(body: bytes) -> None:
    with pytest.raises(InputFault) as raised:
        read_json(body)
    assert raised.value.code.name == "api.not_json"


def test_integers_and_text_pass() -> None:
    assert read_json(b'{"a": [1, "1.50", null, true]}') == {"a": [1, "1.50", None, True]}


def test_a_body_above_the_limit_is_refused_before_it_is_read() -> None:
    request = RequestFactory().post("/", b" " * (MAX_BODY_BYTES + 1), content_type="application/json")
    with pytest.raises(RequestDataTooBig):
        faults.StrictParser().parse_body(request)
    problem = json.loads(problems.too_large(request).content)
    assert (problem["status"], problem["facts"]["limit_bytes"]) == (413, MAX_BODY_BYTES)


# -- bodies ----------------------------------------------------------------------------------------------


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    pipeline: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    plan: Inner
    name: str


def faults_of(value: object) -> list[InputFault]:
    try:
        Outer.model_validate(value)
    except ValidationError as error:
        return from_pydantic(error, Outer, "path")
    return []


def test_an_unknown_key_names_its_place_and_the_nearest_right_key() -> None:
    (fault,) = faults_of({"plan": {"pipeline": 1, "pipline": 2}, "name": "x"})
    assert fault.sentence() == "plan.pipline: `pipline` is not a key here. Did you mean `pipeline`?"


def test_a_missing_key_and_a_wrong_type_are_told_together() -> None:
    told = {(fault.where, fault.code.name) for fault in faults_of({"plan": {"pipeline": "1"}})}
    assert told == {("plan.pipeline", "api.wrong_form"), ("name", "api.missing")}


def test_the_openapi_document_is_version_3_1(client: Client) -> None:
    assert client.get("/api/v1/openapi.json").json()["openapi"] == "3.1.0"


def test_the_openapi_document_is_written_once_and_nobodys_copy_changes_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may ask for it, and writing it takes most of a second of computing."""
    first = api.get_openapi_schema(path_prefix="/api/v1/")
    whole = json.dumps(first)
    first["paths"].clear()
    monkeypatch.setattr(NinjaAPI, "get_openapi_schema", None)
    assert client.get("/api/v1/openapi.json").json() == json.loads(whole)
    assert json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")) == whole


# -- tokens ----------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_ends_when_revoked(owner: Person, client: Client) -> None:
    made = owner.client.post("/api/v1/tokens", {"label": "ci"}, content_type="application/json").json()
    assert client.get("/api/v1/me", headers=bearer(made["token"])).status_code == 200
    (listed,) = owner.client.get("/api/v1/tokens").json()["items"]
    assert "token" not in listed and made["token"] not in str(listed)
    assert owner.client.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert client.get("/api/v1/me", headers=bearer(made["token"])).json()["code"] == "api.token_refused"


def test_a_strangers_token_is_not_found(owner: Person, stranger: Person) -> None:
    made = owner.client.post("/api/v1/tokens", {"label": "ci"}, content_type="application/json").json()
    assert stranger.client.delete(f"/api/v1/tokens/{made['id']}").status_code == 404
