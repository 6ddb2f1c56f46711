"""``make test``: each test is in one pass of each of its databases, and nothing is passed over in silence."""

from __future__ import annotations

from itertools import chain, combinations
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression
from tools import run_tests
from tools.run_tests import ENGINES, NONE_CHOSEN, WAITING, Outcome, Pass

MARKS = ("database", "go", "measurements", *WAITING)
SETS = list(chain.from_iterable(combinations(MARKS, count) for count in range(len(MARKS) + 1)))
SERVER = "postgresql://postgres@127.0.0.1:1/postgres"


def chosen_by(passes: list[Pass], marks: tuple[str, ...]) -> list[str]:
    """Titles of the passes that run a test with these marks."""
    return [one.title for one in passes if Expression.compile(one.arguments[1]).evaluate(marks.__contains__)]


@pytest.mark.parametrize("marks", SETS)
def test_each_test_is_in_one_pass_on_sqlite_and_one_on_postgresql_if_it_has_rows(
    marks: tuple[str, ...],
) -> None:
    titles = chosen_by(run_tests.plan(SERVER, {}, []), marks)
    assert [title.split(",")[0] for title in titles] == ["SQLite", "PostgreSQL"][: 1 + ("database" in marks)]


def test_a_test_is_left_out_for_its_missing_engine_alone() -> None:
    for engine in ENGINES.keys() - {"postgresql"}:
        passes = run_tests.plan(SERVER, {engine: "not here"}, [])
        for marks in SETS:
            assert bool(chosen_by(passes, marks)) is (engine not in marks)


def test_no_two_passes_on_one_server_have_one_database() -> None:
    on_server = [one for one in run_tests.plan(SERVER, {}, []) if "HESUAN_DATABASE_URL" in one.environment]
    assert len({one.environment["HESUAN_TEST_DATABASE"] for one in on_server}) == len(on_server) == 2


def test_what_was_checked_before_is_left_out_on_sqlite_alone_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HESUAN_TEST_CHECKED", run_tests.CHECKED)
    for one in run_tests.plan(SERVER, {}, []):
        assert ("--ignore=tests/house" in one.arguments) is one.title.startswith("SQLite")
    run_tests._summary([Outcome("SQLite", passed=1)], {}, set(), chosen=False)
    assert "Not again on SQLite: tests/house" in capsys.readouterr().out


def test_nothing_is_left_out_unless_it_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HESUAN_TEST_CHECKED", raising=False)
    assert not [one for one in run_tests.plan(SERVER, {}, []) if "--ignore" in " ".join(one.arguments)]
    monkeypatch.setenv("HESUAN_TEST_CHECKED", "tests/hub")
    with pytest.raises(SystemExit, match="tests/hub"):
        run_tests.plan(SERVER, {}, [])


def test_what_continuous_integration_leaves_out_make_check_runs() -> None:
    assert f"HESUAN_TEST_CHECKED={run_tests.CHECKED} make test" in Path(".ci/run").read_text()
    assert f"pytest -q {run_tests.CHECKED}\n" in Path("Makefile").read_text()


@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.parametrize("code", [1, 2, NONE_CHOSEN])
def test_a_pass_without_a_test_is_forgiven_only_where_tests_were_named(code: int, chosen: bool) -> None:
    outcomes = [Outcome("SQLite", passed=1), Outcome("PostgreSQL", exit_code=code)]
    forgiven = chosen and code == NONE_CHOSEN
    assert run_tests._summary(outcomes, {}, set(ENGINES), chosen=chosen) == (0 if forgiven else 1)


def test_the_summary_names_each_failure_and_its_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "OperationalError: the server&#10; closed the connection"
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite>"
        '<testcase classname="tests.a" name="test_right"/>'
        f'<testcase classname="tests.a" name="test_wrong"><failure message="{said}"/></testcase>'
        f'<testcase classname="tests.b" name="test_begun"><error message="{"x" * 999}"/></testcase>'
        '<testcase classname="tests.b" name="test_not"><skipped message="no root"/></testcase>'
        "</testsuite></testsuites>"
    )
    outcome = Outcome("SQLite", exit_code=1)
    run_tests._count(report, outcome)
    assert run_tests._summary([outcome], {}, set(), chosen=False) == 1
    assert capsys.readouterr().out.splitlines()[2:6] == [
        "SQLite: 1 passed, 2 failed, 1 skipped",
        "  failed: tests.a::test_wrong (OperationalError: the server closed the connection)",
        f"  failed: tests.b::test_begun ({'x' * 300})",
        "  skipped: tests.b::test_not (no root)",
    ]


def test_a_run_without_any_test_fails_also_where_tests_were_named() -> None:
    outcomes = [Outcome("SQLite", exit_code=NONE_CHOSEN), Outcome("PostgreSQL", exit_code=NONE_CHOSEN)]
    assert run_tests._summary(outcomes, {}, set(), chosen=True) == 1
