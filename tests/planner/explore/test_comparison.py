"""Offers are compared each at its own best plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.planner.explore.machines import MOE, cluster

from hesuan.planner.explore import Limits, compare, search
from hesuan.planner.inputs import UNBOUNDED, Cluster, Fabric, Level, Training, Workload

TRAINING = Training(4096, 512)


def _offer(name: str, domain: int, price_fen: int | None) -> Cluster:
    inner = Level("domain", domain, 450e9, 2e-6, scale_up=True)
    levels = Fabric(name, (inner, Level("network", UNBOUNDED, 25e9, 5e-6)))
    return replace(cluster(64, price_fen=price_fen), name=name, fabric=levels)


def test_each_offer_runs_its_own_best_plan() -> None:
    """Experts of one plan forced on both machines flatter the large domain; own plans show what is left."""
    small, large = _offer("small domains", 8, 1000), _offer("large domain", 64, 1300)
    found = {offer.name: offer for offer in compare(MOE, TRAINING, [small, large]).offers}
    for offer in (small, large):
        alone = search(Workload(MOE, offer, TRAINING), Limits(card_counts=(64,)), explain=False)
        assert found[offer.name].best == alone.best["time"]
    own = found["large domain"].tokens_per_s / found["small domains"].tokens_per_s
    assert own >= 1.0


def test_useful_work_per_yuan_orders_the_offers() -> None:
    offers = [_offer("dear", 8, 2000), _offer("cheap", 8, 1000), _offer("unpriced", 8, None)]
    found = compare(MOE, TRAINING, offers)
    assert [offer.name for offer in found.offers] == ["cheap", "dear", "unpriced"]
    cheap, dear, unpriced = found.offers
    assert cheap.tokens_per_yuan == pytest.approx(2 * (dear.tokens_per_yuan or 0.0), rel=1e-3)
    assert unpriced.tokens_per_yuan is None
    assert found.best is cheap
    assert [offer.is_pareto for offer in found.offers] == [True, False, True]


def test_a_faster_and_dearer_offer_stays_on_the_pareto_set() -> None:
    found = compare(MOE, TRAINING, [_offer("small domains", 2, 1000), _offer("large domain", 64, 3000)])
    assert [offer.name for offer in found.pareto] == ["large domain", "small domains"]


def test_an_offer_that_cannot_do_the_work_comes_last() -> None:
    tiny = replace(cluster(1, memory_gb=2), name="tiny")
    seen: list[tuple[int, int]] = []
    found = compare(
        MOE, TRAINING, [tiny, _offer("ok", 8, 1000)], progress=lambda done, total: seen.append((done, total))
    )
    assert [offer.name for offer in found.offers] == ["ok", "tiny"]
    assert (
        found.offers[1].best is None and found.offers[1].tokens_per_s == 0 and not found.offers[1].is_pareto
    )
    assert seen == [(1, 2), (2, 2)]


def test_goodput_counts_in_the_comparison() -> None:
    shaky, steady = _offer("shaky", 8, 1000), _offer("steady", 8, 1000)

    def share(workload: Workload):
        return lambda cards: 0.5 if workload.cluster.name == "shaky" else 0.95

    found = compare(MOE, TRAINING, [shaky, steady], goodput=share)
    assert [offer.name for offer in found.offers] == ["steady", "shaky"]
    assert found.offers[0].tokens_per_s == pytest.approx(found.offers[1].tokens_per_s * 0.95 / 0.5)
