"""Reads that are asked for once within a span, however many rules want them.

One answer to a work order asks five times for a centre's newest inventory and ten times whether a programme
has admitted it, and a request for quotes asks every centre. Inside :func:`reading_once` the first answer
stands for all of them, which also makes one answer rest on one state. Nothing is remembered outside of it,
and who writes must not write within.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar, cast

_SPAN: ContextVar[dict[Hashable, object] | None] = ContextVar("centres_read_once", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """A span that only reads: each remembered question goes to the database once."""
    token = _SPAN.set({})
    try:
        yield
    finally:
        _SPAN.reset(token)


P = ParamSpec("P")
R = TypeVar("R")


def remembered(ask: Callable[P, R]) -> Callable[P, R]:
    """Lets a question be remembered in a span; its arguments must be hashable."""

    @wraps(ask)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        span = _SPAN.get()
        if span is None:
            return ask(*args, **kwargs)
        key = (ask, args, tuple(sorted(kwargs.items())))
        if key not in span:
            span[key] = ask(*args, **kwargs)
        return cast("R", span[key])

    return asked
