"""Made-up observations with a planted truth, so that a fit can be asked what was planted."""

from __future__ import annotations

import math

from hesuan.planner.calibrate.observation import Observation


def made(number: int, *, residual: float = 0.0, **changes: object) -> Observation:
    """Run ``number`` of a cluster: parts and plan vary with it; measured = forecast * exp(residual)."""
    shares = (0.5 + 0.03 * (number % 5), 0.02 + 0.12 * (number % 3), 0.0, 0.05, 0.05, 0.0)
    rest = 1.0 - sum(shares)
    given: dict[str, object] = {
        "id": f"made-{number:03d}",
        "source": "made",
        "origin": "made/cluster",
        "family": f"made/{number}",
        "model": f"made-{number}",
        "workload": "GPT-7B on 64",
        "plan": f"tp{2 ** (number % 4)} mb{1 + number % 3}",
        "chip": "H100",
        "chip_family": "hopper",
        "chip_known": True,
        "moe": False,
        "tier": "A",
        "metric": "step_s",
        "era": 2024.0,
        "predicted_s": 10.0 + number,
        "observed_s": (10.0 + number) * math.exp(residual),
        "shares": (*shares[:5], shares[5] + rest),
        "features": (float(number % 4), 0.5 * (number % 3), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    }
    return Observation(**(given | changes))  # type: ignore[arg-type]
