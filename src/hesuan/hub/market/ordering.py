"""Accepting quotes and booking deposits: where the market meets the ledger. Part of :mod:`.services`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.utils import timezone

from hesuan.errors import Conflict, HesuanError, InputFault, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.services import Event, LedgerRefused, Refusal
from hesuan.hub.market import accounts, rules, selectors
from hesuan.hub.market.capping import need_below_cap
from hesuan.hub.market.checks import check_positive, need_role
from hesuan.hub.market.models import Deposit, Order, Quote
from hesuan.hub.market.stops import need_no_stop
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.rules import Item, Use
from hesuan.money import format_yuan
from hesuan.wire.canonical import Json, digest
from hesuan.wire.ids import is_id
from hesuan.wire.receipt import quoted_vouchers

NOT_AN_ORDER_ID = declare(
    "order.id_malformed",
    en="`{order}` cannot be an order's id: it is a ULID of 26 characters that you choose once per order.",
    zh="“{order}”不能作为订单编号：应为 26 个字符的 ULID，每个订单由您选定一次。",
)
ORDER_ID_TAKEN = declare(
    "order.id_taken",
    en="Order {order} already stands for another quote, not for {quote}. Choose a new order id.",
    zh="订单编号 {order} 已用于另一份报价单，而不是 {quote}。请使用新的订单编号。",
)
QUOTE_TAKEN = declare(
    "quote.already_accepted",
    en="Quote {quote} was accepted before, as order {before}; a quote is accepted once. Ask for new quotes.",
    zh="报价单 {quote} 已被接受，对应订单 {before}；一份报价单只能接受一次。请重新询价。",
)
QUOTE_EXPIRED = declare(
    "quote.expired",
    en="Quote {quote} was valid until {valid_until}; it is {now}. Ask for new quotes.",
    zh="报价单 {quote} 的有效期至 {valid_until}，现在是 {now}。请重新询价。",
)
QUOTE_ALTERED = declare(
    "quote.altered",
    en="Quote {quote} has digest {now}, not the {before} it was made with. It cannot be accepted; tell the"
    " platform's operator.",
    zh="报价单 {quote} 的摘要为 {now}，与生成时的 {before} 不符，不能接受。请告知平台运营方。",
)
BALANCE_TOO_SMALL = declare(
    "order.balance_insufficient",
    en="This order holds {asked} of your own money; {organisation} has {available} available"
    " ({held} is held by other orders). Pay in {missing} or more and accept again as a new order.",
    zh="本订单需冻结自有资金 {asked}，{organisation} 可用余额为 {available}（其他订单已冻结 {held}）。"
    "请充值至少 {missing}，再以新订单接受。",
)
VOUCHER_TOO_SMALL = declare(
    "order.voucher_insufficient",
    en="This order holds {asked} on voucher {voucher}, which has {available} available ({held} is held)."
    " Ask for new quotes: they plan with what is left.",
    zh="本订单需冻结算力券 {voucher} {asked}，其可用额为 {available}（已冻结 {held}）。"
    "请重新询价，新报价将按余额安排。",
)
LIMIT_TOO_SMALL = declare(
    "order.limit_insufficient",
    en="This order would redeem up to {asked} of voucher {voucher}; a limit of its programme on what is"
    " redeemed has {available} left ({held} is held by other orders). Ask for new quotes: they plan with what"
    " is left.",
    zh="本订单至多使用算力券 {voucher} {asked}，而其计划对已兑付额的上限只余 {available}"
    "（其他订单已冻结 {held}）。请重新询价，新报价将按余额安排。",
)
DEPOSIT_DIFFERS = declare(
    "deposit.id_taken",
    en="Deposit {deposit} was booked as {before} for {organisation}; it is not booked again as {asked}.",
    zh="充值 {deposit} 已为 {organisation} 入账 {before}，不会再以 {asked} 入账。",
)
NOT_A_DEPOSIT_ID = declare(
    "deposit.id_malformed",
    en="`{deposit}` cannot be a deposit's id: 1 to 40 letters, digits, `-`, `_` or `.`.",
    zh="“{deposit}”不能作为充值编号：应为 1 至 40 个字母、数字或 `-`、`_`、`.`。",
)

_DEPOSIT_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")


def accept_quote(*, actor: Actor, quote_id: str, order_id: str) -> Order:
    """Accepts a quote: every voucher of it and own money are held in one journal, or nothing is.

    This makes no run; :func:`hesuan.hub.runs.services.place_order` does both.

    Args:
        actor: An owner of the organisation that asked.
        quote_id: The quote.
        order_id: A ULID chosen by the caller; the same id again is the same order.

    Raises:
        NotFound: ``quote.not_found``, for strangers too.
        Refused: ``market.role_missing``, ``quote.expired``, ``quote.altered``,
            ``order.related_parties``, ``flag.stands``, ``order.hold_capped``,
            ``order.balance_insufficient``, ``order.voucher_insufficient``, or another refusal of the ledger.
        Conflict: ``order.id_taken``, ``quote.already_accepted``.
        InputFault: ``order.id_malformed``.
    """
    with accepting(actor, quote_id):
        return take_quote(actor=actor, quote_id=quote_id, order_id=order_id)


@contextmanager
def accepting(actor: Actor, quote_id: str) -> Iterator[None]:
    """One transaction around :func:`take_quote` and what must happen with it.

    A refusal of the ledger is remembered by the ledger after the rollback, so that a late copy of a refused
    acceptance cannot spend; outside, it is told in the order's own words.
    """
    try:
        with ledger.atomic():
            yield
    except LedgerRefused as refused:
        raise _in_words(refused, selectors.quote(actor, quote_id)) from refused


def take_quote(*, actor: Actor, quote_id: str, order_id: str) -> Order:
    """:func:`accept_quote` inside :func:`accepting`."""
    if not is_id(order_id):
        raise InputFault(NOT_AN_ORDER_ID, where="order_id", order=order_id[:80])
    quote = selectors.quote(actor, quote_id)
    need_role(actor, "owner", quote.request.organisation_id, ("Accepting a quote", "接受报价"))
    quote = (
        Quote.objects.select_for_update(of=("self",)).select_related("request", "offering").get(pk=quote.id)
    )
    before = _order_before(quote, order_id)
    if before is not None:
        return before
    now = timezone.now()
    _check_acceptable(quote, now)
    uses = voucher_uses(quote.document, order_id)
    need_no_stop(actor, quote, [use.voucher_id for use in uses])
    need_below_cap(quote.request.organisation_id, uses)
    ledger.open_account(
        ledger=accounts.CNY,
        key=accounts.organisation_account(quote.request.organisation_id),
        kind="organisation",
    )
    journal = holds(quote.document, order_id, at=quote.request.created_at)
    if journal:
        ledger.post_or_raise(journal)
    order = Order.objects.create(
        id=order_id,
        quote=quote,
        organisation_id=quote.request.organisation_id,
        centre_id=quote.offering.centre_id,
        accepted_by=actor.identity_id,
        accepted_at=now,
    )
    quote.state = Quote.State.ACCEPTED
    quote.save(update_fields=["state"])
    audit.record(
        kind="order.placed",
        subject=order.id,
        actor=actor.identity_id,
        public={"max_charge_fen": quote.document["max_charge_fen"]},
        private={"quote": quote.document, "digest": quote.digest},
    )
    return order


def _order_before(quote: Quote, order_id: str) -> Order | None:
    """The same acceptance, made before; None where this is the first.

    Raises:
        Conflict: the order id or the quote is taken by another.
    """
    by_id = Order.objects.filter(pk=order_id).first()
    if by_id is not None and by_id.quote_id != quote.id:
        raise Conflict(ORDER_ID_TAKEN, order=order_id, quote=quote.id)  # whose it is, is not told
    if by_id is not None:
        return by_id
    by_quote = Order.objects.filter(quote=quote).first()
    if by_quote is not None:
        raise Conflict(QUOTE_TAKEN, quote=quote.id, before=by_quote.id)
    return None


def _check_acceptable(quote: Quote, now: datetime) -> None:
    found = digest(quote.document)
    if found != quote.digest:
        raise Refused(QUOTE_ALTERED, quote=quote.id, before=quote.digest, now=found)
    if rules.is_expired(quote.valid_until, now):
        raise Refused(QUOTE_EXPIRED, quote=quote.id, valid_until=_time(quote.valid_until), now=_time(now))


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def holds(document: Mapping[str, Json], order_id: str, *, at: datetime) -> list[Event]:
    """The journal that accepting a quote posts: holds on vouchers, on limits on their use, on own money.

    They never expire: a hold that ended before its run was accounted for would lose somebody money.

    Args:
        document: The quote.
        order_id: The order's.
        at: The moment of the quote.

    Raises:
        Refused: ``voucher.not_usable``.
    """
    own = _copay_hold(document, order_id)
    uses = voucher_uses(document, order_id)
    if not uses:
        return own
    highest = document["max_charge_fen"]
    assert isinstance(highest, int)
    also = [(event.ledger, key) for event in own for key in (event.debit, event.credit)]
    return [
        *programmes.hold(
            uses=uses,
            charge_fen=highest,
            centre_id=str(document["centre"]),
            at=at,
            item=Item.of_quote(document),
            also=also,
        ),
        *own,
    ]


def voucher_uses(document: Mapping[str, Json], order_id: str) -> list[Use]:
    """What an order holds of vouchers, as its quote says, in the order of use."""
    return [
        Use(accounts.voucher_hold_id(order_id, place), str(one["voucher"]), int(one["max_fen"]))
        for place, one in enumerate(quoted_vouchers(document))
    ]


def _copay_hold(document: Mapping[str, Json], order_id: str) -> list[Event]:
    copay_fen = document["copay_max_fen"]
    assert isinstance(copay_fen, int)
    if copay_fen <= 0:
        return []
    return [
        Event(
            id=accounts.copay_hold_id(order_id),
            kind="hold",
            ledger=accounts.CNY,
            amount_fen=copay_fen,
            code="hold",
            debit=accounts.organisation_account(str(document["organisation"])),
            credit=accounts.centre_account(str(document["centre"])),
        )
    ]


def _in_words(refused: LedgerRefused, quote: Quote) -> HesuanError:
    """A ledger's refusal in the order's words; any other stays as it is."""
    if refused.refusal != Refusal.AVAILABLE_EXCEEDED:
        return refused
    asked, available = int(str(refused.facts["asked_fen"])), int(str(refused.facts["available_fen"]))
    amounts: dict[str, Any] = {
        "asked_fen": asked,
        "available_fen": available,
        "asked": format_yuan(asked),
        "available": format_yuan(available),
        "held": format_yuan(int(str(refused.facts["held_fen"]))),
    }
    book = str(refused.facts["ledger"])
    if book.startswith("caps:"):
        return Refused(LIMIT_TOO_SMALL, voucher=_codes(quote, "programme", book.partition(":")[2]), **amounts)
    if book != accounts.CNY:
        voucher_id = str(refused.facts["account"]).partition(":")[2]
        return Refused(VOUCHER_TOO_SMALL, voucher=_codes(quote, "voucher", voucher_id), **amounts)
    missing = format_yuan(asked - available)
    return Refused(
        BALANCE_TOO_SMALL, organisation=quote.request.organisation.name, missing=missing, **amounts
    )


def _codes(quote: Quote, member: str, value: str) -> str:
    """Codes of the quote's vouchers of which a member has a value, for people."""
    return ", ".join(one["code"] for one in quoted_vouchers(quote.document) if one[member] == value)


