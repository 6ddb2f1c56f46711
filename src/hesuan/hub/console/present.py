"""How figures, times and words are written for people, in the language of the request.

Pure: values in, text out. Templates reach these through ``{% load present %}``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from hesuan.figures import Kind
from hesuan.units import MS_PER_SECOND, SECONDS_PER_HOUR

BEIJING = timezone(timedelta(hours=8))
"""China has one zone and no summer time."""

KINDS: dict[str, str | Promise] = {
    Kind.MEASURED: gettext_lazy("measured"),
    Kind.CALIBRATED: gettext_lazy("calibrated"),
    Kind.ESTIMATED: gettext_lazy("estimated"),
    Kind.PUBLISHED: gettext_lazy("published"),
    Kind.ASSUMED: gettext_lazy("assumed"),
}

KIND_MEANINGS: dict[str, str | Promise] = {
    Kind.MEASURED: gettext_lazy("observed on the machine it speaks of"),
    Kind.CALIBRATED: gettext_lazy("a model's answer, fitted to measurements of that machine"),
    Kind.ESTIMATED: gettext_lazy("a model's answer from published or assumed inputs"),
    Kind.PUBLISHED: gettext_lazy("stated by somebody else, with an address"),
    Kind.ASSUMED: gettext_lazy("nobody has shown it; it stands so that you can disagree"),
}


def duration(ms: int) -> str:
    """``12340`` [ms] → ``"12.34 s"`` or ``"12.34 秒"``; above a minute ``"1 h 02 min 05 s"``."""
    if ms < 60 * MS_PER_SECOND:
        digits = 2 if ms < 10 * MS_PER_SECOND else 1
        return _("%(seconds)s s") % {"seconds": f"{ms / MS_PER_SECOND:.{digits}f}"}
    hours, rest = divmod(round(ms / MS_PER_SECOND), SECONDS_PER_HOUR)
    minutes, seconds = divmod(rest, 60)
    parts = {"hours": hours, "minutes": f"{minutes:02d}" if hours else minutes, "seconds": f"{seconds:02d}"}
    if hours:
        return _("%(hours)s h %(minutes)s min %(seconds)s s") % parts
    return _("%(minutes)s min %(seconds)s s") % parts


def local_time(at: datetime, *, seconds: bool = True) -> str:
    """The moment in the reader's clock, its zone said: Beijing time in Chinese, UTC in English."""
    assert at.tzinfo is not None
    chinese = (get_language() or "en").startswith("zh")
    zone, name = (BEIJING, "UTC+8") if chinese else (UTC, "UTC")
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return f"{at.astimezone(zone).strftime(form)} {name}"


def utc_stamp(at: datetime) -> str:
    """RFC 3339 in UTC, for the ``datetime`` attribute and for tooltips."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def since(at: datetime, now: datetime) -> str:
    """How long ago, in the largest whole unit: ``"3 hours ago"``."""
    seconds = max(0, int((now - at).total_seconds()))
    if seconds < 60:
        return ngettext("%(n)s second ago", "%(n)s seconds ago", seconds) % {"n": seconds}
    if seconds < SECONDS_PER_HOUR:
        n = seconds // 60
        return ngettext("%(n)s minute ago", "%(n)s minutes ago", n) % {"n": n}
    if seconds < 48 * SECONDS_PER_HOUR:
        n = seconds // SECONDS_PER_HOUR
        return ngettext("%(n)s hour ago", "%(n)s hours ago", n) % {"n": n}
    n = seconds // (24 * SECONDS_PER_HOUR)
    return ngettext("%(n)s day ago", "%(n)s days ago", n) % {"n": n}


SOURCES: tuple[tuple[re.Pattern[str], str | Promise], ...] = (
    (
        re.compile(
            r"fitted to (?P<points>\d+) measured points at this centre, (?P<runs>\d+) of them finished runs"
        ),
        gettext_lazy("fitted to %(points)s measured points at this centre, %(runs)s of them finished runs"),
    ),
    (re.compile(r"the user's own time limit"), gettext_lazy("the user's own time limit")),
)
"""Clauses that documents carry in English alone, because they are signed; readers of Chinese get theirs."""


def source(clause: str) -> str:
    """A document's source clause in the reader's language; an unknown one as it stands."""
    for pattern, text in SOURCES:
        found = pattern.fullmatch(clause)
        if found:
            return str(text) % found.groupdict() if found.groupdict() else str(text)
    return clause


def grouped(number: int) -> str:
    """``20000`` → ``"20,000"``."""
    return f"{number:,}"


def both_languages(pair: object) -> str:
    """``{"en": …, "zh": …}``, or anything with two such members → the reader's sentence; a text stays."""
    language = "zh" if (get_language() or "en").startswith("zh") else "en"
    if isinstance(pair, dict):
        return str(pair.get(language, ""))
    return str(getattr(pair, language, pair))
