"""What a centre declared beside what its agent observed, line by line, the differences marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hesuan.units import format_bytes

LABELS: dict[str, str | Promise] = {
    "host": gettext_lazy("Host"),
    "cores": gettext_lazy("Cores"),
    "memory_bytes": gettext_lazy("Memory"),
    "cards": gettext_lazy("Cards"),
    "engine": gettext_lazy("Engine"),
    "software": gettext_lazy("Software"),
    "apps": gettext_lazy("Apps"),
    "scripts_allowed": gettext_lazy("Scripts"),
    "isolation": gettext_lazy("Isolation"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One property: declared, observed, and whether both speak and do not agree."""

    key: str
    label: str | Promise
    declared: tuple[str, ...]
    observed: tuple[str, ...]
    differs: bool


def comparison(declared: Mapping[str, Any], observed: Mapping[str, Any]) -> list[Line]:
    """One line for each property that either side names, in the order of ``LABELS``."""
    return [
        Line(
            key=key,
            label=label,
            declared=_texts(key, declared.get(key)),
            observed=_texts(key, observed.get(key)),
            differs=key in declared and key in observed and declared[key] != observed[key],
        )
        for key, label in LABELS.items()
        if key in declared or key in observed
    ]


def _texts(key: str, value: Any) -> tuple[str, ...]:
    """How people read a value: one text, or one a line."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(_item(key, item) for item in value) or (_("none"),)
    if isinstance(value, dict):
        return tuple(f"{name} {version}" for name, version in sorted(value.items()))
    if isinstance(value, bool):
        return (_("allowed") if value else _("not allowed"),)
    return (format_bytes(value) if key == "memory_bytes" else str(value),)


def _item(key: str, item: Any) -> str:
    if key == "apps":
        return f"{item['name']} ({item.get('work_unit', '?')})"
    return _card(item) if key == "cards" else str(item)


def _card(card: Mapping[str, Any]) -> str:
    memory = format_bytes(int(card["memory_bytes"])) if card.get("memory_bytes") else "?"
    return f"{card.get('count', '?')} × {card.get('chip', '?')}, {memory}"
