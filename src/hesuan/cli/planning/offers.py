"""Offers as a person writes them: ``hgx-h100:1024@14.00,cloudmatrix384:768``, or .toml files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hesuan.errors import Faults, InputFault, declare
from hesuan.money import parse_yuan
from hesuan.planner.catalog import cluster
from hesuan.planner.files import read_cluster
from hesuan.planner.inputs import Cluster

NOT_AN_OFFER = declare(
    "plan.not_an_offer",
    en="`{text}` is not an offer; write NAME, NAME:CARDS or NAME:CARDS@YUAN, such as hgx-h100:1024@14.00,"
    " or a .toml file.",
    zh="“{text}”不是集群写法；请写 名称、名称:卡数 或 名称:卡数@每卡时元数，"
    "如 hgx-h100:1024@14.00，或 .toml 文件。",
)


def read_offers(text: str, own: Cluster) -> list[Cluster]:
    """All offers of ``--on``; cards left out are those of the run's own cluster, and so is its own price.

    Raises:
        Faults: every faulty offer, told at once.
    """
    found: list[Cluster] = []
    faults: list[InputFault] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(read_offer(word, own))
        except InputFault as fault:
            faults.append(fault)
        except Faults as several:
            faults.extend(several.faults)
    if not found and not faults:
        faults.append(InputFault(NOT_AN_OFFER, where="--on", text=text))
    if faults:
        raise Faults(faults)
    return found


def read_offer(word: str, own: Cluster, *, where: str = "--on") -> Cluster:
    """One offer of the list.

    Raises:
        InputFault: ``plan.not_an_offer``, ``planner.unknown_name``.
        Faults: everything that is wrong with its file.
    """
    if word.endswith(".toml"):
        return read_cluster(Path(word))
    rest, at, price = word.partition("@")
    name, colon, cards = rest.partition(":")
    if colon and not (cards.isascii() and cards.isdigit() and int(cards) > 0):
        raise InputFault(NOT_AN_OFFER, where=where, text=word)
    fen = parse_yuan(price, where=where) if at else None
    found = cluster(
        name,
        int(cards) if colon else own.cards,
        price_fen_per_card_hour=fen,
        power_price_fen_per_kwh=own.power_price_fen_per_kwh,
    )
    if fen is None and found.name == own.name:
        return replace(found, price_fen_per_card_hour=own.price_fen_per_card_hour)
    return found
