"""Template side of :mod:`hesuan.hub.console.present`: thin filters and a few inclusion tags.

A filter takes ``""`` beside ``None`` for a value that is not there: so Django hands over a missing one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from hesuan.hub.console import charts, present, words
from hesuan.hub.console.applyform import FACT, ApplyForm
from hesuan.hub.console.faults import FaultLine
from hesuan.hub.console.workform import WorkForm
from hesuan.hub.programmes.asking import AskedFact
from hesuan.money import format_yuan
from hesuan.units import format_bytes
from hesuan.wire.ids import new_id as fresh_id
from hesuan.wire.receipt import quoted_vouchers

register = template.Library()
NOTHING = "—"
SHOWN_OF_A_DIGEST = len("sha256:") + 10


@register.filter
def yuan(fen: int | str | None) -> str:
    """Fen → ``¥1,200.50``."""
    return NOTHING if fen is None or fen == "" else format_yuan(int(fen))


@register.filter
def vouchers(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A quote's vouchers in the order in which they are used; a list of none where none pays."""
    return quoted_vouchers(document)


@register.filter
def codes(quoted: Iterable[Mapping[str, Any]]) -> str:
    """Their codes, joined."""
    return " + ".join(str(one["code"]) for one in quoted)


@register.filter
def most_fen(quoted: Iterable[Mapping[str, Any]]) -> int:
    """The most they pay together [fen]."""
    return sum(int(one["max_fen"]) for one in quoted)


@register.filter
def duration(ms: int | str | None) -> str:
    """Milliseconds → words."""
    return NOTHING if ms is None or ms == "" else present.duration(int(ms))


@register.filter
def seconds(value: int | str | None) -> str:
    """Seconds → words."""
    return NOTHING if value is None or value == "" else present.duration(int(value) * 1000)


@register.filter
def bytesize(value: int | str | None) -> str:
    """Bytes → ``3.0 GiB``."""
    return NOTHING if value is None or value == "" else format_bytes(int(value))


@register.filter
def grouped(value: int | str | None) -> str:
    """Thousands separated."""
    return NOTHING if value is None or value == "" else present.grouped(int(value))


@register.filter
def percent(ppm: int | str | None) -> str:
    """Millionths → ``33.3333 %``, without zeros at the end."""
    return NOTHING if ppm is None or ppm == "" else f"{Decimal(int(ppm)) / 10_000:f} %"


@register.filter
def permille(value: int) -> str:
    """Thousandths → ``12.5 %``."""
    return f"{Decimal(value) / 10:.1f} %"


@register.filter
def points(permille: int) -> str:
    """Thousandths as percentage points: ``50`` → ``5``, ``-25`` → ``−2.5``."""
    return f"{Decimal(permille) / 10:f}".replace("-", "−")


@register.filter
def source(clause: str) -> str:
    """A document's source clause in the reader's language."""
    return present.source(clause)


@register.filter
def said(pair: object) -> str:
    """The reader's sentence of an ``{"en", "zh"}`` pair."""
    return present.both_languages(pair)


@register.filter
def word(value: str, table: str) -> str:
    """A stored value in the reader's language, from a table of :mod:`words`; unknown ones stay."""
    return str(words.TABLES[table].get(str(value), value))


@register.filter
def moment(at: datetime | str | None, form: str = "seconds") -> SafeString | str:
    """A ``<time>`` element with its zone; takes RFC 3339 text too, as documents carry it."""
    if not at:
        return NOTHING
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    text = present.local_time(known, seconds=form == "seconds")
    stamp = present.utc_stamp(known)
    return format_html('<time datetime="{}" title="{}">{}</time>', stamp, stamp, text)


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """How long ago, with the exact moment behind it."""
    if not at:
        return NOTHING
    stamp = present.utc_stamp(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', stamp, stamp, present.since(at, timezone.now())
    )


@register.filter
def unit_of(app: str, units: object) -> str:
    """The reader's word for an app's work unit, from ``{app: unit}``; a general word where none is known."""
    known = units.get(app, "") if isinstance(units, dict) else ""
    return str(words.UNIT.get(known, known) or words.WORK_UNITS)


