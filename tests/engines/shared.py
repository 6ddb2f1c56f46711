"""Clusters that many tests share: each lives from the first test that asks for it to the last, and no longer.

A control plane that nobody asks works all the same, a tenth of a core each; beside thousands of tests that
have no use for it, it takes from all of them. So tests of the same engines run one after another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tests.engines import kubernetes, ray_cluster, slurm


class Marked(Protocol):
    """What is asked of a test here: which marks it has."""

    def get_closest_marker(self, name: str) -> object | None:
        """The mark of that name."""


LET_GO: dict[str, Callable[[], None]] = {
    "kubernetes": kubernetes.let_go,
    "ray": ray_cluster.let_go,
    "slurm": slurm.let_go,
}


def wanted(test: Marked | None) -> tuple[str, ...]:
    """The engines that a test is marked with, by name: also its place among the others."""
    return tuple(name for name in sorted(LET_GO) if test is not None and test.get_closest_marker(name))


def let_go_between(test: Marked, following: Marked | None) -> None:
    """Ends the clusters that this test had and the following has not; who asks again gets another."""
    for name in set(wanted(test)) - set(wanted(following)):
        LET_GO[name]()
