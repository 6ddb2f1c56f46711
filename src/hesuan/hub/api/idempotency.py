"""``Idempotency-Key``: same key and body, same answer; other body, 422; still in flight, 409.

The key may be a ULID, which then is the id of the object made; any other key is kept beside a fresh ULID.
Answers below 500 are remembered, refusals too: a refused key stays refused, a new try wants a new key.
A key whose hub died in flight may be claimed again after :data:`CLAIM`; the work is done under the same id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from pydantic import BaseModel

from hesuan.errors import Faults, HesuanError, InputFault, Refused, declare
from hesuan.hub.api import problems
from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.models import ApiRequest
from hesuan.wire.ids import is_id, new_id

HEADER = "Idempotency-Key"
MAX_KEY = 100
PRINTABLE = r"[\x20-\x7e]+"
"""What a key is made of: a header carries no more than this without doubt about its encoding."""
CLAIM = timedelta(seconds=60)
"""How long one worker has for one request before another may take it up."""

KEY_MISSING = declare(
    "api.key_missing",
    en="{method} {path} moves money, or was sent a key that is none. `Idempotency-Key` is 1 to 100 printable"
    " ASCII characters of your own choosing, a new one for each thing you want done once.",
    zh="{method} {path} 涉及资金，或所带的键不合规。请求头 `Idempotency-Key` 为自定的 1 至 100 个可打印 ASCII"
    " 字符，每件只应办理一次的事项用一个新值。",
)
KEY_REUSED = declare(
    "api.key_reused",
    en="The key {key} came before with another body or address. Use a new key for a new request.",
    zh="键 {key} 此前已用于不同的内容或地址。新的请求请使用新的键。",
)
IN_FLIGHT = declare(
    "api.in_flight",
    en="The request with key {key} is still being worked on since {claimed_at}. Ask again in a moment.",
    zh="键为 {key} 的请求自 {claimed_at} 起仍在处理中。请稍后再试。",
)


def once(
    request: HttpRequest,
    work: Callable[[str], BaseModel],
    *,
    status: int = 201,
    required: bool = False,
    content: str | None = None,
) -> HttpResponse:
    """Does ``work(object_id)`` once per key and answers with what it returned, now and on every repetition.

    Args:
        request: An authenticated request.
        work: Takes the id of the object to make; must be safe to call again with the same id.
        status: HTTP status of success.
        required: Whether a request without a key is refused (it moves money).
        content: Stands for the body where it was read already, such as the hash of a document.

    Raises:
        InputFault: ``api.key_missing``.
        Refused: ``api.key_reused``, ``api.in_flight``.
    """
    if HEADER not in request.headers and not required:
        return answer(work(new_id()), status=status)
    key = request.headers.get(HEADER, "")
    if not (len(key) <= MAX_KEY and re.fullmatch(PRINTABLE, key)):
        raise InputFault(KEY_MISSING, method=request.method, path=request.path)
    row = _claim(tenant=actor_of(request).identity_id, key=key, fingerprint=_fingerprint(request, content))
    if row.status is None:
        _finish(row, _attempt(request, row, work, status))
    assert row.status is not None and row.response is not None
    return HttpResponse(bytes(row.response), status=row.status, content_type=row.content_type)


def answer(value: BaseModel, *, status: int = 200) -> HttpResponse:
    """A shape as an HTTP answer."""
    return HttpResponse(value.model_dump_json().encode(), status=status, content_type="application/json")


def _attempt(
    request: HttpRequest, row: ApiRequest, work: Callable[[str], BaseModel], status: int
) -> HttpResponse:
    """The work's answer, a lasting refusal included; anything else gives the claim back and is raised."""
    try:
        return answer(work(row.object_id), status=status)
    except (HesuanError, Faults) as error:
        if problems.status_of(error) < 500:
            return problems.response(error, request)
        _give_back(row)
        raise
    except BaseException:
        _give_back(row)
        raise


def _claim(*, tenant: str, key: str, fingerprint: str) -> ApiRequest:
    """The row of this key: answered before, or now claimed by us."""
    row, made = _find_or_make(tenant=tenant, key=key, fingerprint=fingerprint)
    if made:
        return row
    if row.fingerprint != fingerprint:
        raise Refused(KEY_REUSED, key=key)
    if row.status is None:
        now = timezone.now()
        # Compare and swap: of several who find an abandoned claim, one takes it.
        abandoned = ApiRequest.objects.filter(pk=row.pk, status=None, claimed_at__lte=now - CLAIM)
        if not abandoned.update(claimed_at=now):
            raise Refused(IN_FLIGHT, key=key, claimed_at=row.claimed_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return row


def _find_or_make(*, tenant: str, key: str, fingerprint: str) -> tuple[ApiRequest, bool]:
    return ApiRequest.objects.get_or_create(
        tenant=tenant,
        key=key,
        defaults={
            "fingerprint": fingerprint,
            "object_id": key if is_id(key) else new_id(),
            "claimed_at": timezone.now(),
        },
    )


def _finish(row: ApiRequest, response: HttpResponse) -> None:
    row.status = response.status_code
    row.content_type = response.headers["Content-Type"]
    row.response = response.content
    row.save(update_fields=["status", "content_type", "response"])


def _give_back(row: ApiRequest) -> None:
    ApiRequest.objects.filter(pk=row.pk, status=None).update(claimed_at=timezone.now() - CLAIM)


def _fingerprint(request: HttpRequest, content: str | None) -> str:
    body = request.body if content is None else content.encode()
    told = f"{request.method}\n{request.path}\n".encode() + body
    return hashlib.sha256(told).hexdigest()