@register.filter
def minus(whole: int, part: int) -> int:
    """The rest of a whole."""
    return int(whole) - int(part)


@register.filter
def compact(value: object) -> SafeString | str:
    """A value on one line, names with commas; a digest by its beginning, whole in its tooltip."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if text.startswith("sha256:") and len(text) > SHOWN_OF_A_DIGEST:
        return format_html('<span title="{}">{}…</span>', text, text[:SHOWN_OF_A_DIGEST])
    return text


@register.filter
def stated(value: object) -> SafeString | str:
    """A stated fact for people: yes or no, a word where the value has one, otherwise as it stands."""
    if isinstance(value, bool) or value in ("true", "false"):
        return gettext("yes") if value in (True, "true") else gettext("no")
    if isinstance(value, str):
        return str(words.VALUE.get(value) or words.ORGANISATION.get(value, value))
    return compact(value)


@register.filter
def person(names: dict[str, str], identity_id: str) -> str:
    """The name of somebody who acted; the id where the name is not known any more."""
    return names.get(identity_id, identity_id)


@register.filter
def command_line(words: Iterable[object]) -> str:
    """The words of a command as one would type them."""
    return shlex.join(str(word) for word in words or ())


@register.filter
def faults_of(form: WorkForm | ApplyForm, field: str) -> tuple[FaultLine, ...]:
    """What is wrong with one field of a form."""
    return form.faults.get(field, ())


@register.filter
def elapsed(start: datetime) -> str:
    """The time since a moment by this server's clock."""
    return present.duration(max(0, int((timezone.now() - start).total_seconds())) * 1000)


@register.filter
def inline_svg(text: str) -> SafeString:
    """An SVG that this server drew itself, without its XML prologue."""
    return mark_safe(re.sub(r"<\?xml[^>]*\?>", "", text))  # noqa: S308 - drawn by this server, never by a user


@register.inclusion_tag("console/parts/fact_field.html")
def fact_field(form: ApplyForm, fact: AskedFact) -> dict[str, Any]:
    """The field of one fact that a programme's rules ask for, by its type."""
    key = FACT + fact.name
    return {
        "fact": fact,
        "key": key,
        "label": word(fact.name, "asked"),
        "text": form.texts.get(key, ""),
        "faults": form.faults.get(key, ()),
    }


@register.simple_tag
def new_id() -> str:
    """A fresh id for a form: sent twice, the deed is done once."""
    return fresh_id()


@register.inclusion_tag("console/parts/kind.html")
def kind(value: str) -> dict[str, Any]:
    """The badge that says what weight a figure has."""
    return {
        "value": value,
        "text": present.KINDS.get(value, value),
        "meaning": present.KIND_MEANINGS.get(value, ""),
    }


@register.inclusion_tag("console/parts/state.html")
def state(value: str, table: str) -> dict[str, Any]:
    """A state with its colour and its word; the word alone would do."""
    return {
        "value": value,
        "text": words.TABLES[table].get(str(value), value),
        "tone": words.tone(str(value)),
    }


@register.inclusion_tag("console/parts/interval.html")
def interval_bar(
    low_ms: int, mid_ms: int, high_ms: int, actual_ms: int | str | None = None
) -> dict[str, Any]:
    """The predicted interval as a drawing, what happened beside it."""
    actual = None if actual_ms is None or actual_ms == "" else int(actual_ms)
    return {"place": charts.interval(low_ms, mid_ms, high_ms, actual), "width": charts.WIDTH}


@register.inclusion_tag("console/parts/split.html")
def split_bar(first: int, second: int) -> dict[str, Any]:
    """Two parts of one whole as a drawing."""
    return {"place": charts.split(first, second), "width": charts.WIDTH}


@register.inclusion_tag("console/parts/columns.html")
def month_columns(months: Iterable[Any], field: str = "fen") -> dict[str, Any]:
    """Amounts by month as a drawing; the table beside it says the same in numbers."""
    amounts = [(one.name, getattr(one, field)) for one in months]
    return {
        "columns": charts.columns(amounts),
        "width": charts.WIDTH,
        "height": charts.MONTHS_HEIGHT,
        "whole": charts.MONTHS_HEIGHT + 22,
        "every": max(1, -(-len(amounts) // 9)),
    }
