"""Checks that every verb of the market makes before it writes."""

from __future__ import annotations

from hesuan.errors import InputFault, Refused, declare
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.wire.canonical import MAX_INTEGER

ROLE_MISSING = declare(
    "market.role_missing",
    en="{verb} needs the role {role} in {organisation}, which {name} does not hold. Ask somebody who does.",
    zh="{verb_zh}需要在 {organisation} 中持有角色 {role}，{name} 没有该角色。请联系持有者办理。",
)
NOT_POSITIVE = declare(
    "market.not_positive",
    en="{field} is {value}; it is a whole number from 1 to {limit}.",
    zh="{field} 为 {value}；应为 1 至 {limit} 的整数。",
)
INTERVAL_EMPTY = declare(
    "market.interval_empty",
    en="The price would end at {valid_to}, not after it begins at {valid_from}. Give a later end, or none.",
    zh="该价格结束于 {valid_to}，不晚于开始时间 {valid_from}。请填写更晚的结束时间，或不填。",
)
PRICE_OPEN = declare(
    "market.price_open",
    en="A price without an end begins at {begins}, not before {valid_from}. Begin the new one later than"
    " that, or give it an end.",
    zh="已有一个无结束时间的价格自 {begins} 起，不早于 {valid_from}。请让新价格更晚开始，或填写其结束时间。",
)


def need_role(actor: Actor, role: str, organisation_id: str, verb: tuple[str, str]) -> None:
    """Asks for a role in an organisation that the actor already knows of.

    Args:
        actor: Who asks.
        role: The role.
        organisation_id: Where it must be held.
        verb: What is asked for, in English and in Chinese.

    Raises:
        Refused: ``market.role_missing``.
    """
    if not actor.is_system and not actor.has(role, organisation_id):
        where = identity.organisation(SYSTEM, organisation_id).name
        raise Refused(
            ROLE_MISSING, verb=verb[0], verb_zh=verb[1], role=role, organisation=where, name=actor.name
        )


def check_positive(**amounts: int | None) -> None:
    """Refuses amounts that are not whole and positive; None is no amount and passes.

    Raises:
        InputFault: ``market.not_positive``, naming the field.
    """
    for field, value in amounts.items():
        if value is not None and not (type(value) is int and 0 < value <= MAX_INTEGER):
            raise InputFault(NOT_POSITIVE, where=field, field=field, value=value, limit=MAX_INTEGER)
