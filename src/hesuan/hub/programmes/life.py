"""A voucher after its issue: released piece by piece, given up, run out, closed. Part of :mod:`.services`.

A voucher that is over is not paid out of any more, and holds that orders have on it run to their own end.
Only then is it closed: one journal gives the rest back to the budget it came from (or to the appropriation,
where that budget's window is over), and to every limit that had counted it. Nothing is edited.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, counting, engine, errors, rules, selectors
from hesuan.hub.programmes.checks import Verb, need_role, need_voucher_state, need_words
from hesuan.hub.programmes.claimtime import claims_over
from hesuan.hub.programmes.models import ENDS_AT, BudgetYear, Count, Voucher, VoucherStep
from hesuan.hub.programmes.versions import lock
from hesuan.policy.programme import Budget, Cap
from hesuan.policy.tranches import pieces
from hesuan.policy.windows import window_of

State = Voucher.State

SPENDABLE = (State.ACTIVE, State.REDUCED)
LIVING = (State.ISSUED, *SPENDABLE)
OVER = (State.EXHAUSTED, State.EXPIRED, State.SURRENDERED, State.REVOKED)
"""Not paid out of any more, and not closed yet."""
FROZEN = (State.SUSPENDED, State.REVOKED)
"""In these states the ledger itself takes nothing new from the voucher's account."""
RETURNS = ("close", "reduce")
"""Triggers whose amount went back to the budget."""

_OFFICER = ("programme_officer",)


def release_tranche(*, actor: Actor, voucher_id: str, event: str, reason: str) -> Voucher:
    """Records an event of a voucher, such as ``progress_report``, and releases what it unlocks.

    Args:
        actor: A programme officer of its office.
        voucher_id: The voucher.
        event: As the programme's tranches name it; the same event again changes nothing.
        reason: What was seen; public.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.reason_missing``, ``voucher.wrong_state``,
            ``voucher.no_such_event``.
    """
    verb = ("Releasing a tranche", "释放分期额度")
    with transaction.atomic():
        voucher = for_voucher_office(actor, voucher_id, _OFFICER, verb)
        need_words(reason, verb)
        if voucher.steps.filter(trigger="event", detail=event).exists():
            return voucher
        need_voucher_state(voucher, LIVING, verb)
        issuance = engine.programme_of(voucher.programme_version).terms.issuance
        named = [one.release for one in (issuance.tranches if issuance else ())]
        if event not in [one for one in named if isinstance(one, str)]:
            known = ", ".join(sorted(one for one in named if isinstance(one, str))) or "–"
            raise Refused(errors.NO_SUCH_EVENT, event=event[:40], voucher=voucher.code, known=known)
        step(voucher, State(voucher.state), "event", actor, detail=event, reason=reason)
        release_due(voucher, actor, timezone.now())
        return voucher


def release_due(voucher: Voucher, actor: Actor, now: datetime) -> int:
    """Releases every tranche whose event has happened or whose day has come; returns how many.

    The caller holds the voucher's row.
    """
    document = engine.programme_of(voucher.programme_version)
    steps = voucher.steps.all()
    events = [one.detail for one in steps if one.trigger == "event"]
    done = {one.detail for one in steps if one.trigger == "release"}
    award = pieces(
        document,
        voucher.face_fen,
        on=rules.programme_day(now),
        events=events,
        stated=engine.stated(voucher.application.facts),
    )
    due = [one for one in award if one.released and one.id and one.id not in done]
    book = accounts.ledger_of(document.id)
    source, target = accounts.locked_account(voucher.id), accounts.voucher_account(voucher.id)
    for piece in due:
        left = ledger.lock([(book, source), (book, target)])[book, source].available_fen
        fen = min(piece.fen, left)
        if fen:
            event_id = f"release:{voucher.id}:{piece.id}"
            ledger.post_or_raise(
                [counting.transfer(event_id, book, source, target, amount_fen=fen, code="issue")]
            )
        state = State.ACTIVE if voucher.state == State.ISSUED else State(voucher.state)
        step(voucher, state, "release", actor, detail=piece.id, amount_fen=fen, reason=piece.en)
    return len(due)


def surrender(*, actor: Actor, voucher_id: str, reason: str) -> Voucher:
    """Gives a voucher up: nothing new is held of it, and its rest goes back once no order holds any.

    Args:
        actor: An owner of the organisation that holds it.
        voucher_id: The voucher.
        reason: Why; on record.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.reason_missing``, ``voucher.wrong_state``,
            ``voucher.made_by_a_claim``.
    """
    verb = ("Surrendering a voucher", "放弃算力券")
    with transaction.atomic():
        seen = selectors.voucher(actor, voucher_id).voucher
        need_role(actor, seen.organisation, ("owner",), verb)
        need_words(reason, verb)
        if engine.issues_nothing(engine.programme_of(seen.programme_version)):
            raise Refused(errors.MADE_BY_A_CLAIM, voucher=seen.code)
        voucher = locked(seen.id)
        if voucher.state == State.SURRENDERED or came_through(voucher, State.SURRENDERED):
            return voucher
        need_voucher_state(voucher, LIVING, verb)
        step(voucher, State.SURRENDERED, "surrender", actor, reason=reason)
        wind_up(voucher)
        return voucher


