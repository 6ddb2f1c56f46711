"""Pipelines: how layers fall on stages, how long the pipe is not full, how many micro-batches are alive.

With ``p`` stages of ``v`` chunks and ``t`` the forward and backward of one micro-batch on one stage, cards
idle::

    1F1B, interleaved   (p - 1) t / v            Narayanan et al. 2021 (arXiv 2104.04473) section 2.2
    zero bubble (H1)    (p - 1) t / 3            Qi et al. 2023 (arXiv 2401.10241): weight gradients fill
    the rest DualPipe            (p / 2 - 1) 2 t / 3      DeepSeek-AI 2024 (arXiv 2412.19437) table 2, with
    B = 2 F, W = F

Layers that divide by ``p v`` are laid out evenly and the vocabulary head comes on top of the last stage;
layers that do not are laid out as if embedding and head were a layer each, which is how such models are
trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hesuan.planner.cost.arrays import SCHEDULE, Array, Plans
from hesuan.planner.inputs import Model, Schedule

ZERO_BUBBLE = SCHEDULE.index(Schedule.ZERO_BUBBLE)
DUALPIPE = SCHEDULE.index(Schedule.DUALPIPE)


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipeline's counts; [plan]."""

    layers: Array
    """Layers of the fullest stage."""
    even: Array
    """1 where all stages have as many layers and the head comes on top, else 0."""
    micro_batches: Array
    idle: Array
    """Bubble in units of one micro-batch on one stage."""
    alive_first: Array
    """Micro-batches (of one stage's layers) whose activations the first stage holds at once."""
    alive_last: Array
    copies: Array
    """Copies of the weights: DualPipe holds both ends."""


def pipe(model: Model, global_batch: int, plans: Plans) -> Pipe:
    """Counts of all plans."""
    p = plans.pp.astype(np.float64)
    v = np.maximum(plans.vpp.astype(np.float64), 1.0)
    chunks = p * v
    even = (np.mod(model.layers, chunks) == 0) | (p == 1)
    uneven = v * np.ceil((model.layers + 2.0) / chunks)
    layers = np.where(even, model.layers / p, np.minimum(uneven, model.layers))
    count = np.ceil(np.maximum(1.0, global_batch / (plans.dp.astype(np.float64) * plans.micro_batch)))
    zero = plans.schedule == ZERO_BUBBLE
    dual = plans.schedule == DUALPIPE
    idle = np.where(zero, (p - 1.0) / 3.0, (p - 1.0) / v)
    idle = np.where(dual, np.maximum(p / 2.0 - 1.0, 0.0) * 2.0 / 3.0, idle)
    first = np.where(dual, p + 1.0, np.where(v > 1.0, p + (p - 1.0) / v, p))
    last = np.where(dual, p + 1.0, 1.0 + (v - 1.0) * p / v * (p > 1))
    return Pipe(
        layers=layers,
        even=even.astype(np.float64),
        micro_batches=count,
        idle=idle,
        alive_first=np.where(p > 1.0, np.minimum(first, count), 1.0),
        alive_last=np.where(p > 1.0, np.minimum(last, count), 1.0),
        copies=np.where(dual & (p > 1.0), 2.0, 1.0),
    )
