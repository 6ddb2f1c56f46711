"""The admission of suppliers on the programme's page: batch, service item, first and last day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from django.utils.translation import gettext_lazy as _

from hesuan.errors import Faults, InputFault
from hesuan.hub.console.entryform import NOT_A_DAY
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import services

ITEMS = {"": _("every service item"), "compute": _("general computing"), "ai_compute": _("AI computing")}


def act(actor: Actor, programme_id: str, sent: Mapping[str, str]) -> bool:
    """Carries out what a form asks; whether there is such a verb."""
    wrong: list[InputFault] = []
    match sent.get("verb", ""):
        case "admit":
            first, last = _day(sent, "valid_from", wrong), _day(sent, "valid_until", wrong)
            _refuse(wrong)
            services.admit_supplier(
                actor=actor,
                programme_id=programme_id,
                centre_id=sent.get("centre_id", ""),
                reason=sent.get("reason", ""),
                batch=sent.get("batch", "").strip()[:64],
                service_item=sent.get("service_item", ""),
                valid_from=first,
                valid_until=last,
            )
        case "end_admission":
            last = _day(sent, "last_day", wrong)
            _refuse(wrong)
            services.end_admission(
                actor=actor,
                admission_id=sent.get("on", ""),
                reason=sent.get("reason", ""),
                last_day=last,
            )
        case _:
            return False
    return True


def _day(sent: Mapping[str, str], name: str, wrong: list[InputFault]) -> date | None:
    text = sent.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        wrong.append(InputFault(NOT_A_DAY, where=name, value=text[:40]))
        return None


def _refuse(wrong: list[InputFault]) -> None:
    if wrong:
        raise Faults(wrong)
