"""What a comparison with calculon found, and its errors source by source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Forecast:
    """One row that calculon ran: measured, and forecast by both [s]."""

    id: str
    source: str
    """Measurer and chip family."""
    adapted: tuple[str, ...]
    observed_s: float
    peer_shipped_s: float
    """By the system file of its own where it ships one for the chip, else as ``peer_row_s``."""
    peer_row_s: float
    """By a system file with the row's chip and wires."""
    ours_s: float
    """By the constants as shipped, which were fitted with this row."""
    ours_left_out_s: float
    """By constants fitted without any row of this measurer."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything the page says."""

    commit: str
    date: str
    rows: int
    forecasts: tuple[Forecast, ...]
    not_run: tuple[tuple[str, str], ...]
    """Rows calculon has no inputs for or refused: id and reason."""


@dataclass(frozen=True, slots=True)
class Line:
    """Errors of one group of rows: mean of ``|forecast / measured - 1|``; bias keeps the sign."""

    name: str
    rows: int
    peer_shipped: float
    peer_row: float
    peer_row_bias: float
    ours_left_out: float
    ours_left_out_bias: float
    ours: float

    @property
    def is_lower(self) -> bool:
        """Whether our error on unseen rows is below the better of the other's two."""
        return self.ours_left_out < min(self.peer_shipped, self.peer_row)


def line_of(name: str, forecasts: Sequence[Forecast]) -> Line:
    """Errors of a group; at least one row."""
    observed = np.array([one.observed_s for one in forecasts])

    def off(name: str) -> NDArray[np.float64]:
        forecast = np.array([getattr(one, name) for one in forecasts], float)
        return np.asarray(forecast / observed - 1)

    return Line(
        name=name,
        rows=len(forecasts),
        peer_shipped=float(np.abs(off("peer_shipped_s")).mean()),
        peer_row=float(np.abs(off("peer_row_s")).mean()),
        peer_row_bias=float(off("peer_row_s").mean()),
        ours_left_out=float(np.abs(off("ours_left_out_s")).mean()),
        ours_left_out_bias=float(off("ours_left_out_s").mean()),
        ours=float(np.abs(off("ours_s")).mean()),
    )


def lines_of(forecasts: Iterable[Forecast]) -> list[Line]:
    """Errors of every source, the one with most rows first."""
    groups: dict[str, list[Forecast]] = defaultdict(list)
    for one in forecasts:
        groups[one.source].append(one)
    return sorted((line_of(*group) for group in groups.items()), key=lambda line: (-line.rows, line.name))
