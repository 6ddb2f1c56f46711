"""What a centre declared beside what its agent observed, line by line, the differences marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from hesuan.hub.centres.comparing import Compared, compared
from hesuan.hub.console.present import duration
from hesuan.units import format_bytes

LABELS: dict[str, str | Promise] = {
    "host": gettext_lazy("Host"),
    "cores": gettext_lazy("Cores"),
    "memory_bytes": gettext_lazy("Memory"),
    "cards": gettext_lazy("Cards"),
    "nodes": gettext_lazy("Nodes"),
    "queues": gettext_lazy("Queue"),
    "topology": gettext_lazy("Switch"),
    "limits": gettext_lazy("Limits"),
    "qos": gettext_lazy("QOS"),
    "stacks": gettext_lazy("Software stack"),
    "engine": gettext_lazy("Engine"),
    "software": gettext_lazy("Software"),
    "apps": gettext_lazy("Apps"),
    "scripts_allowed": gettext_lazy("Scripts"),
    "isolation": gettext_lazy("Isolation"),
}
MOST_ALIKE = 20
"""Parts of one property, such as switches, that are shown although both sides agree."""
STATES: dict[str, str | Promise] = {
    "open": pgettext_lazy("queue", "open"),
    "closed": pgettext_lazy("queue", "closed"),
    "unknown": gettext_lazy("unknown"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One property, or one part: declared, observed, and whether both speak and do not agree."""

    key: str
    label: str | Promise
    part: str
    declared: tuple[str, ...]
    observed: tuple[str, ...]
    differs: bool


def comparison(declared: Mapping[str, Any], observed: Mapping[str, Any]) -> list[Line]:
    """One line for each property or part that either side names; of parts that agree the first few."""
    alike: dict[str, int] = {}
    lines = []
    for one in compared(declared, observed):
        if not one.differs and one.part:
            alike[one.key] = alike.get(one.key, 0) + 1
            if alike[one.key] > MOST_ALIKE:
                continue
        lines.append(_line(one))
    for key, count in alike.items():
        if (left := count - MOST_ALIKE) > 0:
            text = ngettext("%(n)s more without a difference", "%(n)s more without a difference", left)
            lines.append(Line(key, LABELS[key], "", (), (text % {"n": left},), False))
    return lines


def differing(lines: list[Line]) -> int:
    """How many lines differ."""
    return sum(line.differs for line in lines)


def _line(one: Compared) -> Line:
    shown = one.part if one.key != "nodes" else ""
    return Line(
        key=one.key,
        label=gettext_lazy("Block") if _is_block(one) else LABELS[one.key],
        part=shown,
        declared=_texts(one.key, one.declared, one.part),
        observed=_texts(one.key, one.observed, one.part),
        differs=one.differs,
    )


def _is_block(one: Compared) -> bool:
    values: list[Any] = [one.declared, one.observed]
    return one.key == "topology" and any(value["kind"] != "tree" for value in values if value)


def _texts(key: str, value: Any, part: str = "") -> tuple[str, ...]:
    """How people read a value: one text, or one a line."""
    if value is None:
        return ()
    if part:
        return _PART_TEXTS[key](value)
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


def _node(kind: Mapping[str, Any]) -> tuple[str, ...]:
    """``18 × (64 cores, 512 GiB, 8 × Ascend 910C)``, and how many of them are out of service."""
    has = [_("%(n)s cores") % {"n": kind["cores"]}]
    has += [format_bytes(kind["memory_bytes"])] if kind["memory_bytes"] else [_("memory unknown")]
    has += [f"{card['count']} × {card['chip']}" for card in kind["cards"]]
    texts = [f"{kind['count']} × ({', '.join(has)})"]
    if kind["out_of_service"]:
        texts.append(_("%(n)s out of service") % {"n": kind["out_of_service"]})
    return tuple(texts)


def _queue(queue: Mapping[str, Any]) -> tuple[str, ...]:
    texts = [str(STATES[queue["state"]])]
    texts += [_("default")] if queue["is_default"] else []
    longest = queue["longest_s"]
    most = _("at most %(time)s") % {"time": duration(longest * 1000)} if longest else ""
    texts.append(most or _("no time limit told"))
    if queue["nodes"] is not None:
        texts.append(_("%(n)s nodes") % {"n": queue["nodes"]})
    if queue["cores"] is not None:
        texts.append(_("%(n)s cores") % {"n": queue["cores"]})
    return (", ".join(texts),)


def _switch(switch: Mapping[str, Any]) -> tuple[str, ...]:
    if switch["kind"] == "sizes":
        return (switch["nodes"],)
    below = [text for text in (switch["switches"], switch["nodes"]) if text]
    return (_("level %(n)s") % {"n": switch["level"]} + (f": {' · '.join(below)}" if below else ""),)


def _limit(limit: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{name} {value}" for name, value in sorted(limit["limits"].items())) or (_("none"),)


def _stack(part: Mapping[str, Any]) -> tuple[str, ...]:
    """The version that was read, and the one that somebody wrote; each is called what it is."""
    texts = []
    if part["observed"]:
        texts.append(_("%(version)s, read on the machine") % {"version": part["observed"]})
    if part["version"] and part["version"] != part["observed"]:
        texts.append(_("%(version)s, declared") % {"version": part["version"]})
    return tuple(texts) or (_("unknown"),)


_PART_TEXTS = {
    "nodes": _node,
    "queues": _queue,
    "topology": _switch,
    "limits": _limit,
    "qos": _limit,
    "stacks": _stack,
}
