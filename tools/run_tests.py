"""``make test``: every test this machine can run, and plainly what was left out and why.

Everything runs on SQLite; everything that touches a database again on PostgreSQL, but what is about the words
of a single page; the journeys in Chromium are in both. Each of the two is two passes, each its own pytest:
what starts processes, engines or a browser mostly waits for them, and is a pass of its own, together with the
few tests that take minutes. With two cores or more all run side by side, and what the others say is printed
after the first.
``HESUAN_TEST_REQUIRE=postgresql,browser,ray,go,slurm,kubernetes,namespaces``
turns a missing engine, or a test skipped in spite of it, into a failure: continuous integration sets it.
``HESUAN_TEST_CHECKED=tests/house`` names what ``make check`` just ran, which SQLite's passes leave out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests.engines import cgroup, kubernetes, namespaces, slurm

from tools import postgres, ray_head

ENGINES = {
    "postgresql": "Debian: apt-get install postgresql",
    "browser": "Debian: apt-get install chromium fonts-noto-cjk",
    "go": "Debian: apt-get install golang-go golang-golang-x-mod-dev",
    "ray": "pip install 'hesuan[ray]' 'ray[default]'; as root, or where users may make namespaces",
    "slurm": "Debian, as root: apt-get install $(python -m tests.engines.slurm packages)",
    "kubernetes": "Debian, as root: tests/engines/kubernetes_build.sh",
    "cgroup": "as root, or where users may make control groups (cgroup v2)",
    "namespaces": "as root, with /dev/net/tun, where the kernel gives network namespaces",
    "measurements": "HESUAN_MEASUREMENTS names the folder of published rows; the project does not carry it",
}
GO_LIBRARY = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")
"""Where Debian's package puts it."""
MEASUREMENTS = "../shared/measurements"
WAITING = ("processes", "browser", "slurm", "ray", "kubernetes", "long")
"""Tests with one of these marks wait for others, or take minutes: the second pass of each database."""
WITH = ", with processes, engines, a browser and what takes long"
CHECKED = "tests/house"
"""What ``make check`` runs."""
NONE_CHOSEN = 5
"""pytest's word for: of what was asked for, no test is in this pass."""
SLOWEST = ["--durations=40", "--durations-min=5"]
"""Each pass ends with what took longest, so that whoever waits for it sees where the time went."""
CAUSE_CHARACTERS = 300
"""How much of a failure's cause the summary repeats; the pass itself printed all of it."""


@dataclass
class Outcome:
    """What one pass came to."""

    title: str
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    """Which, and the first line of why."""
    skipped: list[str] = field(default_factory=list)
    exit_code: int = 0


def main(arguments: list[str]) -> int:
    """Runs the passes and prints the summary; 0 when nothing failed and nothing required was left out."""
    required = {word for word in os.environ.get("HESUAN_TEST_REQUIRE", "").split(",") if word}
    unknown = required - set(ENGINES)
    if unknown:
        sys.exit(f"HESUAN_TEST_REQUIRE names {sorted(unknown)}; engines are {sorted(ENGINES)}.")
    missing = _missing()
    with _server(missing) as address:
        passes = plan(address, missing, arguments)
        outcomes = run(passes, together=(os.cpu_count() or 1) > 1)
    return _summary(outcomes, missing, required, chosen=bool(arguments))


def plan(address: str | None, missing: dict[str, str], arguments: list[str]) -> list[Pass]:
    """The passes on SQLite, and with a server's address those on PostgreSQL."""
    here = [f"--ignore={folder}" for folder in checked()]
    databases: list[tuple[str, dict[str, str], str, list[str]]] = [("SQLite", {}, "", here)]
    if address:
        databases.append(("PostgreSQL", {"HESUAN_DATABASE_URL": address}, "database", []))
    waiting = " or ".join(WAITING)
    passes = []
    for apart, more, name in (
        (f"not ({waiting})", "", "test_hesuan"),
        (f"({waiting})", WITH, "test_hesuan_2"),
    ):
        for title, environment, wanted, without in databases:
            chosen = ["-m", _marked(wanted, apart, missing), *without, *arguments]
            passes.append(Pass(title + more, environment | {"HESUAN_TEST_DATABASE": name}, chosen))
    return passes


def checked() -> list[str]:
    """Folders whose tests ran on SQLite just before; ``make check`` runs one, and no other can be named."""
    named = os.environ.get("HESUAN_TEST_CHECKED", "").split()
    if unknown := sorted(set(named) - {CHECKED}):
        sys.exit(f"HESUAN_TEST_CHECKED names {unknown}; `make check` runs the tests of {CHECKED} alone.")
    return named


