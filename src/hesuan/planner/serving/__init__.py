"""Serving: prefill and decode, together or apart, under latency bounds, in tokens per card and per yuan."""

from __future__ import annotations

from hesuan.planner.serving.backtest import ServingReport, backtest
from hesuan.planner.serving.comparison import ServingComparison, compare_serving
from hesuan.planner.serving.constants import DEFAULT, ServingConstants
from hesuan.planner.serving.forecast import Interval, ServingForecast, predict_serving
from hesuan.planner.serving.inputs import Deployment, Engine, ExpertBalance, Limits, Phase, Pool, Serving
from hesuan.planner.serving.rows import is_serving_table
from hesuan.planner.serving.search import Candidate, ServingSearch, search_serving

__all__ = [
    "DEFAULT",
    "Candidate",
    "Deployment",
    "Engine",
    "ExpertBalance",
    "Interval",
    "Limits",
    "Phase",
    "Pool",
    "Serving",
    "ServingComparison",
    "ServingConstants",
    "ServingForecast",
    "ServingReport",
    "ServingSearch",
    "backtest",
    "compare_serving",
    "is_serving_table",
    "predict_serving",
    "search_serving",
]
