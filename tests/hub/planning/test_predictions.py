"""Predictions for work orders: from this centre's own measurements, or none."""

from __future__ import annotations

import pytest
from tests.sites import APP_DIGEST, Site, benchmark_body, enrol_site, inventory_body, make_centre

from hesuan.errors import Conflict
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.models import Benchmark
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.hub.planning.rules import ASSUMED
from hesuan.hub.planning.services import absence, predict, record_outcome
from hesuan.planner.application import Assumption
from hesuan.wire.canonical import Json, canonical
from hesuan.wire.ids import new_id

SPREAD = [(1000, 1510), (2000, 2490), (4000, 4520), (1000, 1490), (2000, 2510), (4000, 4480)]


def work(**changes: Json) -> dict[str, Json]:
    return {"kind": "app", "app": "omics-match", "units": 2000, "parameters": {}, "cores": 2, **changes}


@pytest.fixture
def site(centre_organisation: Organisation) -> Site:
    site = enrol_site(make_centre(centre_organisation))
    services.record_inventory(agent_id=site.agent.id, message_id=new_id(), body=inventory_body())
    return site


def measure(site: Site, points: list[tuple[int, int]] | None = None, **changes: Json) -> Benchmark:
    return services.record_benchmark(
        agent_id=site.agent.id, message_id=new_id(), body=benchmark_body(points or SPREAD, **changes)
    )


def outcome(
    site: Site, *, run_id: str, wall_ms: int = 6400, state: str = "COMPLETED", **changes: Json
) -> bool:
    return record_outcome(
        run_id=run_id,
        agent_id=site.agent.id,
        work=work(**changes),
        app_digest=APP_DIGEST,
        state=state,
        wall_ms=wall_ms,
    )


def why_not(site: Site, **changes: Json) -> str:
    assert predict(centre_id=site.agent.centre_id, work=work(**changes)) is None
    return absence(centre_id=site.agent.centre_id, work=work(**changes)).en


def test_measured_within_calibrated_beyond(site: Site) -> None:
    measure(site)
    inside = predict(centre_id=site.agent.centre_id, work=work())
    beyond = predict(centre_id=site.agent.centre_id, work=work(units=20_000))
    assert inside and beyond
    assert inside.kind == "measured" and inside.low_ms < 2500 < inside.high_ms
    assert inside.app_digest == APP_DIGEST and inside.points_used == 6
    assert inside.units_per_s_milli == pytest.approx(800_000, rel=0.02)
    assert beyond.kind == "calibrated"
    assert ASSUMED[Assumption.BEYOND_MEASURED] in beyond.reasons
    assert canonical(beyond.document()), "a quote can carry it: no float anywhere"


def test_without_evidence_there_is_no_prediction_and_it_says_why(site: Site) -> None:
    assert "never measured" in why_not(site)
    measure(site)
    assert "does not hold fluid" in why_not(site, app="fluid")
    assert "on 2 core(s), not on 4" in why_not(site, cores=4)
    services.revoke_agent(actor=SYSTEM, agent_id=site.agent.id, reason="test")
    assert "no site agent" in why_not(site)


def test_one_size_is_no_evidence(site: Site) -> None:
    measure(site, [(1000, 1500), (1000, 1510)])
    assert "one size only" in why_not(site)


def test_a_new_version_of_the_app_is_measured_anew(site: Site) -> None:
    measure(site)
    body = inventory_body(
        apps=[{"name": "omics-match", "digest": "sha256:" + "cd" * 32, "work_unit": "sample"}]
    )
    services.record_inventory(agent_id=site.agent.id, message_id=new_id(), body=body)
    assert "never measured" in why_not(site)


def test_another_centres_measurements_are_no_evidence_here(
    site: Site, centre_organisation: Organisation
) -> None:
    measure(site)
    elsewhere = enrol_site(make_centre(centre_organisation, "Luoyang"))
    services.record_inventory(agent_id=elsewhere.agent.id, message_id=new_id(), body=inventory_body())
    assert "never measured" in why_not(elsewhere)


def test_a_script_has_its_own_limit_and_nothing_more(site: Site) -> None:
    script: dict[str, Json] = {"kind": "script", "command": ["true"], "cores": 1, "time_limit_s": 60}
    answer = predict(centre_id=site.agent.centre_id, work=script)
    assert answer and (answer.low_ms, answer.mid_ms, answer.high_ms) == (0, 60_000, 60_000)
    assert answer.kind == "assumed" and answer.app_digest is None and answer.points_used == 0


def test_a_finished_run_makes_the_next_prediction_better(site: Site) -> None:
    measure(site)
    before = predict(centre_id=site.agent.centre_id, work=work(units=8000))
    for _ in range(3):
        assert outcome(site, run_id=new_id(), units=8000, wall_ms=10_000)
    after = predict(centre_id=site.agent.centre_id, work=work(units=8000))
    assert before and after and before.kind == "calibrated" and after.kind == "measured"
    assert abs(after.mid_ms - 10_000) < abs(before.mid_ms - 10_000)
    assert "3 of them finished orders" in after.reasons[0].en


def test_the_same_run_again_adds_nothing_and_other_figures_are_refused(site: Site) -> None:
    run_id = new_id()
    assert outcome(site, run_id=run_id) and outcome(site, run_id=run_id)
    assert Benchmark.objects.count() == 1
    assert Fact.objects.filter(kind="centre.run_measured").count() == 1
    with pytest.raises(Conflict) as caught:
        outcome(site, run_id=run_id, wall_ms=1)
    assert caught.value.code.name == "centre.evidence_conflict"


@pytest.mark.parametrize("state", ["FAILED", "KILLED", "TIMEOUT", "CANCELLED", "UNKNOWN", "REFUSED"])
def test_a_run_that_did_not_complete_teaches_nothing(site: Site, state: str) -> None:
    assert not outcome(site, run_id=new_id(), state=state)
    assert not Benchmark.objects.exists()


def test_many_runs_of_one_size_do_not_crowd_out_the_benchmark(site: Site) -> None:
    measure(site)
    for _ in range(selectors.NEWEST_RUNS + 3):
        outcome(site, run_id=new_id(), units=2000, wall_ms=2500)
    points = selectors.evidence(site.agent.centre_id, "omics-match", 2)
    assert len(points) == selectors.NEWEST_RUNS + len(SPREAD)
    assert len({point.units for point in points}) == 3


def test_a_newer_benchmark_replaces_the_older(site: Site) -> None:
    measure(site)
    measure(site, [(units, 10 * wall_ms) for units, wall_ms in SPREAD])
    answer = predict(centre_id=site.agent.centre_id, work=work())
    assert answer and answer.mid_ms > 20_000


def test_every_assumption_has_its_sentence() -> None:
    assert set(ASSUMED) == set(Assumption)
