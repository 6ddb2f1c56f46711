"""``hesuan agent reconcile``: what does not agree between the books and the hub is found, on either side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.agent.hub import StandInHub, serving

from hesuan.agent import reconcile
from hesuan.agent import site as sites
from hesuan.agent.reconcile import Compared, Kind
from hesuan.agent.schedulers.contract import Booked, Gap, RunSpec, Untold
from hesuan.agent.schedulers.fake import FakeCentre, FakeScheduler
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.site import Site
from hesuan.cli import reconcile as printed
from hesuan.cli.language import Language, choose
from hesuan.cli.main import main
from hesuan.errors import Refused
from hesuan.wire.attempts import COMPARED, attempts
from hesuan.wire.ids import new_id

SINCE, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
RUN, OTHER = "01JDZ6Y8000000000000000003", "01JDZ6Y8000000000000000004"


def record(key: str = "one/41/1", run: str = RUN, *, day: int = 20, **changes: Any) -> dict[str, Any]:
    """One attempt of an hour, as either side has it."""
    return {
        "key": key,
        "run": run,
        "state": "COMPLETED",
        "started_at": f"2026-11-{day:02}T10:00:00.000000Z",
        "ended_at": f"2026-11-{day:02}T11:00:00.000000Z",
        "wall_ms": 3_600_000,
        "core_s": 14_400,
        "card_s": 28_800,
        "node_s": 3_600,
        "memory_mib_s": 0,
        "energy_j": None,
        "raw": "41|one",
        "raw_digest": "sha256:" + "ab" * 32,
        **changes,
    }


def compared(books: list[dict[str, Any]], hub: list[dict[str, Any]]) -> Compared:
    return reconcile.compare(books, hub, since=SINCE, until=UNTIL)


def kinds(outcome: Compared) -> list[Kind]:
    return [one.kind for one in outcome.findings]


def test_two_equal_sides_agree_in_whatever_order() -> None:
    both = [record(), record("one/42/1", OTHER)]
    outcome = compared(both, both[::-1])
    assert outcome.findings == () and outcome.books == outcome.hub
    assert (outcome.books.attempts, outcome.books.card_s) == (2, 57_600)


CHANGED: dict[str, Any] = {name: 7 for name in COMPARED if not name.endswith("_at") and name != "state"} | {
    "state": "FAILED",
    "started_at": "2026-11-20T10:00:01.000000Z",
    "ended_at": "2026-11-20T11:00:01.000000Z",
    "run": OTHER,
}


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("at", ["books", "hub"])
def test_one_altered_figure_on_either_side_is_found_with_both_numbers(name: str, at: str) -> None:
    """Negative control of the whole comparison: each figure is altered, on each side."""
    true, altered = record(), record(**{name: CHANGED[name]})
    outcome = compared([altered], [true]) if at == "books" else compared([true], [altered])
    (found,) = outcome.findings
    assert found.kind == Kind.DIFFERS
    said = {"books": found.books, "hub": found.hub}
    assert said.pop(at) == {name: CHANGED[name]} and list(said.values()) == [{name: true[name]}]


def test_what_is_on_one_side_only_is_found_with_its_figures() -> None:
    outcome = compared([record(), record("one/42/1", OTHER)], [record(), record("one/43/1", OTHER)])
    assert kinds(outcome) == [Kind.NOT_AT_THE_HUB, Kind.NOT_IN_THE_BOOKS]
    alone, lost = outcome.findings
    assert (alone.key, alone.books["card_s"], alone.hub) == ("one/42/1", 28_800, {})
    assert (lost.key, lost.hub["card_s"], lost.books) == ("one/43/1", 28_800, {})


def test_an_attempt_whose_end_lies_in_the_time_on_one_side_only_is_one_difference() -> None:
    late = record(ended_at="2026-11-21T00:00:00.000000Z")
    for books, hub in (([record()], [late]), ([late], [record()])):
        assert kinds(compared(books, hub)) == [Kind.DIFFERS]
    assert compared([late], [late]).books.attempts == 0, "the last day is not in it"
    assert compared([record(day=1)], []).findings and not compared([record("k", RUN, day=22)], []).findings


def test_trials_and_benchmarks_are_nobodys_run() -> None:
    own = [record("one/50/1", f"check-{new_id()}"), record("one/51/1", "bench-0a1b2c-warm")]
    assert compared(own, []).findings == ()


def test_the_check_of_a_site_runs_under_no_runs_name() -> None:
    from hesuan.agent.checkup import Trial
    from hesuan.agent.detect import machine
    from hesuan.agent.engines import Equipped

    class _None:
        name = "none"

    trial = Trial(Equipped(_None(), machine(), machine), 1.0)  # type: ignore[arg-type]
    assert compared([record("one/50/1", trial._spec("true").run)], []).findings == ()


TWICE: list[tuple[str, list[dict[str, Any]]]] = [
    ("another run claims it", [record(claimed_twice=True)]),
    ("the same key twice", [record(), record()]),
    ("two attempts at once", [record(), record("one/42/1", started_at="2026-11-20T10:30:00.000000Z")]),
]


@pytest.mark.parametrize("told", [told for _, told in TWICE], ids=[name for name, _ in TWICE])
def test_an_attempt_counted_twice_is_found(told: list[dict[str, Any]]) -> None:
    outcome = compared([{**one, "claimed_twice": None} for one in told], told)
    assert Kind.COUNTED_TWICE in kinds(outcome) and Kind.DIFFERS not in kinds(outcome)


def test_a_job_that_was_requeued_is_not_counted_twice() -> None:
    again = record(
        "one/41/2", started_at="2026-11-20T11:00:00.000000Z", ended_at="2026-11-20T12:00:00.000000Z"
    )
    assert compared([record(), again], [again, record()]).findings == ()


# --- The engines' books ---


class Hub:
    """A hub that has these records."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.kept = records

    def records(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        window = since.isoformat()[:19], until.isoformat()[:19]
        return [one for one in self.kept if window[0] <= one["ended_at"][:19] < window[1]]


def kept(scheduler: Any, *runs: str) -> list[dict[str, Any]]:
    """What a hub has of the usage that was told of these runs."""
    return [{**one, "run": run} for run in runs for one in attempts(scheduler.usage(run).body())]


def test_the_fake_centres_books_with_requeues_and_repeats_agree(tmp_path: Path) -> None:
    centre = FakeCentre()
    centre.repeat_records(3)
    scheduler = FakeScheduler(centre, tmp_path)
    runs = [new_id() for _ in range(3)]
    for run in runs:
        scheduler.submit(RunSpec(run, ("exit:0", "40"), 2, 100))
    centre.requeue(runs[1])
    centre.advance(60)
    for run in runs:
        assert scheduler.poll(run).state.final
    told = kept(scheduler, *runs)
    window = {"since": centre.clock() - timedelta(days=1), "until": centre.clock() + timedelta(seconds=1)}
    outcome = reconcile.of_site(scheduler, Hub(told), **window)
    assert outcome.findings == () and outcome.books.attempts == 4
    centre.submit(RunSpec(new_id(), ("exit:0", "5"), 1, 100))  # behind the agent's back
    centre.advance(30)
    window["until"] += timedelta(minutes=1)
    assert kinds(reconcile.of_site(scheduler, Hub(told), **window)) == [Kind.NOT_AT_THE_HUB]


# --- Books that forget: what the engine still shows, and what was kept ---


def as_kept(**changes: Any) -> dict[str, Any]:
    return record(kept=True, **changes)


def test_a_record_that_was_kept_stands_where_the_engine_shows_no_more_and_counts_once() -> None:
    outcome = compared(
        [record(), as_kept(), as_kept(key="one/42/1", run=OTHER, day=19)],
        [record(), record("one/42/1", OTHER, day=19)],
    )
    assert (outcome.findings, outcome.kept_only) == ((), 1)
    assert outcome.books == outcome.hub and outcome.books.attempts == 2


@pytest.mark.parametrize("name", CHANGED)
def test_each_witness_is_held_against_the_hub_by_itself(name: str) -> None:
    """Negative control: each figure altered in what was kept, in what is shown, and in both alike."""
    changed = {name: CHANGED[name]}
    for books, told in (
        ([record(), as_kept(**changed)], [True]),
        ([as_kept(**changed), record()], [True]),
        ([record(**changed), as_kept()], [False]),
        ([record(**changed), as_kept(**changed)], [False]),
        ([as_kept(**changed)], [True]),
    ):
        outcome = compared(books, [record()])
        assert [(one.kind, one.kept) for one in outcome.findings] == [(Kind.DIFFERS, one) for one in told]
        assert all(one.books == changed for one in outcome.findings)


def test_two_records_kept_of_one_attempt_are_both_compared_and_what_the_hub_lacks_is_found_once() -> None:
    books = [as_kept(), as_kept(core_s=1), as_kept(core_s=1)]
    (found,) = compared(books, [record()]).findings
    assert (found.kind, found.books) == (Kind.DIFFERS, {"core_s": 1})
    assert kinds(compared([record(), as_kept(core_s=1)], [])) == [Kind.NOT_AT_THE_HUB]


class Forgetful:
    """An engine that shows one attempt, and says what it cannot."""

    name, isolation, visible_within_s = "forgetful", (), 1.0

    def remembered(
        self, since: datetime, until: datetime, runs: Mapping[str, object]
    ) -> list[Booked | Untold]:
        return [
            Untold(Gap.FORGETS, detail="session_1"),
            Booked(RUN, record()),
            Booked(OTHER, record("one/42/1", OTHER, day=19), kept=True),
            Untold(Gap.NO_END, OTHER),
            Untold(Gap.NO_FIGURES, RUN, "hesuan/job-1"),
            Untold(Gap.NO_END, f"check-{RUN}"),
        ]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            [
                "Both sides agree.",
                "1 of the attempts the engine shows no more",
                "that are gone from session_1",
                f"run {OTHER}: it was asked for, its job is gone",
                f"run {RUN}: its job hesuan/job-1 is listed as over",
            ],
        ),
        (
            "zh",
            [
                "双方一致。",
                "1 次执行引擎已不再列出",
                "已从 session_1 中消失",
                f"运行 {OTHER}：曾经提交",
                "未说明占用了什么",
            ],
        ),
    ],
)
def test_what_such_books_cannot_show_is_said_and_is_no_finding(
    tmp_path: Path,
    language: Language,
    said: list[str],
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    hub = Hub([record(), record("one/42/1", OTHER, day=19)])
    scheduler = OutsideScheduler(Forgetful(), tmp_path)  # type: ignore[arg-type]
    outcome = reconcile.of_site(scheduler, hub, since=SINCE, until=UNTIL)
    assert (outcome.findings, len(outcome.untold)) == ((), 3), "a trial is nobody's run"
    choose(language)
    request.addfinalizer(lambda: choose(None))
    assert printed.put(outcome) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert [one for one in said if one not in out] == [] and "check-" not in out
    assert printed.put(replace(outcome, untold=(), kept_only=0)) == 0
    assert said[1] not in capsys.readouterr().out


def test_an_engine_without_books_says_so(tmp_path: Path) -> None:
    class Bare:
        name, isolation, visible_within_s = "bare", (), 1.0

    with pytest.raises(Refused, match="The engine bare has no books"):
        reconcile.of_site(
            OutsideScheduler(Bare(), tmp_path),  # type: ignore[arg-type]
            Hub([]),
            since=SINCE,
            until=UNTIL,
        )


# --- On the command line, over a real engine of this machine ---


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with serving(StandInHub()) as one:
        yield one


@pytest.fixture
def site(hub: StandInHub, tmp_path: Path) -> Site:
    return sites.enrol(tmp_path / "site", hub=hub.address, code="CODE-1", name="site")


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def told_by(site: Site, hub: StandInHub, count: int = 2) -> None:
    """Runs on this machine, and a hub that has what was told of them."""
    scheduler = LocalScheduler(site.runs, cores=1)
    runs = [new_id() for _ in range(count)]
    for run in runs:
        scheduler.submit(RunSpec(run, ("sh", "-c", "exit 0"), 1, 30))
        assert scheduler.wait(run, timeout_s=30).state.final
    hub.records = kept(scheduler, *runs)


def call(site: Site, *words: str) -> int:
    return main(["agent", "reconcile", "--data", str(site.data), "--since", today(), *words])


@pytest.mark.processes
def test_both_sides_agree_and_an_altered_record_on_either_is_found(
    site: Site, hub: StandInHub, capsys: pytest.CaptureFixture[str]
) -> None:
    told_by(site, hub)
    assert call(site) == 0
    assert "Both sides agree." in capsys.readouterr().out
    true = hub.records[0]
    hub.records[0] = {**true, "wall_ms": true["wall_ms"] + 1}
    assert call(site, "--json") == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["kind"], found["key"]) == ("differs", f"run/{true['run']}/1")
    assert (found["books"], found["hub"]) == ({"wall_ms": true["wall_ms"]}, {"wall_ms": true["wall_ms"] + 1})
    hub.records[0] = true
    final = site.runs / true["run"] / "final.json"
    written = json.loads(final.read_text())
    written["usage"]["wall_ms"] = 999_000
    final.write_text(json.dumps(written))
    assert call(site) == 1
    out = capsys.readouterr().out
    assert "wall_ms 999000, core_s 999" in out and f"wall_ms {true['wall_ms']}, core_s 1" in out
    final.unlink()
    assert call(site) == 1
    assert "At the hub, not in the books" in capsys.readouterr().out
    hub.records.pop(0)
    assert call(site) == 0


@pytest.mark.processes
def test_in_chinese_and_over_another_time(
    site: Site, hub: StandInHub, capsys: pytest.CaptureFixture[str]
) -> None:
    told_by(site, hub, 1)
    hub.records = []
    words = ["agent", "reconcile", "--data", str(site.data)]
    assert main(["--lang", "zh", *words, "--since", today()]) == 1
    out = capsys.readouterr().out
    assert "账目中有，平台没有" in out and "1 处不一致" in out
    assert main(["--lang", "zh", *words, "--since", "2026-01-01", "--until", "2026-01-02T00:00:00Z"]) == 0
    assert "双方一致" in capsys.readouterr().out


def test_a_hub_that_is_away_is_no_agreement(site: Site, hub: StandInHub) -> None:
    hub.away = True
    assert call(site) == 5
