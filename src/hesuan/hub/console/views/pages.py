"""Pages that belong to no room: not found, broken, and errors that a view did not handle itself."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hesuan.errors import Faults, HesuanError, NotFound, declare
from hesuan.hub.console import faults

NO_PAGE = declare(
    "console.no_such_page",
    en="There is no page at {path}, or none that you may know of.",
    zh="{path} 没有页面，或没有您可查看的页面。",
)
BROKEN = declare(
    "console.broken",
    en="The hub failed while drawing this page. Nothing was changed by a page you only looked at;"
    " a form you sent may be sent again: it is not done twice.",
    zh="平台在生成本页时出错。仅查看页面不会改变任何数据；已提交的表单可再次提交，不会重复执行。",
)
DATABASE_AWAY = declare(
    "console.database_away",
    en="The hub's database did not answer. Try again in a minute; a form you sent may be sent again: it is"
    " not done twice.",
    zh="平台的数据库未应答。请一分钟后重试；已提交的表单可再次提交，不会重复执行。",
)
FORM_EXPIRED = declare(
    "console.form_expired",
    en="This form came without a valid security token. Go back, reload the page and send it again.",
    zh="表单缺少有效的安全令牌。请返回并刷新页面后重新提交。",
)


def error_page(request: HttpRequest, error: HesuanError | Faults, status: int | None = None) -> HttpResponse:
    """A whole page that shows one error (or all faults of one input) with code and sentence."""
    number = status or faults.status(error)
    template = "404.html" if number == 404 else "console/error.html"
    answer = render(request, template, {"faults": faults.lines(error), "status": number}, status=number)
    if number == 429 and isinstance(error, HesuanError):
        answer["Retry-After"] = str(error.facts["retry_after_s"])
    return answer


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 404 handler."""
    known = exception if isinstance(exception, HesuanError) else NotFound(NO_PAGE, path=request.path)
    return error_page(request, known, 404)


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Django's 500 handler. Draws without the database: that may be what broke."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    told = {"faults": faults.lines(HesuanError(DATABASE_AWAY if away else BROKEN)), "here": "/"}
    answer = render(None, "500.html", told, status=503 if away else 500)
    if away:
        answer["Retry-After"] = "60"
    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Django's page for a form without a valid token."""
    return error_page(request, HesuanError(FORM_EXPIRED), 403)
