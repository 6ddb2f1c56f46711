"""The numbers that separate an ordinary day from a flag. Starting points; a programme may tune each.

Shares are whole percent unless the name says ``permille``. What a programme tuned is on record with its
reason, and stands in the flag beside the figure it was compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The first two letters of a name are the rule's."""

    a1_plan_percent: int = 25
    """Of a grant, planned for each quarter."""
    a1_not_before_days: int = 60
    a1_low_percent: int = 5
    a1_high_percent: int = 10
    a1_take_low_percent: int = 20
    a1_take_high_percent: int = 10
    a1_exempt_days: int = 14
    a2_days: int = 7
    a2_least_holds: int = 10
    a2_captured_percent: int = 50
    a2_open_times: int = 2
    a2_use_days: int = 30
    a3_least_orders: int = 10
    a3_cancelled_percent: int = 50
    a3_hold_days: int = 3
    a3_hold_within_days: int = 30
    a4_cancels: int = 20
    a4_large: int = 5
    a4_large_percentile: int = 95
    a4_past_days: int = 90
    a4_least_past: int = 20
    a5_seconds: int = 60
    a5_cancels: int = 5
    a6_stop_distance: int = 1
    a6_hold_distance: int = 2
    a7_hops: int = 4
    a7_days: int = 30
    a7_back_percent: int = 80
    a7_most_percent: int = 120
    """Of one share; what is more is the return of something else, and counts with the sum alone."""
    a7_part_percent: int = 25
    """Of all that was paid within the days; a smaller share alone proves nothing by its amount."""
    a8_near_days: int = 1
    a8_near_permille: int = 10
    a9_slack_permille: int = 1
    a10_busy_percent: int = 5
    a10_hours: int = 24
    a11_median_percent: int = 110
    a11_days: int = 30
    a11_least_sales: int = 5
    a12_under_percent: int = 5
    a12_least: int = 3
    a12_days: int = 30
    a13_life_percent: int = 10
    a13_share_percent: int = 40
    a14_least: int = 8
    a14_permille: int = 995
    a14_past_days: int = 90
    a14_identity_firms: int = 2
    a14_identity_days: int = 30
    a15_per_second: int = 300
    a15_per_day: int = 20_000

    def of(self, rule: str) -> dict[str, int]:
        """The thresholds of one rule, such as ``A3``."""
        prefix = f"{rule.lower()}_"
        return {name: value for name, value in asdict(self).items() if name.startswith(prefix)}

    def tuned(self, changes: Mapping[str, int]) -> Thresholds:
        """With some numbers changed.

        Raises:
            KeyError: a name that is none of them.
            ValueError: a number that is not positive.
        """
        for name, value in changes.items():
            if name not in NAMES:
                raise KeyError(name)
            if value <= 0:
                raise ValueError(name)
        return replace(self, **changes)


NAMES = tuple(one.name for one in fields(Thresholds))
DEFAULT = Thresholds()
