"""Cursor paging over what a selector shows, in the selector's own order (newest first where time matters).

The cursor is the id of the last row seen; rows that come in meanwhile neither repeat nor hide another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Generic, TypeVar

from ninja import Query
from pydantic import BaseModel, Field

from hesuan.errors import InputFault, declare

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

CURSOR_UNKNOWN = declare(
    "api.cursor_unknown",
    en="`{cursor}` is not a row of this list. Start again without a cursor.",
    zh="“{cursor}”不在此列表中。请不带游标重新开始。",
)

Shape = TypeVar("Shape", bound=BaseModel)

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description=f"rows of one page, at most {MAX_LIMIT}")]
Cursor = Annotated[str, Query(max_length=100, description="`next` of the page before; empty: the first page")]


class Page(BaseModel, Generic[Shape]):
    """One page."""

    items: list[Shape]
    next: str | None = Field(description="cursor of the next page; null: this one is the last")


def page(
    rows: Iterable[Any], shape: Callable[[Any], Shape], *, limit: int, cursor: str, key: str = "id"
) -> Page[Shape]:
    """The rows behind ``cursor``, at most ``limit``, each shaped.

    Args:
        rows: What the selector shows this actor, in its order.
        shape: Row to answer.
        limit: Rows of one page.
        cursor: ``next`` of the page before, or empty.
        key: Name of a row's unique attribute.

    Raises:
        InputFault: ``api.cursor_unknown``.
    """
    found = list(rows)
    ids = [str(getattr(row, key)) for row in found]
    if cursor and cursor not in ids:
        raise InputFault(CURSOR_UNKNOWN, where="cursor", cursor=cursor)
    start = ids.index(cursor) + 1 if cursor else 0
    shown = found[start : start + limit]
    more = start + limit < len(found)
    return Page(items=[shape(row) for row in shown], next=ids[start + limit - 1] if more else None)