def expire_quotes(now: datetime | None = None) -> int:
    """Marks open quotes whose time is over; acceptance checks the time itself, this is for readers."""
    over = Quote.objects.filter(state=Quote.State.OPEN, valid_until__lte=now or timezone.now())
    return over.update(state=Quote.State.EXPIRED) if over.exists() else 0


def mark_settled(order_id: str) -> None:
    """Closes an order, inside the transaction that settles it."""
    Order.objects.filter(pk=order_id).update(state=Order.State.SETTLED)


def deposit(*, actor: Actor, organisation_id: str, amount_fen: int, deposit_id: str) -> Deposit:
    """Books money an organisation paid in, once per ``deposit_id``.

    Args:
        actor: The platform's operator, who saw the money arrive.
        organisation_id: Whose money it is.
        amount_fen: How much [fen].
        deposit_id: Chosen by the caller, such as the bank's own reference; again with the same content is the
            same deposit.

    Raises:
        NotFound: ``identity.organisation_not_found``, for strangers too.
        Refused: ``market.role_missing``, or a refusal of the ledger.
        Conflict: ``deposit.id_taken``.
        InputFault: ``market.not_positive``, ``deposit.id_malformed``.
    """
    check_positive(amount_fen=amount_fen)
    if not _DEPOSIT_ID.fullmatch(deposit_id):
        raise InputFault(NOT_A_DEPOSIT_ID, where="deposit_id", deposit=deposit_id[:80])
    with ledger.atomic():
        organisation = identity.organisation(actor, organisation_id)
        if not actor.has("platform_operator"):
            need_role(actor, "platform_operator", organisation_id, ("Booking a deposit", "入账充值"))
        ledger.open_account(ledger=accounts.CNY, key=accounts.BANK, kind="bank", may_overdraw=True)
        account = accounts.organisation_account(organisation_id)
        ledger.open_account(ledger=accounts.CNY, key=account, kind="organisation")
        before = Deposit.objects.filter(pk=deposit_id).select_related("organisation").first()
        if before is not None:
            return _same_deposit(before, organisation_id, amount_fen)
        ledger.post_or_raise([_deposit_event(deposit_id, account, amount_fen)])
        booked = Deposit.objects.create(
            id=deposit_id,
            organisation=organisation,
            amount_fen=amount_fen,
            booked_by=actor.identity_id,
            booked_at=timezone.now(),
        )
        audit.record(
            kind="deposit.booked",
            subject=deposit_id,
            actor=actor.identity_id,
            private={"organisation": organisation_id, "amount_fen": amount_fen},
        )
        return booked


def _deposit_event(deposit_id: str, account: str, amount_fen: int) -> Event:
    return Event(
        id=f"deposit:{deposit_id}",
        kind="transfer",
        ledger=accounts.CNY,
        amount_fen=amount_fen,
        code="deposit",
        debit=accounts.BANK,
        credit=account,
    )


def _same_deposit(before: Deposit, organisation_id: str, amount_fen: int) -> Deposit:
    if before.organisation_id != organisation_id or before.amount_fen != amount_fen:
        raise Conflict(
            DEPOSIT_DIFFERS,
            deposit=before.id,
            organisation=before.organisation.name,
            before=format_yuan(before.amount_fen),
            asked=format_yuan(amount_fen),
        )
    return before