def expire_vouchers(now: datetime | None = None) -> int:
    """Ends every voucher whose time is over, and closes those whose last hold has ended since.

    Safe to call as often as one likes. A suspended voucher waits for its decision.

    Returns:
        How many changed.
    """
    at = now or timezone.now()
    done = 0
    due = Voucher.objects.annotate(ends=ENDS_AT).filter(state__in=LIVING, ends__lte=at)
    for voucher_id in list(due.values_list("id", flat=True)):
        done += _expire(voucher_id, at)
    for voucher_id in list(Voucher.objects.filter(state__in=OVER).values_list("id", flat=True)):
        with transaction.atomic():
            done += wind_up(locked(voucher_id), at)
    return done


def after_use(vouchers: Iterable[Voucher]) -> None:
    """Notes vouchers of which nothing is left; :func:`expire_vouchers` closes them.

    They are not closed here: the caller has posted already, and closing takes locks that come before that.
    The caller holds the rows.
    """
    for voucher in vouchers:
        if voucher.state in SPENDABLE and not sum(_standing(voucher)):
            step(voucher, State.EXHAUSTED, "use", SYSTEM)


def wind_up(voucher: Voucher, now: datetime | None = None) -> bool:
    """Closes a voucher that is over, unless an order or a claim still holds some of it, or may come to.

    The caller holds its row.
    """
    if voucher.state not in OVER or _standing(voucher)[1]:
        return False
    if voucher.state == State.EXPIRED and not claims_over(voucher, now or timezone.now()):
        return False
    returned_fen = give_back(voucher, None, subject=f"close:{voucher.id}", closing=True)
    step(voucher, State.CLOSED, "close", SYSTEM, detail="rest", amount_fen=returned_fen)
    return True


def give_back(voucher: Voucher, most_fen: int | None, *, subject: str, closing: bool = False) -> int:
    """Returns what lies unused: voucher → budget, and from every limit that counted it.

    A revoked voucher's account is frozen, and thawed for this journal alone.

    Args:
        voucher: Its row is the caller's.
        most_fen: How much; all without. What is locked is taken last.
        subject: Names the journal's events.
        closing: Whether it also stops counting as active.

    Returns:
        What was returned [fen].
    """
    programme_id = voucher.programme_version.programme_id
    lock(programme_id)
    book = accounts.ledger_of(programme_id)
    home = (book, _home(voucher))
    own = [(book, accounts.voucher_account(voucher.id)), (book, accounts.locked_account(voucher.id))]
    counts = _counts(voucher, closing=closing)
    caps = accounts.caps_ledger_of(programme_id)
    rows = ledger.lock([home, *own, (caps, accounts.COUNTED), *((caps, one.account) for one in counts)])
    left = most_fen if most_fen is not None else sum(rows[ref].available_fen for ref in own if ref in rows)
    events, returned = [], 0
    for place, ref in enumerate(own):
        fen = min(left - returned, rows[ref].available_fen) if ref in rows else 0
        if fen > 0:
            events.append(
                counting.transfer(f"{subject}:{place}", book, ref[1], home[1], amount_fen=fen, code="expire")
            )
            returned += fen
    back = list(_uncounting(voucher, counts, returned, subject))
    frozen = [ref for ref in own if ref in rows and rows[ref].frozen]
    if events or back:
        with ledger.thawed(frozen, actor=SYSTEM.identity_id, reason=subject):
            ledger.post_or_raise([*events, *(event for event, _ in back)])
    _write_back(voucher, back)
    return returned


def step(
    voucher: Voucher,
    to: str,
    trigger: str,
    actor: Actor,
    *,
    detail: str = "",
    reason: str = "",
    amount_fen: int = 0,
    before: str | None = None,
) -> VoucherStep:
    """Writes one transition, moves the voucher to its state and tells the log. The caller holds the row.

    Suspended or revoked, its account is frozen; reinstated, thawed. What ended revoked stays frozen.
    """
    row = VoucherStep.objects.create(
        voucher=voucher,
        from_state=voucher.state if before is None else before,
        to_state=to,
        trigger=trigger,
        detail=detail,
        actor=actor.identity_id,
        reason=reason,
        amount_fen=amount_fen,
        at=timezone.now(),
    )
    if voucher.state != to:
        _freeze_or_thaw(voucher, to, actor, f"{trigger} {detail} {reason}".strip())
        voucher.state = to
        voucher.save(update_fields=["state"])
    if trigger != "issue":
        audit.record(
            kind="voucher.stepped",
            subject=voucher.id,
            actor=actor.identity_id,
            public={
                "programme": voucher.programme_version.programme_id,
                "from": row.from_state,
                "to": to,
                "trigger": trigger,
                "amount_fen": amount_fen,
            },
            private={"organisation": voucher.organisation_id, "detail": detail, "reason": reason},
        )
    return row


