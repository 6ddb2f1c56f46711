"""Generated inputs: no clock decides about them, and continuous integration asks the same ones each time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, settings

ASKED = """
import tests.conftest
from hypothesis import given, strategies

@given(strategies.integers())
def shown(number):
    print(number)

shown()
"""


def generated(**environment: str) -> str:
    known = {name: value for name, value in os.environ.items() if name not in ("CI", "HESUAN_TEST_REQUIRE")}
    asked = subprocess.run(
        [sys.executable, "-c", ASKED], env=known | environment, capture_output=True, text=True, check=True
    )
    return asked.stdout


def test_a_slow_machine_fails_no_test_of_generated_inputs() -> None:
    assert settings.default is not None and settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


@pytest.mark.parametrize("required", ["", "postgresql,browser"])
def test_what_continuous_integration_asks_can_be_asked_again(required: str) -> None:
    first, second = (generated(HESUAN_TEST_REQUIRE=required) for _ in range(2))
    assert len(first.splitlines()) > 10
    assert (first == second) is bool(required)
