"""The planner: forecasts from measurements and models; pure, so that anybody can run it without a hub."""

from __future__ import annotations

from hesuan.planner.application import (
    AppForecast,
    AppModel,
    AppPoint,
    Assumption,
    fit,
    forecast,
)

__all__ = ["AppForecast", "AppModel", "AppPoint", "Assumption", "fit", "forecast"]
