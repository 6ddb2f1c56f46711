"""Every address of the hub that is not the API's: read off the URL table, and ``addresses.txt`` beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from django.urls import URLPattern, URLResolver, get_resolver

TABLE = Path(__file__).with_name("addresses.txt")


def addresses() -> list[str]:
    """``/orders/{order_id}/`` and so on, as the URL table has them; the API's stand in ``roles.txt``."""
    return [path for path, _ in patterns() if not path.startswith("/api/v1/")]


def patterns() -> Iterator[tuple[str, URLPattern]]:
    """Every address with its pattern."""
    yield from _walk(get_resolver().url_patterns, "/")


def _walk(found: list[URLPattern | URLResolver], before: str) -> Iterator[tuple[str, URLPattern]]:
    for one in found:
        path = before + _readable(str(one.pattern))
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, path)
        else:
            yield path, one


def _readable(pattern: str) -> str:
    """``<str:order_id>`` and ``(?P<order_id>…)`` as ``{order_id}``."""
    plain = re.sub(r"\(\?P<(\w+)>.*?\)(?=[/$]|$)", r"{\1}", pattern.strip("^$"))
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", plain)


def table() -> dict[str, dict[str, str]]:
    """Address → person → what a GET answers: a status, or ``login`` for the way to the sign-in page."""
    rows = [line for line in TABLE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    people = rows[0].split()
    told: dict[str, dict[str, str]] = {}
    for row in rows[1:]:
        address, *statuses = row.split()
        told[address] = dict(zip(people, statuses, strict=True))
    return told


def differences() -> list[str]:
    """What the table lacks or has too much, each as the thing to do."""
    there, written = set(addresses()), set(table())
    name = "tests/hub/config/addresses.txt"
    return [
        *(f"{one}: add a row to {name}: what a GET answers each person" for one in sorted(there - written)),
        *(
            f"{one}: the hub has no such address any more: take its row from {name}"
            for one in written - there
        ),
    ]
