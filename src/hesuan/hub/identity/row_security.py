"""Whose rows the database shows while somebody reads: PostgreSQL's row-level security, behind the selectors.

Selectors ask ``visible_to``; should one forget it, the database itself hides other organisations' rows. Each
statement tells PostgreSQL in ``hesuan.organisations`` for whom it reads: everybody for the hub's own work,
or the organisations of the person whose page or answer is being put together. A connection that says
nothing, such as a colleague's psql under the application's role, is shown nothing.

It is narrowed while somebody *reads* (GET). Verbs look across organisations by design, at an invoice used
elsewhere, at a programme's counters, and are held by their own checks. The few reads that count
everybody's rows say so with ``readers.for_everybody``. SQLite has no such thing; there the selectors stand
alone.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from hesuan.hub.identity import readers
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything

READING = ("GET", "HEAD")


def narrow(request: HttpRequest, actor: Actor) -> None:
    """From here to the end of a reading request the database shows this actor's rows alone."""
    if request.method in READING and not sees_everything(actor):
        readers.only(",".join(sorted(actor.organisations())))


class RowSecurityMiddleware:
    """Gives each request a beginning and an end: what one narrowed, the next does not inherit."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with readers.for_everybody():
            return self.get_response(request)