def _freeze_or_thaw(voucher: Voucher, to: str, actor: Actor, reason: str) -> None:
    own = accounts.ledger_of(voucher.programme_version.programme_id), accounts.voucher_account(voucher.id)
    if to in FROZEN:
        ledger.freeze([own], actor=actor.identity_id, reason=reason)
    elif voucher.state in FROZEN and to in LIVING:
        ledger.thaw([own], actor=actor.identity_id, reason=reason)


def locked(voucher_id: str) -> Voucher:
    """A voucher whose row nobody else changes until the transaction ends."""
    rows = Voucher.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("programme_version__programme__office", "organisation", "application").get(
        pk=voucher_id
    )


def for_voucher_office(actor: Actor, voucher_id: str, roles: tuple[str, ...], verb: Verb) -> Voucher:
    """The voucher under lock, for somebody with a role in its programme's office.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``.
    """
    seen = selectors.voucher(actor, voucher_id).voucher
    need_role(actor, seen.programme_version.programme.office, roles, verb)
    return locked(seen.id)


def came_through(voucher: Voucher, state: str) -> bool:
    """Whether a closed voucher ended that way."""
    return voucher.state == State.CLOSED and voucher.steps.filter(to_state=state).exists()


def _expire(voucher_id: str, at: datetime) -> bool:
    with transaction.atomic():
        voucher = locked(voucher_id)
        if voucher.state not in LIVING or voucher.ends_at is None or voucher.ends_at > at:
            return False
        step(voucher, State.EXPIRED, "expire", SYSTEM)
        wind_up(voucher, at)
        return True


def _standing(voucher: Voucher) -> tuple[int, int, int]:
    """What can be spent, what orders hold, and what is locked [fen]."""
    view = selectors.view_of(voucher)
    return view.available_fen, view.held_fen, view.locked_fen


def _home(voucher: Voucher) -> str:
    """Where the rest goes: the budget's account while the window it came from is open."""
    document = engine.programme_of(voucher.programme_version)
    budget = rules.funding_budget(document)
    if budget is None or not isinstance(budget.window, str):
        return accounts.APPROPRIATION
    start = document.fiscal_year_start
    window = rules.window_of(
        budget.window,
        rules.programme_day(voucher.issued_at),
        fiscal_year_start=start if isinstance(start, tuple) else (1, 1),
    )
    same = BudgetYear.objects.filter(
        programme_id=document.id, budget=budget.id, window=window, closed_at=None
    )
    return accounts.BUDGET if same.exists() else accounts.APPROPRIATION


def _counts(voucher: Voucher, *, closing: bool) -> list[Count]:
    """What its issue counted and its return takes back; a claim that was made stays made.

    What was counted with a claim after use comes back with the claim's lines, but for its being active.
    """
    after_use = engine.issues_nothing(engine.programme_of(voucher.programme_version))
    kinds = [*([] if after_use else ["issued"]), *(["active"] if closing else [])]
    return list(voucher.counts.filter(counts__in=kinds, amount_fen__gt=0).order_by("id"))


def _uncounting(
    voucher: Voucher, counts: list[Count], returned_fen: int, subject: str
) -> Iterable[tuple[ledger.Event, Count]]:
    """What leaves a rolling window by itself is not given back a second time."""
    before = sum(one.amount_fen for one in voucher.steps.filter(trigger__in=RETURNS))
    caps = accounts.caps_ledger_of(voucher.programme_version.programme_id)
    for place, one in enumerate(counts):
        fen = (
            one.amount_fen
            if one.counts == "active"
            else rules.given_back(
                one.amount_fen, voucher.face_fen, before_fen=before, returned_fen=returned_fen
            )
        )
        if fen and not _has_left(voucher, one):
            event_id = f"{subject}:count:{place}"
            yield (
                counting.transfer(
                    event_id, caps, accounts.COUNTED, one.account, amount_fen=fen, code="reverse"
                ),
                one,
            )


def _has_left(voucher: Voucher, count: Count) -> bool:
    """Whether an amount was counted before its rolling window begins today."""
    document = engine.programme_of(voucher.programme_version)
    limits: tuple[Cap | Budget, ...] = (*document.caps, *document.budgets)
    rule = next((one.window for one in limits if one.id == count.rule), None)
    if not isinstance(rule, str) or not rule.startswith("rolling"):
        return False
    return not window_of(rule, rules.programme_day(timezone.now())).holds(count.day)


def _write_back(voucher: Voucher, back: list[tuple[ledger.Event, Count]]) -> None:
    now = timezone.now()
    Count.objects.bulk_create(
        Count(
            id=event.id,
            programme_id=voucher.programme_version.programme_id,
            voucher=voucher,
            rule=one.rule,
            counts=one.counts,
            account=one.account,
            day=one.day,
            amount_fen=-event.amount_fen,
            at=now,
        )
        for event, one in back
    )
