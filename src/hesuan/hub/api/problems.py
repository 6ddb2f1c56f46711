"""The one place where an error becomes an HTTP answer: RFC 9457 problems, and the table of their statuses.

The ``code`` and the ``facts`` are for programs; ``title`` and ``detail`` are for people, in the language the
request asks for. A status is found by the code, then by its suffix or
longest prefix, then by the error's class.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError

from hesuan.errors import (
    Faults,
    HesuanError,
    InputFault,
    NotFound,
    Refused,
    Unavailable,
    declare,
)
from hesuan.hub.api import faults
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/api/v1/errors/"

STATUS: dict[str, int] = {
    # by code; by prefix, a dot at its end; by suffix, a dot at its beginning
    "api.sign_in_required": 401,
    "api.token_refused": 401,
    "api.csrf_refused": 403,
    "api.not_json": 400,
    "api.key_missing": 400,
    "api.in_flight": 409,
    "api.key_reused": 422,
    "api.too_large": 413,
    "limit.rate_exceeded": 429,
    "limit.flooding": 429,
    "document.too_large": 413,
    "file.too_large": 413,
    "file.piece_too_large": 413,
    "api.no_such_address": 404,
    "api.method_not_allowed": 405,
    "api.broken": 500,
    ".role_missing": 403,
    "identity.role_not_yours": 403,
    "identity.kind_not_yours": 403,
    "identity.role_to_oneself": 403,
    "application.same_person": 403,
    "application.own_organisation": 403,
    "voucher.same_person": 403,
    "voucher.own_organisation": 403,
    "flag.own_organisation": 403,
    "application.conflicted": 403,
    "application.related": 403,
    "objection.own": 403,
    "identity.second_factor_missing": 403,
    "programme.same_person": 403,
    "registry.same_person": 403,
    "registry.own_organisation": 403,
}
STATUS_OF_CLASS: tuple[tuple[type[HesuanError], int], ...] = (
    (NotFound, 404),
    (InputFault, 422),
    (Refused, 409),
    (Unavailable, 503),
    (HesuanError, 500),
)
STATUS_OF_FAULTS = 422

TITLES: dict[int, tuple[str, str]] = {
    400: ("The request cannot be read", "请求无法读取"),
    401: ("Sign in first", "请先登录"),
    403: ("Not for this person", "无权操作"),
    404: ("Not found", "未找到"),
    405: ("Not in this way", "方法不允许"),
    409: ("Refused", "已拒绝"),
    413: ("Too large", "内容过大"),
    422: ("The data is faulty", "数据有误"),
    429: ("Too often", "请求过于频繁"),
    500: ("Our fault", "平台出错"),
    503: ("Not answering", "暂不可用"),
}

SIGN_IN_REQUIRED = declare(
    "api.sign_in_required",
    en="This address wants a signed-in person: send `Authorization: Bearer hsn_…` or sign in on the console.",
    zh="此地址需要登录：请发送 `Authorization: Bearer hsn_…`，或先在控制台登录。",
)
NO_SUCH_ADDRESS = declare(
    "api.no_such_address",
    en="There is nothing at {method} {path}. /api/v1/openapi.json lists every address.",
    zh="{method} {path} 不存在。/api/v1/openapi.json 列出全部地址。",
)
METHOD_NOT_ALLOWED = declare(
    "api.method_not_allowed",
    en="{path} does not take {method}; it takes {allowed}.",
    zh="{path} 不接受 {method}；可用的方法：{allowed}。",
)
TOO_LARGE = declare(
    "api.too_large",
    en="The body has {size_bytes} bytes; this hub takes at most {limit_bytes}.",
    zh="请求体为 {size_bytes} 字节；平台最多接受 {limit_bytes} 字节。",
)
DATABASE_AWAY = declare(
    "api.database_away",
    en="The hub's database did not answer. Send it again in a minute, same key: it is not done twice.",
    zh="平台的数据库未应答。请一分钟后以同一键重新发送：不会重复执行。",
)
BROKEN = declare(
    "api.broken",
    en="The hub failed on this request. The operator's log has it under {reference}.",
    zh="平台处理此请求时出错；运营方日志编号 {reference}。",
)


def status_of(error: HesuanError | Faults) -> int:
    """The HTTP status of an error, by the tables above."""
    if isinstance(error, Faults):
        return STATUS_OF_FAULTS
    return status_of_kind(type(error), error.code.name)


def status_of_kind(kind: type[HesuanError], name: str) -> int:
    """The HTTP status of a code raised in a class."""
    return status_of_code(name) or next(
        status for parent, status in STATUS_OF_CLASS if issubclass(kind, parent)
    )


def status_of_code(name: str) -> int | None:
    """The status that the code, its suffix or its longest prefix decides; ``None``: its class does."""
    room, _, rest = name.partition(".")
    if name in STATUS or f".{rest}" in STATUS:
        return STATUS.get(name) or STATUS[f".{rest}"]
    return STATUS.get(f"{room}.")


def document(error: HesuanError | Faults, *, path: str, language: str) -> dict[str, Json]:
    """The problem document of an error, in one language."""
    many = isinstance(error, Faults)
    first = error.faults[0] if isinstance(error, Faults) else error
    status = status_of(error)
    en, zh = TITLES[status]
    body: dict[str, Json] = {
        "type": TYPE_PREFIX + first.code.name,
        "title": zh if language.startswith("zh") else en,
        "status": status,
        **_said(first, language),
        "detail": first.sentence(language),
        "instance": path,
    }
    if many or isinstance(first, InputFault):
        found: Sequence[HesuanError] = error.faults if isinstance(error, Faults) else (first,)
        body["faults"] = [_said(fault, language) for fault in found]
    return body


def response(error: HesuanError | Faults, request: HttpRequest) -> HttpResponse:
    """The HTTP answer to an error."""
    language = translation.get_language() or "en"
    body = document(error, path=request.path, language=language)
    status = status_of(error)
    told = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
    answer = HttpResponse(told, status=status, content_type=MEDIA_TYPE)
    if status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="hesuan"'
    if status == 503:
        answer["Retry-After"] = "5"
    if status == 429 and isinstance(error, Refused):
        answer["Retry-After"] = str(error.facts["retry_after_s"])
    return answer


def install(api: NinjaAPI) -> None:
    """Makes every error that can leave a route a problem document."""
    for kind in (HesuanError, Faults):
        api.add_exception_handler(kind, _ours)
    api.add_exception_handler(AuthenticationError, _signed_out)
    api.add_exception_handler(HttpError, _unreadable)
    api.add_exception_handler(Http404, lambda request, _: no_such_address(request))
    api.add_exception_handler(RequestDataTooBig, lambda request, _: too_large(request))
    for away in (OperationalError, InterfaceError):
        api.add_exception_handler(away, _database_away)
    api.add_exception_handler(Exception, _broken)


def _ours(request: HttpRequest, error: Any) -> HttpResponse:
    return response(error, request)


def _signed_out(request: HttpRequest, error: Any) -> HttpResponse:
    del error
    return response(Refused(SIGN_IN_REQUIRED), request)


def _unreadable(request: HttpRequest, error: Any) -> HttpResponse:
    """django-ninja wraps what our parser raised; the cause is what to tell."""
    cause = error.__cause__
    if isinstance(cause, HesuanError | Faults):
        return response(cause, request)
    if isinstance(cause, RequestDataTooBig):
        return too_large(request)
    return response(InputFault(faults.NOT_JSON, reason=str(error)), request)


def _broken(request: HttpRequest, error: Any) -> HttpResponse:
    """A broken program: a reference for the person, the traceback for the log alone."""
    reference = new_id()
    asked = _on_one_line(request.path)
    log.error("%s %s failed, reference %s", request.method, asked, reference, exc_info=error)
    return response(HesuanError(BROKEN, reference=reference), request)


def _database_away(request: HttpRequest, error: Any) -> HttpResponse:
    """No verb is done without the database; whether a cut one was done, the same key tells."""
    log.error("%s %s: the database did not answer: %s", request.method, _on_one_line(request.path), error)
    return response(Unavailable(DATABASE_AWAY), request)


def _on_one_line(text: str) -> str:
    """A text from outside as one line of the log: what could end or colour a line is told by its code."""
    return text.encode("unicode_escape").decode("ascii")


def no_such_address(request: HttpRequest) -> HttpResponse:
    """The answer where no route is."""
    return response(NotFound(NO_SUCH_ADDRESS, method=request.method, path=request.path), request)


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """The answer where a route is, but not for this method."""
    told = Refused(METHOD_NOT_ALLOWED, path=request.path, method=request.method, allowed=allowed)
    answer = response(told, request)
    answer["Allow"] = allowed
    return answer


def too_large(request: HttpRequest) -> HttpResponse:
    """The answer to a body above the limit."""
    size = request.headers.get("Content-Length", "?")
    return response(Refused(TOO_LARGE, size_bytes=size, limit_bytes=faults.MAX_BODY_BYTES), request)


def _said(error: HesuanError, language: str) -> dict[str, Json]:
    """One error; its sentence is without the place, which stands beside it."""
    template = error.code.zh if language.startswith("zh") else error.code.en
    return {
        "code": error.code.name,
        "detail": template.format_map(error.facts),
        "where": error.where,
        "facts": {name: _plain(value) for name, value in error.facts.items()},
    }


def _plain(value: object) -> Json:
    match value:
        case None | bool() | int() | str():
            return value
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case _:
            return str(value)
