"""Errors as RFC 9457 problems: one table from codes to HTTP statuses, one function that builds the answer."""

from __future__ import annotations

from django.http import JsonResponse
from django.utils import timezone

from hesuan.errors import Conflict, Faults, HesuanError, InputFault, NotFound, Refused, Unavailable, declare
from hesuan.wire.messages import format_at

PROBLEM_TYPE = "/api/v1/errors/"
CONTENT_TYPE = "application/problem+json"

TOO_LARGE = declare(
    "gateway.too_large",
    en="The body is larger than the {limit} bytes this takes. Send fewer messages at once.",
    zh="请求体超过上限 {limit} 字节。请减少每批消息数。",
)
NOT_OF_TYPE = declare(
    "gateway.not_of_type",
    en="The body is of type {found}; application/json is needed.",
    zh="请求体类型为 {found}，应为 application/json。",
)
NOT_THIS_METHOD = declare(
    "gateway.not_this_method",
    en="{found} is not answered here; POST is.",
    zh="此处不接受 {found}，仅接受 POST。",
)
MANY_FAULTS = declare(
    "message.faults",
    en="{count} faults were found; nothing was stored. Each is listed with its place.",
    zh="发现 {count} 处错误，未存储任何内容。各处均已列出。",
)
BROKEN = declare(
    "gateway.broken",
    en="The hub failed at this and has written down why; nothing was stored. Send it again.",
    zh="平台处理失败并已记录原因，未存储任何内容。请重新发送。",
)
DATABASE_AWAY = declare(
    "gateway.database_away",
    en="The hub's database did not answer. Send it again: what it had stored all the same is stored once.",
    zh="平台的数据库未应答。请重新发送：即便已存储，也只存储一次。",
)
RETRY_AFTER_S = 5

STATUSES = {
    "gateway.not_recognised": 401,
    "gateway.poll_stale": 403,
    "gateway.not_this_method": 405,
    "gateway.too_large": 413,
    "gateway.not_of_type": 415,
    "gateway.broken": 500,
    "gateway.input_not_found": 404,
    "gateway.app_not_found": 404,
    "centre.proof_invalid": 401,
    "centre.code_unknown": 404,
    "centre.code_used": 409,
    "centre.code_expired": 410,
    "centre.key_taken": 409,
}
"""Where the class of the error alone does not say it."""

_BY_CLASS: tuple[tuple[type[HesuanError], int], ...] = (
    (InputFault, 400),
    (Conflict, 409),
    (NotFound, 404),
    (Unavailable, 503),
    (Refused, 403),
)


def status_of(error: HesuanError) -> int:
    """The HTTP status of an error."""
    by_class = (status for kind, status in _BY_CLASS if isinstance(error, kind))
    return STATUSES.get(error.code.name) or next(by_class, 400)


def problem(error: HesuanError, *, status: int | None = None, **members: object) -> JsonResponse:
    """The answer to one error: sentence in English and Chinese, facts, place."""
    number = status or status_of(error)
    document = {
        "type": PROBLEM_TYPE + error.code.name,
        "title": error.code.name,
        "status": number,
        "code": error.code.name,
        "detail": error.sentence("en"),
        "detail_zh": error.sentence("zh"),
        "facts": {
            name: value if isinstance(value, int | str) else str(value) for name, value in error.facts.items()
        },
        "hub_time": format_at(timezone.now()),
        **members,
    }
    response = JsonResponse(
        document, status=number, content_type=CONTENT_TYPE, json_dumps_params={"ensure_ascii": False}
    )
    response["Cache-Control"] = "no-store"
    if number == 503:
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def faults_problem(faults: Faults) -> JsonResponse:
    """The answer to an input with faults: all of them, each with code, place and sentence."""
    listed = [
        {
            "code": fault.code.name,
            "where": fault.where,
            "detail": fault.sentence("en"),
            "detail_zh": fault.sentence("zh"),
        }
        for fault in faults.faults
    ]
    return problem(InputFault(MANY_FAULTS, count=len(listed)), status=422, faults=listed)
