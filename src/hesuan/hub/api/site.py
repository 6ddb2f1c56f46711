"""``/api/v1``: the rooms' routes, authentication, strict JSON and problems put together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import ValidationErrorContext
from ninja.renderers import JSONRenderer

import hesuan
from hesuan.errors import Faults, InputFault
from hesuan.hub.api import faults, openapi, problems
from hesuan.hub.api.auth import Bearer, Session
from hesuan.hub.api.routes import (
    applications,
    audits,
    calls,
    centres,
    claims,
    files,
    log,
    market,
    me,
    orders,
    organisations,
    packaged,
    payouts,
    programmes,
    publicity,
    records,
    registry,
    run_log,
    run_output,
    surveillance,
    trying,
    voucher_life,
    vouchers,
)


class Readable(JSONRenderer):
    """JSON in which Chinese reads as Chinese."""

    json_dumps_params = {"ensure_ascii": False}


class Api(NinjaAPI):
    """NinjaAPI whose validation errors are our faults, each with its place and the nearest right key."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._written: dict[str, dict[str, Any]] = {}

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> Any:
        """The document with what may be refused; whoever asks has a copy of their own.

        Written once for each address the API lies at: it takes most of a second of computing, and anybody
        may ask for it.
        """
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        if prefix not in self._written:
            document = dict(super().get_openapi_schema(path_prefix=prefix))
            openapi.complete(document)
            self._written[prefix] = document
        return copy.deepcopy(self._written[prefix])

    def validation_error_from_error_contexts(self, error_contexts: list[ValidationErrorContext[Any]]) -> Any:
        """Every fault of path, query, header and body together."""
        return Faults(
            fault
            for context in error_contexts
            for fault in faults.from_pydantic(
                context.pydantic_validation_error,
                type(context.model) if not isinstance(context.model, type) else context.model,
                str(context.model.__ninja_param_source__),
            )
        )


api = Api(
    title="合算 Hesuan",
    version=hesuan.__version__,
    description=(
        "Publicly funded computing: find, quote, run, meter, settle, audit, warn. Everything the console"
        " does, the API does. Amounts are decimal strings in yuan (`amount_yuan`) or integers in fen"
        " (`amount_fen`); times are RFC 3339 UTC; errors are RFC 9457 problems with a stable `code`; what"
        " belongs to another organisation is answered 404."
    ),
    urls_namespace="api",
    docs_url=None,
    auth=[Bearer(), Session()],
    parser=faults.StrictParser(),
    renderer=Readable(),
    openapi_extra={"info": {"license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}},
)
problems.install(api)
api.add_router("", me.router, tags=["me"])
api.add_router("", organisations.router, tags=["organisations"])
api.add_router("", centres.router, tags=["centres"])
api.add_router("", registry.router, tags=["registry"])
api.add_router("", records.router, tags=["registry"])
api.add_router("", programmes.router, tags=["programmes"])
api.add_router("", trying.router, tags=["programmes"])
api.add_router("", calls.router, tags=["programmes"])
api.add_router("", applications.router, tags=["applications and vouchers"])
api.add_router("", publicity.router, tags=["applications and vouchers"])
api.add_router("", vouchers.router, tags=["applications and vouchers"])
api.add_router("", voucher_life.router, tags=["applications and vouchers"])
api.add_router("", files.router, tags=["find and quote"])
api.add_router("", packaged.router, tags=["packaged applications"])
api.add_router("", market.router, tags=["find and quote"])
api.add_router("", orders.router, tags=["run, meter and settle"])
api.add_router("", run_log.router, tags=["run, meter and settle"])
api.add_router("", run_output.router, tags=["run, meter and settle"])
api.add_router("", claims.router, tags=["redemption"])
api.add_router("", payouts.router, tags=["redemption"])
api.add_router("", audits.router, tags=["redemption"])
api.add_router("", surveillance.router, tags=["audit and warn"])
api.add_router("", log.router, tags=["audit and warn"])
openapi.refuse_unknown_queries(api)


@csrf_exempt
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Every address under ``/api/`` that no route has."""
    del rest
    return problems.no_such_address(request)


def in_problems(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view whose 404 and 405, which django-ninja answers in its own words, are problems too.

    What it answers concerns one person (and may show a secret once), so that no cache may keep it.
    """

    @wraps(view)
    def told(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        if faults.not_text(request.path):
            return problems.no_such_address(request)
        if unkept := list(_unkept(request)):
            return problems.response(Faults(unkept), request)
        try:
            response = view(request, *args, **named)
        except Http404:
            return problems.no_such_address(request)
        if response.status_code == 405:
            return problems.method_not_allowed(request, response.headers["Allow"])
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return told


def _unkept(request: HttpRequest) -> Iterator[InputFault]:
    """The query parameters that hold what no database keeps as text."""
    for name, values in request.GET.lists():
        for value in (name, *values):
            if found := faults.not_text(value):
                yield InputFault(faults.NOT_TEXT, where=ascii(name)[1:-1], character=found)


def urls() -> list[URLPattern | URLResolver]:
    """The addresses of this room, to be included under ``api/``."""
    patterns, name, namespace = api.urls
    for pattern in patterns:
        assert isinstance(pattern, URLPattern)
        pattern.callback = in_problems(pattern.callback)
    return [path("v1/", (patterns, name, namespace)), re_path(r"^(?P<rest>.*)$", nothing_here)]
