"""Long lists page by page: ``?page=2`` is the second page; each page says whether there are older ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.http import HttpRequest

from hesuan.errors import NotFound
from hesuan.hub.console.views.pages import NO_PAGE

Row = TypeVar("Row")
ROWS = 30
"""Rows on one page."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, newest first, and the numbers of the neighbouring pages."""

    rows: Sequence[Row]
    newer: int | None
    older: int | None


def page_of(request: HttpRequest, rows: Sequence[Row]) -> Page[Row]:
    """The page of a list that the address asks for.

    Raises:
        NotFound: ``console.no_such_page``, for a number beyond the list or none at all.
    """
    asked = request.GET.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0
    first = (number - 1) * ROWS
    if number < 1 or (number > 1 and first >= len(rows)):
        raise NotFound(NO_PAGE, path=request.get_full_path())
    older = number + 1 if first + ROWS < len(rows) else None
    return Page(rows[first : first + ROWS], newer=number - 1 if number > 1 else None, older=older)