def chromium() -> str | None:
    """The browser's program, or ``None``."""
    return os.environ.get("HESUAN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def _marked(wanted: str, apart: str, missing: dict[str, str]) -> str:
    """pytest's choice of tests: those wanted of one half, without those whose engine is missing."""
    left_out = [f"not {engine}" for engine in ENGINES if engine in missing and engine != "postgresql"]
    return " and ".join([*([wanted] if wanted else []), apart, *left_out])


def _missing() -> dict[str, str]:
    missing = {}
    if "HESUAN_TEST_POSTGRESQL" not in os.environ and postgres.programs() is None:
        missing["postgresql"] = "no PostgreSQL server programs found"
    if chromium() is None:
        missing["browser"] = "no Chromium found"
    if shutil.which("go") is None or not GO_LIBRARY.exists():
        missing["go"] = "no Go, or not its library golang.org/x/mod"
    if problem := ray_head.why_not():
        missing["ray"] = problem
    if problem := slurm.why_not():
        missing["slurm"] = problem
    if problem := kubernetes.why_not():
        missing["kubernetes"] = problem
    if problem := cgroup.why_not():
        missing["cgroup"] = problem
    if problem := namespaces.why_not():
        missing["namespaces"] = problem
    if not (Path(os.environ.get("HESUAN_MEASUREMENTS", MEASUREMENTS)) / "training.csv").exists():
        missing["measurements"] = "the published rows are not here"
    return missing


@contextmanager
def _server(missing: dict[str, str]) -> Iterator[str | None]:
    given = os.environ.get("HESUAN_TEST_POSTGRESQL")
    if "postgresql" in missing:
        yield None
    else:
        with nullcontext(given) if given else postgres.temporary_server(thrown_away=True) as address:
            yield address


def run(passes: list[Pass], *, together: bool) -> list[Outcome]:
    """The passes one after the other or side by side; their output always one after the other."""
    if not together:
        return [one.start(None).finish() for one in passes]
    first, *others = passes
    with tempfile.TemporaryDirectory() as folder:
        started = [one.start(Path(folder) / f"{place}.log") for place, one in enumerate(others)]
        try:
            return [first.start(None).finish(), *(one.finish() for one in started)]
        finally:
            for one in started:
                one.end()


@dataclass
class Pass:
    """One run of pytest."""

    title: str
    environment: dict[str, str]
    arguments: list[str]

    def start(self, log: Path | None) -> Started:
        """Starts it; what it says goes to a file, or at once to whoever looks."""
        if log is None:
            _headline(self.title)
        report = Path(tempfile.mkdtemp(prefix="hesuan-pass-")) / "report.xml"
        variables = {key: value for key, value in os.environ.items() if key != "HESUAN_DATABASE_URL"}
        variables |= {
            "HESUAN_MODE": "test",
            "HESUAN_DATA_DIR": str(report.parent / "data"),
            **self.environment,
        }
        command = [sys.executable, "-m", "pytest", f"--junit-xml={report}", *SLOWEST, *self.arguments]
        with nullcontext() if log is None else log.open("wb") as out:
            process = subprocess.Popen(command, env=variables, stdout=out, stderr=out)
        return Started(self.title, process, report, log)


@dataclass
class Started:
    """A pass that runs."""

    title: str
    process: subprocess.Popen[bytes]
    report: Path
    log: Path | None

    def finish(self) -> Outcome:
        """Waits for it, prints what was kept back, and counts."""
        code = self.process.wait()
        if self.log is not None:
            _headline(self.title)
            sys.stdout.write(self.log.read_text(errors="replace"))
            sys.stdout.flush()
        outcome = Outcome(self.title, exit_code=code)
        if self.report.exists():
            _count(self.report, outcome)
        shutil.rmtree(self.report.parent)
        return outcome

    def end(self) -> None:
        """Ends it where it still runs: the one in front was interrupted."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def _headline(title: str) -> None:
    print(f"\n=== Tests on {title} ===", flush=True)


def _count(report: Path, outcome: Outcome) -> None:
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it just now
        said = {child.tag: child.get("message", "") for child in case}
        name = f"{case.get('classname')}::{case.get('name')}"
        if causes := [said[kind] for kind in ("failure", "error") if kind in said]:
            outcome.failed.append(f"{name} ({' '.join(causes[0].split())[:CAUSE_CHARACTERS]})")
        elif "skipped" in said:
            outcome.skipped.append(f"{name} ({said['skipped']})")
        else:
            outcome.passed += 1


def _summary(outcomes: list[Outcome], missing: dict[str, str], required: set[str], *, chosen: bool) -> int:
    print("\n=== Summary ===")
    for outcome in outcomes:
        counts = f"{outcome.passed} passed, {len(outcome.failed)} failed, {len(outcome.skipped)} skipped"
        print(f"{outcome.title}: {counts}")
        for failure in outcome.failed:
            print(f"  failed: {failure}")
        for skipped in outcome.skipped:
            print(f"  skipped: {skipped}")
    for folder in checked():
        print(f"Not again on SQLite: {folder}, which `make check` ran just before.")
    for engine, reason in missing.items():
        print(f"Left out: {engine} tests - {reason}. {ENGINES[engine]}")
    if not missing:
        print("Left out: nothing; both databases, a browser, Ray and the published rows were there.")
    forbidden = required & set(missing)
    problems = [f"required but missing: {name}" for name in sorted(forbidden)]
    if required and any(outcome.skipped for outcome in outcomes):
        problems.append("a test was skipped although its engine was required")
    # Who asked for some tests by name may have asked for none of a pass, but not for none at all.
    ran = [o for o in outcomes if o.exit_code != NONE_CHOSEN] if chosen else outcomes
    problems += [f"{o.title}: pytest ended with {o.exit_code}" for o in ran or outcomes if o.exit_code]
    for problem in problems:
        print(f"FAILED: {problem}")
    passed, failed = sum(o.passed for o in outcomes), sum(len(o.failed) for o in outcomes)
    print(f"{passed} passed, {failed} failed, {sum(len(o.skipped) for o in outcomes)} skipped")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
