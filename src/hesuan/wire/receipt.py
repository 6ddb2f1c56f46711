"""Receipts: what a settled run cost and why, recomputable by anybody from the document alone.

The charge is computed here and nowhere else: the hub settles with :func:`charge_fen`, the site agent computes
it again before it signs, ``hesuan verify`` computes it again offline. One rule, one function.

The rule: started seconds of wall time, at most the time limit; times cores, at most the quoted; times the
quoted price per core-hour, whole fen, rounded down; times the share that the quote states for the final
state, rounded down; never above the quote's highest charge.

Two versions: 1 where at most one voucher pays, 2 where a quote names several. A site that only knows 1 is not
quoted several, so nobody is asked to sign what they cannot check.

The file around a receipt follows the version of the log's leaf and not the receipt's: a leaf of version 1
says the receipt's digest and id in public; behind one of version 2 they stand in a salted record, and the
file carries it ``opened``. A site signs the receipt alone, so every agent signs for either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.errors import InputFault, declare
from hesuan.units import SECONDS_PER_HOUR, billed_seconds
from hesuan.wire import keys
from hesuan.wire.canonical import Json, canonical, digest
from hesuan.wire.leaves import VERSION
from hesuan.wire.reading import Exactly, Listing, Members, Perhaps, Shape, Text, Whole

RECEIPT_DOMAIN = "hesuan-receipt-v1"
LEAF_KIND = "receipt.issued"
NEWEST = 2
"""The newest version that this code checks and signs."""
SIGNS = "hesuan-receipt"
"""Under this name an agent's inventory says, among its software, which version it signs; silence is 1."""

_HELD: dict[str, Shape] = {"held_fen": Whole(), "captured_fen": Whole(), "released_fen": Whole()}
_BAND: dict[str, Shape] = {"low_ms": Whole(), "mid_ms": Whole(), "high_ms": Whole(), "kind": Text()}
_QUOTED_VOUCHER = Members(
    {"voucher": Text(), "programme": Text(), "programme_version": Text(), "max_fen": Whole()}, others=True
)
_QUOTE: dict[str, Shape] = {
    "id": Text(),
    "organisation": Text(),
    "centre": Text(),
    "cores": Whole(),
    "price": Members({"id": Text(), "fen_per_core_hour": Whole()}, others=True),
    "prediction": Perhaps(Members(_BAND, others=True)),
    "time_limit_s": Whole(),
    "max_charge_fen": Whole(),
    "copay_max_fen": Whole(),
    "charge_rule": Members(others=True),
}
QUOTE_SHAPE = Members({**_QUOTE, "voucher": Perhaps(_QUOTED_VOUCHER)}, others=True)
"""What the charge rests on; a quote says more, and its digest covers all of it."""
QUOTE_SHAPE_2 = Members({**_QUOTE, "v": Exactly(2), "vouchers": Listing(_QUOTED_VOUCHER)}, others=True)
"""With several vouchers, in the order in which they are used."""
USAGE_SHAPE = Members(
    {"run": Text(), "attempt": Whole(), "state": Text(), "wall_ms": Whole(), "cores": Whole()}, others=True
)
VOUCHER_SHAPE = Members(
    {
        "voucher": Text(),
        "programme": Text(),
        "programme_version": Text(),
        **_HELD,
        "shares": Listing(Members({"payer": Text(), "fen": Whole()})),
    }
)
CHARGE_SHAPE = Members(
    {
        "state": Text(),
        "share_percent": Whole(),
        "billed_s": Whole(),
        "cores": Whole(),
        "price_fen_per_core_hour": Whole(),
        "charge_fen": Whole(),
        "max_charge_fen": Whole(),
        "vouchers": Listing(VOUCHER_SHAPE),
        "copay": Members(_HELD),
    }
)
_LEAF = Members(
    {"v": Exactly(1), "kind": Text(), "receipt": Text(), "charge_fen": Whole(), "site_key": Text()},
    others=True,
)
_LEAF_2: dict[str, Shape] = {
    **dict.fromkeys(("p", "k", "t", "c", "site_key", "h"), Text()),
    "v": Exactly(2),
    "charge_fen": Whole(),
}
"""A leaf as promised; in the log it has its number ``s`` too."""
OPENED_SHAPE = Members({"salt": Text(), "record": Members({"subject": Text(), "receipt": Text()})})
"""What stands behind ``h`` of a version 2 leaf."""
_RECEIPT: dict[str, Shape] = {
    **dict.fromkeys(("id", "order", "run", "organisation", "centre", "agent", "issued_at"), Text()),
    "quote_digest": Text(),
    "usage": USAGE_SHAPE,
    "charge": CHARGE_SHAPE,
    "prediction": Perhaps(Members(_BAND)),
    "actual": Members({"wall_ms": Whole()}),
}
RECEIPT_SHAPE = Members({"v": Exactly(1), **_RECEIPT, "quote": QUOTE_SHAPE})
RECEIPT_SHAPE_2 = Members({"v": Exactly(2), **_RECEIPT, "quote": QUOTE_SHAPE_2})
_PROOF: dict[str, Shape] = {
    "index": Whole(),
    "size": Whole(),
    "hashes": Listing(Text()),
    "checkpoint": Text(),
}
FILE_SHAPE = Members(
    {
        "receipt": RECEIPT_SHAPE,
        "site": Members({"agent": Text(), "key": Text(), "signature": Text()}),
        "proof": Members({**_PROOF, "leaf": _LEAF}),
        "log_key": Text(),
    }
)
"""A receipt file; no member beside these, so that nothing unchecked can stand in one."""
FILE_SHAPE_2 = Members({**FILE_SHAPE.shapes, "receipt": RECEIPT_SHAPE_2})
PROMISE_SHAPE = Members({"leaf": _LEAF, "due_by": Text(), "signature": Text()})
"""Stands in the place of ``proof`` until a checkpoint covers the receipt's entry."""
OPENED_FILE: dict[str, Shape] = {
    "proof": Members({**_PROOF, "leaf": Members({**_LEAF_2, "s": Whole()}, others=True)}),
    "promise": Members({**PROMISE_SHAPE.shapes, "leaf": Members(_LEAF_2, others=True)}),
    "opened": OPENED_SHAPE,
}
"""Where the log's leaf is of version 2: the record behind it beside proof or promise."""

