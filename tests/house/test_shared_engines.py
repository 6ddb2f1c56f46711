"""Clusters that tests share end with the last test that needs them, and are begun again where one asks."""

from __future__ import annotations

from functools import partial

import pytest
from tests.engines import shared


class Test:
    __test__ = False

    def __init__(self, *marks: str) -> None:
        self.marks = marks

    def get_closest_marker(self, name: str) -> object | None:
        return name if name in self.marks else None


def test_tests_of_the_same_engines_run_one_after_another_behind_all_others() -> None:
    tests = [Test("slurm"), Test(), Test("ray"), Test("slurm", "ray", "kubernetes"), Test("database")]
    tests += [Test("kubernetes"), Test("ray", "processes")]
    assert [one.marks for one in sorted(tests, key=shared.wanted)] == [
        (),
        ("database",),
        ("kubernetes",),
        ("slurm", "ray", "kubernetes"),
        ("ray",),
        ("ray", "processes"),
        ("slurm",),
    ]


def test_a_cluster_ends_with_the_last_test_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    for name in shared.LET_GO:
        monkeypatch.setitem(shared.LET_GO, name, partial(ended.append, name))
    tests = [Test(), Test("ray"), Test("ray", "slurm"), Test("slurm"), Test("slurm")]
    seen = []
    for test, following in zip(tests, [*tests[1:], None], strict=True):
        shared.let_go_between(test, following)
        seen.append(ended.copy())
    assert seen == [[], [], ["ray"], ["ray"], ["ray", "slurm"]]
