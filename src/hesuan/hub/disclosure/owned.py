"""What an owner may take home: their balances under a day's seal, and salt and record behind their leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from hesuan.errors import NotFound, Refused, declare
from hesuan.hub.audit import entries, selectors
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import sealing
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.errors import VOUCHER_NOT_FOUND
from hesuan.hub.programmes.models import Voucher
from hesuan.wire import merkle
from hesuan.wire.canonical import Json, canonical

MAX_ENTRIES = 500
"""Opened leaves in one file, the newest."""
NOT_SEALED = declare(
    "owned.not_sealed",
    en="No seal of log {log} speaks of this voucher yet{day}: a day is sealed once it is over.",
    zh="日志 {log} 尚无涉及本算力券的封存{day}：每日终了后封存。",
)
NOT_LOGGED = declare(
    "owned.not_logged",
    en="No leaf of this voucher is in log {log} yet, or what stood behind them was erased.",
    zh="日志 {log} 中尚无本算力券的条目，或其私有记录均已抹去。",
)
SEAL_DIFFERS = declare(
    "owned.seal_differs",
    en="The seal of {day} has root {sealed}; the journal's balances of that day come to {computed}."
    " No proof is given: `hesuan hub log-check` says more.",
    zh="{day} 封存之根为 {sealed}；当日余额之根为 {computed}。不出具证明，请运行 `hesuan hub log-check`。",
)


def sealed_balances(actor: Actor, voucher_id: str, day: str = "") -> bytes:
    """Every account of a voucher's organisation in the programme, each proven under a day's seal.

    Args:
        actor: One of the organisation's people, or an auditor.
        voucher_id: One of the organisation's vouchers.
        day: Such as ``2026-11-20``; empty: the last that was sealed.

    Raises:
        NotFound: ``voucher.not_found``, ``owned.not_sealed``.
        Refused: ``owned.seal_differs``; ``audit.not_sequenced``.
    """
    voucher = _of(actor, voucher_id)
    log = _log_of(voucher)
    named = Fact.objects.filter(log=log, subject=entries.SEAL, leaf_index__isnull=False)
    found = next(
        (
            one
            for one in named.order_by("-leaf_index")
            if not day or (one.private or {})["record"]["day"] == day
        ),
        None,
    )
    made = None if found is None else sealing.of_seal(found)
    mine = _accounts(voucher.organisation_id) & made.balances.keys() if made else set()
    if found is None or made is None or not mine:
        raise NotFound(NOT_SEALED, log=log, day=f" ({day})" if day else "")
    proof = selectors.inclusion(found)
    leaf = proof["leaf"]
    assert isinstance(leaf, dict)
    if leaf.get("root") != made.root():
        raise Refused(SEAL_DIFFERS, day=made.day, sealed=str(leaf.get("root")), computed=made.root())
    return _file({"balances": _paths(made, mine), "proof": proof}, log, str(proof["checkpoint"]))


def opened_entries(actor: Actor, voucher_id: str) -> bytes:
    """Salt, private record and proof of every leaf about a voucher, the newest :data:`MAX_ENTRIES`.

    Raises:
        NotFound: ``voucher.not_found``, ``owned.not_logged``.
    """
    voucher = _of(actor, voucher_id)
    log = _log_of(voucher)
    about = Fact.objects.filter(log=log, private__record__voucher=voucher.id, leaf_index__isnull=False)
    rows = [fact for fact in about.order_by("-leaf_index")[:MAX_ENTRIES] if fact.private]
    # One checkpoint for all of them: the file names one key.
    under = selectors.covering(log, max((fact.leaf_index or 0 for fact in rows), default=0))
    if not rows or under is None:
        raise NotFound(NOT_LOGGED, log=log)
    opened: list[Json] = [
        {**(fact.private or {}), "proof": selectors.inclusion(fact, under=under)} for fact in rows[::-1]
    ]
    return _file({"entries": opened}, log, under.note)


@dataclass(frozen=True, slots=True)
class Files:
    """Which files about a voucher somebody can be given now."""

    entries: bool
    balances: bool


def files(actor: Actor, voucher: Voucher) -> Files:
    """What is there to be offered: nothing before its first leaf, no balances before its first sealed day."""
    if not may_open(actor, voucher):
        return Files(entries=False, balances=False)
    log, first_day = _log_of(voucher), voucher.issued_at.astimezone(UTC).date().isoformat()
    placed = Fact.objects.filter(log=log, leaf_index__isnull=False)
    told = placed.filter(private__record__voucher=voucher.id).exists()
    seal = placed.filter(subject=entries.SEAL).order_by("-leaf_index").first()
    return Files(
        entries=told, balances=seal is not None and (seal.private or {})["record"]["day"] >= first_day
    )


def may_open(actor: Actor, voucher: Voucher) -> bool:
    """Whether somebody may open what stands behind a voucher's leaves."""
    return actor.has("auditor") or voucher.organisation_id in actor.organisations()


def _of(actor: Actor, voucher_id: str) -> Voucher:
    """A voucher, for its organisation's people and the auditor: an office sees vouchers and opens none."""
    found = programmes.voucher(actor, voucher_id).voucher
    if not may_open(actor, found):
        raise NotFound(VOUCHER_NOT_FOUND, voucher=voucher_id)
    return Voucher.objects.select_related("programme_version").get(pk=found.pk)


def _log_of(voucher: Voucher) -> str:
    return entries.log_of(voucher.programme_version.programme_id)


def _accounts(organisation: str) -> set[str]:
    """Every account that may be an organisation's, in whichever programme."""
    vouchers = Voucher.objects.filter(organisation_id=organisation).values_list("id", flat=True)
    own = {f"{kind}:{organisation}" for kind in ("user", "clawback_receivable")}
    return own | {f"{kind}:{voucher}" for kind in ("voucher", "locked") for voucher in vouchers}


def _paths(made: sealing.Sealed, mine: set[str]) -> list[Json]:
    nodes = merkle.tree(made.leaves())

    def node(level: int, index: int) -> bytes:
        return nodes[level, index]

    return [
        {
            "balance": leaf,
            "place": place,
            "path": [one.hex() for one in merkle.inclusion_proof(place, len(made.balances), node)],
        }
        for place, (account, leaf) in enumerate(made.balances.items())
        if account in mine
    ]


def _file(content: dict[str, Json], log: str, note: str) -> bytes:
    return canonical({**content, "log_key": selectors.log_key_of(note, log)}) + b"\n"
