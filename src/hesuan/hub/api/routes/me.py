"""Who am I; my tokens; what does an error code mean."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from hesuan.errors import REGISTRY, NotFound, declare
from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import answer
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Shape, Time, Title
from hesuan.hub.identity import selectors, services
from hesuan.hub.identity.models import ApiToken
from hesuan.hub.identity.rules import LONGEST_TOKEN_DAYS

router = Router()

NO_SUCH_CODE = declare(
    "api.no_such_code", en="No error has the code `{name}`.", zh="没有代码为“{name}”的错误。"
)


class MembershipShape(Shape):
    """The roles a person holds in one organisation."""

    organisation: str
    name: str
    roles: list[str]


class Me(Shape):
    """The person who asks."""

    id: str
    name: str
    memberships: list[MembershipShape]


class ErrorCode(Shape):
    """One error code with its sentence in both languages; `{name}` marks where a fact goes."""

    code: str
    en: str
    zh: str


class TokenShape(Shape):
    """A bearer token's row; the token itself is not kept."""

    id: str
    label: str
    created_at: Time
    expires_at: Time
    last_used_at: Time | None
    revoked_at: Time | None


class NewToken(Body):
    """A token to issue."""

    label: Title
    days: int = LONGEST_TOKEN_DAYS


class IssuedToken(TokenShape):
    """The only time the token is shown."""

    token: str


@router.get("/me", response=Me)
def get_me(request: HttpRequest) -> Me:
    """The person whose token or session this is, with their roles."""
    actor = actor_of(request)
    names = {row.id: row.name for row in selectors.organisations(actor)}
    return Me(
        id=actor.identity_id,
        name=actor.name,
        memberships=[
            MembershipShape(organisation=one, name=names[one], roles=sorted(held))
            for one, held in sorted(actor.roles.items())
        ],
    )


@router.get("/errors/{name}", response=ErrorCode, auth=None)
def get_error(request: HttpRequest, name: str) -> ErrorCode:
    """What an error code means: the address that the `type` of a problem names."""
    del request
    if name not in REGISTRY:
        raise NotFound(NO_SUCH_CODE, name=name)
    code = REGISTRY[name]
    return ErrorCode(code=code.name, en=code.en, zh=code.zh)


@router.get("/tokens", response=Page[TokenShape])
def list_tokens(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "") -> Page[TokenShape]:
    """One's own tokens, ended ones too; never the tokens themselves."""
    return page(selectors.tokens(actor_of(request)), _token, limit=limit, cursor=cursor)


@router.post("/tokens", response={201: IssuedToken})
def issue_token(request: HttpRequest, body: NewToken) -> HttpResponse:
    """A new token of one's own. It is shown here and kept nowhere, so a lost answer cannot be repeated."""
    row, text = services.issue_token(actor=actor_of(request), label=body.label, days=body.days)
    return answer(IssuedToken(token=text, **_token(row).model_dump()), status=201)


@router.delete("/tokens/{token_id}", response={204: None})
def revoke_token(request: HttpRequest, token_id: str) -> HttpResponse:
    """Ends a token at once; again changes nothing."""
    services.revoke_token(actor=actor_of(request), token_id=token_id)
    return HttpResponse(status=204)


def _token(row: ApiToken) -> TokenShape:
    return TokenShape(
        id=row.id,
        label=row.label,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
