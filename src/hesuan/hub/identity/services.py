"""The identity room's verbs: people, organisations, roles, bearer tokens."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from hesuan.errors import InputFault, NotFound, Refused, declare
from hesuan.hub.audit.services import record
from hesuan.hub.identity import rules, selectors
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import ApiToken, Identity, Membership, Organisation

KIND_NOT_YOURS = declare(
    "identity.kind_not_yours",
    en="An organisation of kind {kind} is registered by the platform's operator, not by {name}.",
    zh="{kind} 类组织由平台运营方登记，{name} 无权登记。",
)
ROLE_NOT_YOURS = declare(
    "identity.role_not_yours",
    en="{name} may not give or take the role {role} in {organisation}. An owner gives {own};"
    " a security administrator gives the others.",
    zh="{name} 无权在 {organisation} 授予或收回角色 {role}。{own} 由组织所有者授予，其余由安全管理员授予。",
)
ROLE_TO_ONESELF = declare(
    "identity.role_to_oneself",
    en="{name} may not give {role} to themselves. Another security administrator does.",
    zh="{name} 不能给自己授予 {role}，须由另一位安全管理员授予。",
)
ROLES_SEPARATED = declare(
    "identity.roles_separated",
    en="{name} holds {held} in {organisation} and cannot be {role} as well: system, security and audit"
    " administration are three people's, and none of them decides on public money.",
    zh="{name} 在 {organisation} 担任 {held}，不能兼任 {role}：系统、安全、审计管理由三人分任，"
    "且均不得审批公共资金。",
)
ROLE_DOES_NOT_FIT = declare(
    "identity.role_does_not_fit",
    en="{organisation} is of kind {kind}, which has no {role}. Roles there: {roles}.",
    zh="{organisation} 属于 {kind} 类，没有角色 {role}。可用角色：{roles}。",
)
IDENTITY_NOT_FOUND = declare(
    "identity.not_found", en="There is no identity {identity}.", zh="没有身份 {identity}。"
)
NAME_TAKEN = declare(
    "identity.name_taken",
    en="The sign-in name {username} is taken. Choose another.",
    zh="登录名 {username} 已被使用。请另选一个。",
)
PASSWORD_WEAK = declare(
    "identity.password_weak",
    en="This password will not do: {reasons}",
    zh="密码不符合要求：{reasons}",
)
TOKEN_TOO_LONG = declare(
    "identity.token_too_long",
    en="A token lives 1 to {limit} days, not {days}. Issue a new one when it ends.",
    zh="令牌有效期为 1 至 {limit} 天，不能是 {days} 天。到期后请重新签发。",
)
TOKEN_NOT_FOUND = declare(
    "identity.token_not_found", en="There is no token {token}.", zh="没有令牌 {token}。"
)

_LAST_USED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_identity(
    *, username: str, password: str | None = None, display_name: str = "", email: str = ""
) -> Identity:
    """A person who can sign in; without a password, only by single sign-on or token.

    Raises:
        Refused: ``identity.name_taken``.
        InputFault: ``identity.password_weak``.
    """
    if Identity.objects.filter(username__iexact=username).exists():
        raise Refused(NAME_TAKEN, username=username)
    identity = Identity(username=username, display_name=display_name, email=email)
    _put_password(identity, password)
    identity.save()
    record(kind="identity.created", subject=identity.id, actor="system", private={"username": username})
    return identity


@transaction.atomic
def set_password(*, username: str, password: str) -> None:
    """Gives a person another password; their sessions end with the old one.

    Raises:
        NotFound: ``identity.not_found``.
        InputFault: ``identity.password_weak``.
    """
    identity = Identity.objects.filter(username=username).first()
    if identity is None:
        raise NotFound(IDENTITY_NOT_FOUND, identity=username)
    _put_password(identity, password)
    identity.save(update_fields=["password"])
    record(kind="identity.password_set", subject=identity.id, actor="system")


@transaction.atomic
def create_organisation(
    *, actor: Actor, name: str, kind: str, registered_in: str = "", organisation_id: str | None = None
) -> Organisation:
    """Registers an organisation; a person who does so becomes its owner. The same id again changes nothing.

    Raises:
        Refused: ``identity.kind_not_yours``.
    """
    if not rules.may_register(actor, kind):
        raise Refused(KIND_NOT_YOURS, kind=kind, name=actor.name)
    existing = Organisation.objects.filter(pk=organisation_id).first() if organisation_id else None
    if existing is not None:
        return selectors.organisation(actor, existing.id)
    fields = {"name": name, "kind": Organisation.Kind(kind).value, "registered_in": registered_in}
    organisation = (
        Organisation.objects.create(id=organisation_id, **fields)
        if organisation_id
        else Organisation.objects.create(**fields)
    )
    if not actor.is_system:
        Membership.objects.create(
            identity_id=actor.identity_id, organisation=organisation, role=Membership.Role.OWNER
        )
    record(
        kind="organisation.registered",
        subject=organisation.id,
        actor=actor.identity_id,
        firm=organisation.id,
        public={"organisation_kind": kind},
        private={"name": name, "registered_in": registered_in},
    )
    return organisation


@transaction.atomic
def grant_role(*, actor: Actor, identity_id: str, organisation_id: str, role: str) -> Membership:
    """Gives a person a role in an organisation; a role they hold already stays as it is.

    Raises:
        NotFound: the organisation is unknown to the actor, or the identity to everybody.
        Refused: ``identity.role_not_yours``, ``identity.role_does_not_fit``, ``identity.role_to_oneself``,
            ``identity.roles_separated``.
    """
    organisation = _grantable(actor, organisation_id, role)
    if role not in rules.roles_of_kind(organisation.kind):
        roles = ", ".join(sorted(rules.roles_of_kind(organisation.kind)))
        raise Refused(
            ROLE_DOES_NOT_FIT,
            organisation=organisation.name,
            kind=organisation.kind,
            role=role,
            roles=roles,
        )
    identity = Identity.objects.select_for_update(no_key=True).filter(pk=identity_id).first()
    if identity is None:
        raise NotFound(IDENTITY_NOT_FOUND, identity=identity_id)
    if actor.identity_id == identity_id and role not in rules.GIVEN_BY_OWNERS:
        raise Refused(ROLE_TO_ONESELF, name=actor.name, role=role)
    _refuse_both(identity, role)
    membership, new = Membership.objects.get_or_create(
        identity_id=identity_id, organisation=organisation, role=Membership.Role(role).value
    )
    if new:
        _record_role("identity.role_granted", actor, membership)
    return membership


@transaction.atomic
def revoke_role(*, actor: Actor, identity_id: str, organisation_id: str, role: str) -> None:
    """Takes a role from a person; one they do not hold is no error.

    Raises:
        NotFound: the organisation is unknown to the actor.
        Refused: ``identity.role_not_yours``.
    """
    _grantable(actor, organisation_id, role)
    held = Membership.objects.filter(identity_id=identity_id, organisation_id=organisation_id, role=role)
    for membership in held:
        _record_role("identity.role_revoked", actor, membership)
        membership.delete()


def issue_token(
    *, actor: Actor, label: str, days: int = rules.LONGEST_TOKEN_DAYS, identity_id: str | None = None
) -> tuple[ApiToken, str]:
    """A bearer token of the actor (or, issued by the hub itself, of ``identity_id``).

    Returns:
        The row, and the token, which is shown once: only its SHA-256 is kept.

    Raises:
        InputFault: ``identity.token_too_long``.
    """
    if not 1 <= days <= rules.LONGEST_TOKEN_DAYS:
        raise InputFault(TOKEN_TOO_LONG, where="days", days=days, limit=rules.LONGEST_TOKEN_DAYS)
    assert identity_id is None or actor.is_system, "a person issues their own tokens"
    text = rules.new_token()
    with transaction.atomic():
        token = ApiToken.objects.create(
            identity_id=identity_id or actor.identity_id,
            sha256=rules.token_digest(text),
            label=label[:100],
            expires_at=timezone.now() + timedelta(days=days),
        )
        record(
            kind="identity.token_issued",
            subject=token.id,
            actor=actor.identity_id,
            private={"identity": token.identity_id, "label": token.label},
        )
    return token, text


@transaction.atomic
def revoke_token(*, actor: Actor, token_id: str) -> None:
    """Ends a token at once; again changes nothing.

    Raises:
        NotFound: no such token of this actor.
    """
    own = Q() if actor.is_system else Q(identity_id=actor.identity_id)
    token = ApiToken.objects.filter(own, pk=token_id).first()
    if token is None:
        raise NotFound(TOKEN_NOT_FOUND, token=token_id)
    if token.revoked_at is None:
        ApiToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now())
        record(kind="identity.token_revoked", subject=token.id, actor=actor.identity_id)


def authenticate_token(text: str, *, at: datetime | None = None) -> Actor | None:
    """The actor whose token this is; ``None`` when unknown, ended, revoked, or its identity is closed.

    Raises:
        Refused: ``identity.second_factor_missing``, where the installation demands one.
    """
    if not rules.is_token(text):
        return None
    now = at or timezone.now()
    token = (
        ApiToken.objects.select_related("identity")
        .filter(sha256=rules.token_digest(text), revoked_at=None, expires_at__gt=now)
        .filter(identity__is_active=True)
        .first()
    )
    if token is None:
        return None
    selectors.require_second_factor(token.identity)
    if token.last_used_at is None or now - token.last_used_at > _LAST_USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return selectors.actor_of(token.identity)


def _put_password(identity: Identity, password: str | None) -> None:
    if password is not None:
        try:
            validate_password(password, identity)
        except ValidationError as error:
            reasons = " ".join(str(reason) for reason in error.messages)
            raise InputFault(PASSWORD_WEAK, where="password", reasons=reasons) from None
    identity.set_password(password)


def _refuse_both(identity: Identity, role: str) -> None:
    """Under the identity's lock: of two grants at once that do not go together, the second is refused."""
    for held in identity.memberships.select_related("organisation"):
        if not rules.may_hold_both(role, held.role):
            raise Refused(
                ROLES_SEPARATED,
                name=str(identity),
                held=held.role,
                organisation=held.organisation.name,
                role=role,
            )


def _grantable(actor: Actor, organisation_id: str, role: str) -> Organisation:
    organisation = selectors.granting_in(actor, organisation_id)
    if not rules.may_grant(actor, organisation_id=organisation_id, role=role):
        own = ", ".join(sorted(rules.GIVEN_BY_OWNERS))
        raise Refused(ROLE_NOT_YOURS, name=actor.name, role=role, organisation=organisation.name, own=own)
    return organisation


def _record_role(kind: str, actor: Actor, membership: Membership) -> None:
    record(
        kind=kind,
        subject=membership.organisation_id,
        actor=actor.identity_id,
        firm=membership.organisation_id,
        public={"role": membership.role},
        private={"identity": membership.identity_id},
    )
