"""What centres sell and for how much: publish an offering, give it a price. Part of :mod:`.services`."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.errors import InputFault, NotFound, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.centres import selectors as centres
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.market import accounts, selectors
from hesuan.hub.market.checks import INTERVAL_EMPTY, PRICE_OPEN, check_positive, need_role
from hesuan.hub.market.models import Offering, Price
from hesuan.hub.planning.services import card_named
from hesuan.hub.programmes.engine import SOLD
from hesuan.hub.programmes.rules import LINE_KIND

MEMORY_UNKNOWN = declare(
    "offering.memory_unknown",
    en="The agent of {centre} has not reported an inventory yet: start it, or give `memory_bytes`.",
    zh="{centre} 的站点代理尚未上报清单：请先启动代理，或给出 `memory_bytes`。",
)

KIND_NOT_SOLD = declare(
    "offering.kind_not_sold",
    en="`{kind}` is not a kind of line that a run meters, so it cannot be sold here. Known are: {known}.",
    zh="“{kind}”不是作业可以计量的项目类别，不能在此出售。可用的有：{known}。",
)


def publish_offering(
    *,
    actor: Actor,
    centre_id: str,
    title: str,
    cores: int,
    fen_per_core_hour: int | None,
    memory_bytes: int | None = None,
    line_kind: str = LINE_KIND,
    card: str = "",
) -> Offering:
    """Publishes what a centre sells. Without a price the offering is shown and cannot quote.

    Args:
        actor: An operator of the centre.
        centre_id: Whose offering it is.
        title: For people.
        cores: Most cores one run may hold.
        fen_per_core_hour: Price from now on; None to publish one later.
        memory_bytes: Most memory one run may use; by default what the agent's inventory says.
        line_kind: What programmes' rules take it for; on the public log, since money follows from it.
        card: Its accelerator card, by a name of the planner's catalogue; empty where it has none.

    Raises:
        NotFound: for strangers to the centre.
        Refused: ``market.role_missing``, ``offering.memory_unknown``.
        InputFault: ``market.not_positive``, ``offering.kind_not_sold``, ``planner.unknown_name``.
    """
    check_positive(cores=cores, fen_per_core_hour=fen_per_core_hour, memory_bytes=memory_bytes)
    if line_kind not in SOLD:
        raise InputFault(KIND_NOT_SOLD, where="line_kind", kind=line_kind, known=", ".join(SOLD))
    known = card_named(card) if card else None
    with transaction.atomic():
        centre = centres.inner_centre(actor, centre_id)
        need_role(actor, "centre_operator", centre.organisation_id, ("Publishing an offering", "发布产品"))
        inventory = centres.newest_inventory(centre_id)
        memory_bytes = memory_bytes or (inventory.body["memory_bytes"] if inventory else None)
        if memory_bytes is None:
            raise Refused(MEMORY_UNKNOWN, centre=centre.name)
        offering = Offering.objects.create(
            centre=centre,
            title=title,
            cores=cores,
            memory_bytes=memory_bytes,
            line_kind=line_kind,
            card=known.name if known else "",
        )
        ledger.open_account(ledger=accounts.CNY, key=accounts.centre_account(centre_id), kind="centre")
        audit.record(
            kind="offering.published",
            subject=offering.id,
            actor=actor.identity_id,
            public={
                "c": f"centre:{centre_id}",
                "offering": f"offering:{offering.id}",
                "cores": cores,
                "memory_bytes": str(offering.memory_bytes),
                "line_kind": line_kind,
                "card": offering.card,
            },
        )
        if fen_per_core_hour is not None:
            _set_price(actor, offering, fen_per_core_hour, timezone.now(), None)
    return offering


def set_price(
    *,
    actor: Actor,
    offering_id: str,
    fen_per_core_hour: int,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
) -> Price:
    """Gives an offering a new price from a moment on; the open one before it ends there.

    Quotes made before keep the price they carry.

    Raises:
        NotFound: ``offering.not_found``.
        Refused: ``market.role_missing``.
        InputFault: ``market.not_positive``, ``market.interval_empty``, ``market.price_open``.
    """
    check_positive(fen_per_core_hour=fen_per_core_hour)
    with transaction.atomic():
        offering = Offering.objects.select_for_update(of=("self",)).filter(pk=offering_id).first()
        if offering is None:
            raise NotFound(selectors.NO_OFFERING, offering=offering_id)
        centre = centres.centre(actor, offering.centre_id)
        need_role(actor, "centre_operator", centre.organisation_id, ("Setting a price", "定价"))
        return _set_price(actor, offering, fen_per_core_hour, valid_from or timezone.now(), valid_to)


def _set_price(
    actor: Actor,
    offering: Offering,
    fen_per_core_hour: int,
    valid_from: datetime,
    valid_to: datetime | None,
) -> Price:
    if valid_to is not None and valid_to <= valid_from:
        raise InputFault(INTERVAL_EMPTY, where="valid_to", valid_from=valid_from, valid_to=valid_to)
    if valid_to is None:
        opened = Price.objects.filter(offering=offering, valid_to__isnull=True)
        if later := opened.filter(valid_from__gte=valid_from).first():
            begins = later.valid_from
            raise InputFault(PRICE_OPEN, where="valid_from", begins=begins, valid_from=valid_from)
        opened.update(valid_to=valid_from)
    price = Price.objects.create(
        offering=offering, fen_per_core_hour=fen_per_core_hour, valid_from=valid_from, valid_to=valid_to
    )
    audit.record(
        kind="offering.priced",
        subject=offering.id,
        actor=actor.identity_id,
        public={
            "c": f"centre:{offering.centre_id}",
            "offering": f"offering:{offering.id}",
            "fen_per_core_hour": fen_per_core_hour,
        },
        private={"price": price.id},
    )
    return price
