"""What django-ninja leaves out of the OpenAPI document: refusals, the key of a repetition, strict queries.

Every operation may be refused, and says so: ``4XX`` and ``5XX`` are RFC 9457 problems. Whatever changes
something takes an ``Idempotency-Key``, except where the answer shows a secret and is never kept; where money
moves, the key is required. A query parameter that an operation does not know is a fault, like an unknown key
of a body: a filter misspelt must not read as "no filter".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.operation import Operation

from hesuan.errors import Faults, InputFault, declare
from hesuan.hub.api.idempotency import HEADER, MAX_KEY, PRINTABLE
from hesuan.hub.api.problems import MEDIA_TYPE

QUERY_UNKNOWN = declare(
    "api.query_unknown",
    en="`{key}` is not a query parameter of {path}; it takes: {keys}.",
    zh="{path} 没有查询参数“{key}”；可用的有：{keys}。",
)

MOVES_MONEY = frozenset(
    {
        "claims_pay",
        "market_accept_quote",
        "organisations_book_deposit",
        "payouts_demand",
        "payouts_fund_float",
        "payouts_pay_batch",
        "payouts_recover",
        "payouts_refund_float",
    }
)
"""Operations, by the names of their room and function, that are refused without a key."""

SHOWS_A_SECRET = frozenset({"me_issue_token", "centres_issue_enrolment_code"})
"""Operations whose answer is never kept, so that a key would promise what is not done."""

KEY: dict[str, Any] = {
    "in": "header",
    "name": HEADER,
    "description": "of your own choosing; the same key and body get the same answer and are done once",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": f"^{PRINTABLE}$"},
}

TEXTS = ("type", "title", "detail", "instance", "code")
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457: `code` and `facts` are for programs, `title` and `detail` for people.",
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in TEXTS},
        "status": {"type": "integer"},
        "where": {"type": "string"},
        "facts": {"type": "object"},
        "faults": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
    "required": [*TEXTS, "status", "where", "facts"],
}
FAULT: dict[str, Any] = {
    "title": "Fault",
    "description": "One fault of the data, with its place.",
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "where": {"type": "string"},
        "facts": {"type": "object"},
    },
    "required": ["code", "detail", "where", "facts"],
}
REFUSALS = {"4XX": "Refused, with the reason", "5XX": "Not answered; worth asking again"}


def complete(document: dict[str, Any]) -> None:
    """Adds the refusals and the key to a document that django-ninja wrote."""
    document["components"]["schemas"] |= {"Problem": PROBLEM, "Fault": FAULT}
    told = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for methods in document["paths"].values():
        for method, operation in methods.items():
            name = operation["operationId"].removeprefix("hesuan_hub_api_routes_")
            operation["responses"] |= {
                status: {"description": said, "content": told} for status, said in REFUSALS.items()
            }
            if method in ("post", "put") and name not in SHOWS_A_SECRET:
                operation["parameters"].append({**KEY, "required": name in MOVES_MONEY})


def operations(api: NinjaAPI) -> Iterator[Operation]:
    """Every operation of an API."""
    for _, router in api._routers:  # django-ninja lists them nowhere else
        for view in router.path_operations.values():
            yield from view.operations


def refuse_unknown_queries(api: NinjaAPI) -> None:
    """Makes a query parameter that an operation does not know ``api.query_unknown`` (422)."""
    for operation in operations(api):
        known = sorted(
            name
            for model in operation.models
            if model.__ninja_param_source__ == "query"
            for name in getattr(model, "__ninja_flatten_map__", {})
        )
        operation.view_func = _strict(operation.view_func, known)


def _strict(view: Callable[..., Any], known: list[str]) -> Callable[..., Any]:
    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **named: Any) -> Any:
        if unknown := sorted(set(request.GET) - set(known)):
            keys = ", ".join(known) or "–"
            raise Faults(
                InputFault(QUERY_UNKNOWN, where=name, key=name, path=request.path, keys=keys)
                for name in unknown
            )
        return view(request, *args, **named)

    return asked
