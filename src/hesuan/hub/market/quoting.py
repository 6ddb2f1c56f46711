"""From one offering and one work order to a draft quote or a refusal. Reads only; nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hesuan.hub.centres import selectors as centres
from hesuan.hub.centres.models import Centre
from hesuan.hub.market import reasons, rules
from hesuan.hub.market.models import Offering, Price
from hesuan.hub.market.reasons import Reason
from hesuan.hub.market.selectors import price_at
from hesuan.hub.market.work import WorkOrder
from hesuan.hub.planning.services import Prediction, absence, card_named, predict
from hesuan.hub.programmes.rules import Item, Plan, Use, VoucherShare
from hesuan.hub.programmes.services import plan_voucher, plan_vouchers, redeem
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id
from hesuan.wire.messages import FETCHES_INPUTS, format_at
from hesuan.wire.receipt import voucher_members


@dataclass(frozen=True, slots=True)
class Draft:
    """A quote before it is known where it ranks."""

    offering: Offering
    document: dict[str, Json]
    """Complete except for ``reasons`` of rank."""
    candidate: rules.Candidate
    valid_until: datetime
    has_evidence: bool


@dataclass(frozen=True, slots=True)
class _Bound:
    """What limits a run and how it is priced."""

    price: Price
    prediction: Prediction | None
    limit_s: int
    max_charge_fen: int

    @property
    def forecast(self) -> Prediction | None:
        """The prediction where evidence stands behind it; a script's own bound is no evidence."""
        found = self.prediction
        return found if found is not None and found.kind != "assumed" else None


def answer(
    offering: Offering, work: WorkOrder, *, organisation_id: str, at: datetime
) -> Draft | rules.Refusal:
    """What one offering answers to a work order at a moment."""
    site = _site(offering)
    refusal = rules.unfit(work, site)
    if refusal is not None:
        return refusal
    bound = _bound(offering, work, site, at)
    if isinstance(bound, rules.Refusal):
        return bound
    chosen, plan = _vouchers(offering, bound, organisation_id, at)
    return _draft(offering, work, bound, chosen, plan, organisation_id=organisation_id, at=at)


