"""Names change nothing: chip, cluster, vendor or fabric renamed, and every number stays to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.planner.serving.machines import demand, llama

from hesuan.cli.planning.answers import plain
from hesuan.planner.catalog import chip, chip_names, cluster, cluster_names, model
from hesuan.planner.explore import Job, Limits, fill, search
from hesuan.planner.forecast import predict
from hesuan.planner.inputs import Cluster, Training, Workload
from hesuan.planner.reliability import goodput_on, hardware_of, rates_of, rates_of_design
from hesuan.planner.serving import Deployment, Phase, Pool, predict_serving

TRAINING = Training(2048, 128, tokens_total=1e11)
MODEL = model("llama-3-8b")
LABELS = st.text(min_size=1, max_size=12) | st.sampled_from([*chip_names(), *cluster_names(), "TPU", "x-die"])
ALIKE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CLUSTERS = st.sampled_from(cluster_names())


def relabelled(machine: Cluster, label: str) -> Cluster:
    unit = replace(machine.chip, name=label, vendor=label)
    return replace(machine, name=label, chip=unit, fabric=replace(machine.fabric, name=label))


def numbers(value: Any) -> Iterator[Any]:
    """Every number of a result in its place; texts may name the machine and are left out."""
    match plain(value) if not isinstance(value, dict | list) else value:
        case dict() as table:
            for key in table:
                yield from ((key, number) for number in numbers(table[key]))
        case list() as several:
            for one in several:
                yield from numbers(one)
        case str():
            return
        case number:
            yield number


def priced(name: str, cards: int = 64) -> Cluster:
    return cluster(name, cards, price_fen_per_card_hour=1400, power_price_fen_per_kwh=60)


@ALIKE
@given(CLUSTERS, LABELS)
def test_a_training_is_forecast_alike(name: str, label: str) -> None:
    """Step, memory, interval, failures, spares, energy and money."""
    mine, other = priced(name), relabelled(priced(name), label)
    found = search(Workload(MODEL, mine, TRAINING), Limits(card_counts=(64,), top=1), explain=False)
    plan = found.top[0].plan
    one, two = (predict(MODEL, machine, TRAINING, plan) for machine in (mine, other))
    assert list(numbers(one)) == list(numbers(two))
    assert one.operation.money is not None


@ALIKE
@given(CLUSTERS, LABELS)
def test_a_search_with_failures_and_money_answers_alike(name: str, label: str) -> None:
    machines = (priced(name), relabelled(priced(name), label))
    one, two = (fill(Job("w", "o", MODEL, TRAINING, machine)) for machine in machines)
    assert one == two and one.best is not None


@ALIKE
@given(CLUSTERS, LABELS)
def test_failures_are_alike(name: str, label: str) -> None:
    mine, other = cluster(name, 4096), relabelled(cluster(name, 4096), label)
    assert list(numbers(goodput_on(MODEL, mine))) == list(numbers(goodput_on(MODEL, other)))
    assert list(numbers(hardware_of(mine))) == list(numbers(hardware_of(other)))


@ALIKE
@given(CLUSTERS, LABELS, st.sampled_from([Phase.AGGREGATED, Phase.DECODE, Phase.PREFILL]))
def test_a_serving_is_forecast_alike(name: str, label: str, phase: Phase) -> None:
    def of(machine: Cluster) -> list[Any]:
        pool = Pool(tp=8)
        return list(
            numbers(predict_serving(Deployment(model=llama(), cluster=machine, decode=pool), demand(phase)))
        )

    assert of(priced(name)) == of(relabelled(priced(name), label))


def test_the_check_can_fail() -> None:
    """Another design with the same figures breaks at another rate: that is not a label."""
    mine = cluster("hgx-h100", 4096)
    other = replace(mine, chip=replace(mine.chip, kin="tpu"))
    assert list(numbers(goodput_on(MODEL, mine))) != list(numbers(goodput_on(MODEL, other)))


@pytest.mark.parametrize("name", chip_names())
def test_the_design_of_a_catalogued_chip_says_what_its_name_says(name: str) -> None:
    assert rates_of_design(chip(name).kin) == rates_of(name)
    assert chip(name).per_package == (2 if name.endswith("-die") else 1)
