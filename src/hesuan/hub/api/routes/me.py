"""Who am I; what does an error code mean."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel

from hesuan.errors import REGISTRY, NotFound, declare
from hesuan.hub.api.auth import actor_of

router = Router()

NO_SUCH_CODE = declare(
    "api.no_such_code", en="No error has the code `{name}`.", zh="没有代码为“{name}”的错误。"
)


class Me(BaseModel):
    """The person who asks."""

    id: str
    name: str
    roles: dict[str, list[str]]
    """Organisation id to the roles held there."""


class ErrorCode(BaseModel):
    """One error code with its sentence in both languages; `{name}` marks where a fact goes."""

    code: str
    en: str
    zh: str


@router.get("/me", response=Me)
def get_me(request: HttpRequest) -> Me:
    """The person whose token or session this is, with their roles."""
    actor = actor_of(request)
    return Me(
        id=actor.identity_id,
        name=actor.name,
        roles={organisation: sorted(held) for organisation, held in actor.roles.items()},
    )


@router.get("/errors/{name}", response=ErrorCode, auth=None)
def get_error(request: HttpRequest, name: str) -> ErrorCode:
    """What an error code means: the address that the `type` of a problem names."""
    del request
    if name not in REGISTRY:
        raise NotFound(NO_SUCH_CODE, name=name)
    code = REGISTRY[name]
    return ErrorCode(code=code.name, en=code.en, zh=code.zh)