def with_rank(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts, best first, each with the reason for its place in front of the others."""
    order = rules.rank([draft.candidate for draft in drafts])
    ranked = []
    for place, index in enumerate(order, start=1):
        draft = drafts[index]
        per_yuan = draft.document["units_per_yuan"]
        reason = reasons.ranked(
            place=place,
            of=len(drafts),
            units_per_yuan=str(per_yuan) if per_yuan is not None else None,
            has_evidence=draft.has_evidence,
        )
        others = draft.document["reasons"]
        assert isinstance(others, list)
        draft.document["reasons"] = [reason.document(), *others]
        ranked.append(draft)
    return ranked


def _site(offering: Offering) -> rules.Site:
    centre = offering.centre
    newest = centres.newest_inventory(centre.id)
    apps = [str(entry["name"]) for entry in newest.body.get("apps", [])] if newest else []
    agent = centres.agent_for(centre.id)
    return rules.Site(
        title=offering.title,
        centre=centre.name,
        admitted=centre.state == Centre.State.ADMITTED,
        has_agent=agent is not None,
        drains=agent is not None and not centres.takes_work(agent),
        cores=offering.cores,
        memory_bytes=offering.memory_bytes,
        apps=tuple(sorted(apps)),
        scripts_allowed=centres.allows_scripts(centre.id),
        takes_inputs=centres.takes_orders(centre.id) >= FETCHES_INPUTS,
    )


def _bound(offering: Offering, work: WorkOrder, site: rules.Site, at: datetime) -> _Bound | rules.Refusal:
    price = price_at(offering.id, at)
    if price is None:
        return rules.no_price(site, at)
    prediction = predict(centre_id=offering.centre_id, work=work.document())
    known = prediction is not None and prediction.kind != "assumed"
    limit_s = rules.time_limit_s(work, prediction.high_ms if prediction is not None and known else None)
    if limit_s is None:
        why = absence(centre_id=offering.centre_id, work=work.document())
        return rules.no_evidence(site, work, why=why.en, why_zh=why.zh)
    highest = rules.highest_charge_fen(
        limit_s=limit_s, cores=work.cores, fen_per_core_hour=price.fen_per_core_hour
    )
    if highest is None:
        return rules.too_dear(limit_s=limit_s, cores=work.cores)
    return _Bound(price, prediction, limit_s, highest)


Chosen = tuple[VoucherShare, ...]
"""The vouchers an order would hold, in the order of use."""


def _vouchers(offering: Offering, bound: _Bound, organisation_id: str, at: datetime) -> tuple[Chosen, Plan]:
    """The vouchers an order would hold, and what was found about all of them.

    The lawful set that pays most; only one where the site could not check and sign a receipt of several.
    """
    if bound.max_charge_fen == 0:
        return (), Plan((), ())
    asked: Any = {
        "organisation_id": organisation_id,
        "centre_id": offering.centre_id,
        "charge_fen": bound.max_charge_fen,
        "at": at,
        "item": _item(offering),
    }
    plan = plan_vouchers(**asked)
    if len(plan.shares) < 2 or centres.signs_receipts(offering.centre_id) >= 2:
        return plan.shares, plan
    alone = plan_voucher(**asked)
    return (alone,) if alone is not None else (), plan


def _draft(
    offering: Offering,
    work: WorkOrder,
    bound: _Bound,
    chosen: Chosen,
    plan: Plan,
    *,
    organisation_id: str,
    at: datetime,
) -> Draft:
    terms = _terms(offering, work, bound, organisation_id)
    forecast = bound.forecast
    mid_ms = forecast.mid_ms if forecast else bound.limit_s * 1000
    expected_fen = rules.expected_charge_fen(terms, mid_ms)
    pays = _payer(chosen, offering.centre_id, at, _item(offering))
    copay_max = _copay_max(bound.max_charge_fen, expected_fen, pays)
    own = rules.own_cost_fen(
        mid_ms=mid_ms,
        cores=work.cores,
        fen_per_core_hour=bound.price.fen_per_core_hour,
        copay_fen=bound.max_charge_fen - pays(bound.max_charge_fen),
        whole_fen=bound.max_charge_fen,
    )
    ends = rules.valid_until(at, bound.price.valid_to)
    document: dict[str, Json] = {
        **terms,
        **voucher_members([_told(one) for one in chosen]),
        "expected": {
            "charge_fen": expected_fen,
            "voucher_fen": pays(expected_fen),
            "copay_fen": expected_fen - pays(expected_fen),
        },
        "copay_max_fen": copay_max,
        "units_per_yuan": rules.units_per_yuan(work.units, own) if forecast else None,
        "valid_until": format_at(ends),
        "reasons": [
            *(reason.document() for reason in _evidence_reasons(offering, work, bound)),
            *(reason.document() for reason in _price_reasons(work, bound)),
            *(reason.document() for reason in _voucher_reasons(bound, chosen, copay_max)),
            *(reason.document() for reason in _other_vouchers(chosen, plan)),
            *(reason.document() for reason in _unsure(bound, terms)),
            reasons.charged_by(rules.CHARGE_RULE).document(),
        ],
    }
    candidate = rules.Candidate(offering.id, own if forecast else None, mid_ms, copay_max)
    return Draft(offering, document, candidate, ends, has_evidence=forecast is not None)


def _terms(offering: Offering, work: WorkOrder, bound: _Bound, organisation_id: str) -> dict[str, Json]:
    """The part of a quote document that the charge follows from."""
    digest = centres.app_digest_at(offering.centre_id, work.app) if work.kind == "app" else None
    item = _item(offering)
    return {
        "id": new_id(),
        "organisation": organisation_id,
        "work": work.document(),
        "app_digest": digest,
        "centre": offering.centre_id,
        "offering": offering.id,
        "offering_title": offering.title,
        "cores": work.cores,
        "line": {"kind": item.kind, "card": item.card or None, "origin": item.origin or None},
        "price": {"id": bound.price.id, "fen_per_core_hour": bound.price.fen_per_core_hour},
        "prediction": bound.prediction.document() if bound.prediction else None,
        "time_limit_s": bound.limit_s,
        "max_charge_fen": bound.max_charge_fen,
        "charge_rule": dict(rules.CHARGE_RULE),
    }


def _item(offering: Offering) -> Item:
    """What the offering sells, with what the catalogue knows of its card; the quote binds it."""
    known = card_named(offering.card) if offering.card else None
    return Item(offering.line_kind, offering.card, known.origin if known else "")


def _payer(chosen: Chosen, centre_id: str, at: datetime, item: Item) -> Callable[[int], int]:
    """What the vouchers would pay of a smaller charge [fen → fen], by their rules; never above the plan."""
    uses = [Use("", one.voucher_id, one.subsidy_fen) for one in chosen]

    def pays(charge_fen: int) -> int:
        if not chosen or charge_fen == 0:
            return 0
        if charge_fen == chosen[0].charge_fen:
            return sum(one.subsidy_fen for one in chosen)
        shares = redeem(uses=uses, charge_fen=charge_fen, centre_id=centre_id, at=at, item=item)
        return sum(one.subsidy_fen for one in shares)

    return pays


def _copay_max(max_charge_fen: int, expected_fen: int, pays: Callable[[int], int]) -> int:
    """The most the user's own part can be [fen].

    That is what the vouchers leave of the highest charge, unless a rule pays less than in proportion on a
    smaller one (a floor below which it pays nothing): then the own part could be larger there, and the whole
    charge is held instead of a guess.
    """
    most = max_charge_fen - pays(max_charge_fen)
    smaller = {expected_fen, most + 1, *(max_charge_fen // part for part in (2, 4, 10))}
    exceeded = any(charge - pays(charge) > most for charge in smaller if most < charge <= max_charge_fen)
    return max_charge_fen if exceeded else most


def _told(voucher: VoucherShare) -> dict[str, Json]:
    """A voucher as a quote names it."""
    return {
        "voucher": voucher.voucher_id,
        "code": voucher.code,
        "programme": voucher.programme_id,
        "programme_version": voucher.version_id,
        "max_fen": voucher.subsidy_fen,
    }


def _evidence_reasons(offering: Offering, work: WorkOrder, bound: _Bound) -> Iterator[Reason]:
    if bound.prediction is None:
        return
    yield from (Reason(line.en, line.zh) for line in bound.prediction.reasons)
    if bound.forecast is not None:
        points = centres.evidence(offering.centre_id, work.app, work.cores)
        newest = max(points, key=lambda point: point.at)
        yield reasons.measured(newest_at=newest.at, is_run=newest.source != "benchmark")


def _price_reasons(work: WorkOrder, bound: _Bound) -> Iterator[Reason]:
    price, forecast = bound.price, bound.forecast
    yield reasons.priced(
        fen_per_core_hour=price.fen_per_core_hour,
        cores=work.cores,
        valid_from=price.valid_from,
        valid_to=price.valid_to,
    )
    yield reasons.bounded(
        limit_s=bound.limit_s,
        user_set=work.time_limit_s is not None,
        high_ms=forecast.high_ms if forecast else None,
        max_charge_fen=bound.max_charge_fen,
    )


def _voucher_reasons(bound: _Bound, chosen: Chosen, copay_max_fen: int) -> Iterator[Reason]:
    if not chosen:
        yield reasons.no_voucher()
    for voucher in chosen:
        yield reasons.voucher_pays(
            code=voucher.code,
            rule=f"{voucher.programme_id} v{voucher.version} ({voucher.version_digest[:19]}…)",
            most_fen=voucher.subsidy_fen,
            of_fen=bound.max_charge_fen,
            own_max_fen=copay_max_fen,
        )
        for line in voucher.trace:
            cited = f" [{line.citing}]" if line.citing else ""
            yield Reason(f"{line.en}{cited}", f"{line.zh}{cited}")
    if len(chosen) > 1:
        yield reasons.given_back_last_first()


def _other_vouchers(chosen: Chosen, plan: Plan) -> Iterator[Reason]:
    """In which order they are used; what the holder's other vouchers would pay, and why they do not."""
    pays = sum(one.subsidy_fen for one in chosen)
    if chosen and plan.subsidy_fen > pays:
        yield reasons.one_of_several(
            code=chosen[0].code,
            fen=pays,
            together=", ".join(share.code for share in plan.shares),
            together_fen=plan.subsidy_fen,
        )
    yield from (Reason(line.en, line.zh) for line in plan.reasons)


def _unsure(bound: _Bound, terms: Mapping[str, Json]) -> Iterator[Reason]:
    """What would change if what is least sure came out otherwise."""
    forecast = bound.forecast
    if forecast is None:
        half_ms = max(1, bound.limit_s // 2) * 1000
        yield reasons.unsure_bound(
            limit_s=bound.limit_s,
            half_fen=rules.expected_charge_fen(terms, half_ms),
            max_charge_fen=bound.max_charge_fen,
        )
        return
    yield reasons.unsure(
        mid_ms=forecast.mid_ms,
        high_ms=forecast.high_ms,
        mid_fen=rules.expected_charge_fen(terms, forecast.mid_ms),
        high_fen=rules.expected_charge_fen(terms, forecast.high_ms),
    )
    warning = reasons.tight(limit_s=bound.limit_s, high_ms=forecast.high_ms)
    if warning is not None:
        yield warning