MALFORMED = declare(
    "receipt.malformed",
    en="{wanted} is needed here; found {found}.",
    zh="此处应为 {wanted}；实际为 {found}。",
)
NO_RULE = declare(
    "receipt.no_rule_for_state",
    en="The quote states no share for a run that ended {state}; it names {states}. Nothing is guessed.",
    zh="报价单未规定以 {state} 结束的运行应付的比例；已规定的有 {states}。不凭猜测计费。",
)


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge with every number that went into it."""

    state: str
    share_percent: int
    billed_s: int
    cores: int
    price_fen_per_core_hour: int
    full_fen: int
    """Before the share and the quote's limit: billed seconds × cores × price, rounded down."""
    charge_fen: int
    max_charge_fen: int

    def document(self) -> dict[str, Json]:
        """The members it fills in a receipt's ``charge``; vouchers and co-pay come beside them."""
        return {
            "state": self.state,
            "share_percent": self.share_percent,
            "billed_s": self.billed_s,
            "cores": self.cores,
            "price_fen_per_core_hour": self.price_fen_per_core_hour,
            "charge_fen": self.charge_fen,
            "max_charge_fen": self.max_charge_fen,
        }


def charge_fen(usage: Mapping[str, Any], quote: Mapping[str, Any]) -> Charge:
    """The charge of a run, from its usage body and the quote document it ran under.

    Args:
        usage: ``state``, ``wall_ms`` and ``cores`` of the final usage report.
        quote: ``cores``, ``price.fen_per_core_hour``, ``time_limit_s``, ``max_charge_fen``, ``charge_rule``.

    Raises:
        InputFault: ``receipt.malformed`` or ``receipt.no_rule_for_state``, naming the field.
    """
    state = usage.get("state")
    rule, price = _object(quote, "quote", "charge_rule"), _object(quote, "quote", "price")
    if not isinstance(state, str) or state not in rule:
        raise InputFault(NO_RULE, where="usage.state", state=state, states=", ".join(sorted(rule)))
    share_percent = _whole(rule, "quote.charge_rule", state)
    if share_percent > 100:
        raise _malformed(f"quote.charge_rule.{state}", share_percent, "0–100")
    billed_s = min(billed_seconds(_whole(usage, "usage", "wall_ms")), _whole(quote, "quote", "time_limit_s"))
    cores = min(_whole(usage, "usage", "cores"), _whole(quote, "quote", "cores"))
    price_fen = _whole(price, "quote.price", "fen_per_core_hour")
    max_fen = _whole(quote, "quote", "max_charge_fen")
    full_fen = billed_s * cores * price_fen // SECONDS_PER_HOUR
    return Charge(
        state=state,
        share_percent=share_percent,
        billed_s=billed_s,
        cores=cores,
        price_fen_per_core_hour=price_fen,
        full_fen=full_fen,
        charge_fen=min(full_fen * share_percent // 100, max_fen),
        max_charge_fen=max_fen,
    )


def receipt_shape(receipt: object) -> Members:
    """The shape that a receipt must have, by the version it says it is of; else the first version's."""
    return RECEIPT_SHAPE_2 if isinstance(receipt, Mapping) and receipt.get("v") == 2 else RECEIPT_SHAPE


def file_shape(document: Mapping[str, Any]) -> Members:
    """The shape that a receipt file must have, by the versions of its receipt and of the log's leaf."""
    several = receipt_shape(document.get("receipt")) is RECEIPT_SHAPE_2
    shapes = dict((FILE_SHAPE_2 if several else FILE_SHAPE).shapes)
    promised = "promise" in document and "proof" not in document
    proven = document.get("promise" if promised else "proof")
    leaf = proven.get("leaf") if isinstance(proven, Mapping) else None
    if isinstance(leaf, Mapping) and leaf.get("v") == VERSION:
        name = "promise" if promised else "proof"
        shapes |= {name: OPENED_FILE[name], "opened": OPENED_SHAPE}
    elif promised:
        shapes["promise"] = PROMISE_SHAPE
    if promised:
        del shapes["proof"]
    return Members(shapes)


def quoted_vouchers(quote: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The vouchers of a quote document of either version, in the order in which they are used."""
    if quote.get("v") == 2:
        return list(quote["vouchers"])
    return [quote["voucher"]] if quote.get("voucher") else []


def voucher_members(vouchers: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """A quote's members about its vouchers: version 1 for at most one, which every site can sign."""
    if len(vouchers) > 1:
        return {"v": 2, "vouchers": [dict(one) for one in vouchers]}
    return {"v": 1, "voucher": dict(vouchers[0]) if vouchers else None}


def sign_receipt(receipt: Mapping[str, Json], private: Ed25519PrivateKey) -> str:
    """The site's signature over a receipt, base 64."""
    return keys.sign(private, domain=RECEIPT_DOMAIN, value=dict(receipt))


def signed_by(receipt: Mapping[str, Json], *, key: str, signature: object) -> bool:
    """Whether the site's signature over a receipt is by that public key."""
    return keys.verify(key, domain=RECEIPT_DOMAIN, value=dict(receipt), signature=signature)


def leaf_members(receipt: Mapping[str, Any], *, site_key: str) -> dict[str, Json]:
    """What the log's leaf says of a receipt, beside its kind: pass it as ``public`` of ``receipt.issued``.

    Naming the site's key in the leaf makes the log a witness of which key had signed.
    """
    return {
        "c": f"centre:{receipt['centre']}",
        "charge_fen": receipt["charge"]["charge_fen"],
        "site_key": site_key,
    }


def leaf_record(receipt: Mapping[str, Json]) -> dict[str, Json]:
    """What stands behind that leaf, beside the receipt's id: pass it as ``private``."""
    return {"receipt": digest(dict(receipt))}


def promise_file(
    *,
    receipt: Mapping[str, Json],
    site: Mapping[str, Json],
    promise: Mapping[str, Json],
    log_key: str,
    opened: Mapping[str, Json] | None,
) -> bytes:
    """The bytes of a receipt file that has the log's promise (:mod:`.promise`) and no proof yet."""
    return _file({"receipt": receipt, "site": site, "promise": promise, "opened": opened}, log_key)


def receipt_file(
    *,
    receipt: Mapping[str, Json],
    site: Mapping[str, Json],
    proof: Mapping[str, Json],
    log_key: str,
    opened: Mapping[str, Json] | None,
) -> bytes:
    """The bytes of a receipt file: canonical JSON and one line end.

    Args:
        receipt: The receipt document.
        site: ``{"agent", "key", "signature"}``.
        proof: ``{"leaf", "index", "size", "hashes", "checkpoint"}``.
        log_key: The log's verifier key.
        opened: ``{"salt", "record"}`` behind the leaf; ``None`` for a leaf of version 1, which has none.
    """
    return _file({"receipt": receipt, "site": site, "proof": proof, "opened": opened}, log_key)


def _file(members: Mapping[str, Mapping[str, Json] | None], log_key: str) -> bytes:
    document = {name: dict(value) for name, value in members.items() if value is not None}
    return canonical({**document, "log_key": log_key}) + b"\n"


def _object(holder: Mapping[str, Any], where: str, name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    if not isinstance(value, Mapping):
        raise _malformed(f"{where}.{name}", value, "{}")
    return value


def _whole(holder: Mapping[str, Any], where: str, name: str) -> int:
    value = holder.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _malformed(f"{where}.{name}", value, "0, 1, 2, …")
    return value


def _malformed(where: str, value: object, wanted: str) -> InputFault:
    return InputFault(MALFORMED, where=where, wanted=wanted, found=ascii(value)[:80])
