"""``hesuan agent``: enrol a site, serve, and look at the machine the way the hub will be told of it."""

from __future__ import annotations

import json
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from hesuan.agent import checkup as checking
from hesuan.agent import counting, draining, engines, manifests
from hesuan.agent import detect as detecting
from hesuan.agent import reconcile as reconciling
from hesuan.agent import site as sites
from hesuan.agent.agent import Agent
from hesuan.agent.benchmarking import Benchmark, core_counts
from hesuan.agent.orders import APP_UNKNOWN, House
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.spool import Spool
from hesuan.agent.surveying import Surveyor
from hesuan.agent.uplink import Uplink
from hesuan.cli import checkup
from hesuan.cli import reconcile as reconciled
from hesuan.cli.exits import Exit, tell
from hesuan.cli.language import said
from hesuan.errors import InputFault, NotFound
from hesuan.units import format_bytes, format_seconds
from hesuan.wire import keys
from hesuan.wire.apps import NO_MANIFEST
from hesuan.wire.canonical import Json

SAME_SENTENCE_S = 60.0
"""A sentence that has not changed is not said again sooner than this."""

_DATE = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])
_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


def main(argv: list[str]) -> int:
    """Runs one of the agent's commands; returns the exit code."""
    try:
        result = commands.main(args=argv, prog_name="hesuan agent", standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        return Exit.FAULTY
    except click.Abort:
        return 130
    return int(result or 0)


@click.group()
def commands() -> None:
    """The site agent: the only part a centre installs. It calls the hub; nothing calls it."""


@commands.command()
@click.option("--hub", required=True, help="Address of the hub, such as https://compute.example.")
@click.option("--code", required=True, help="One-time code from the centre's page; good for 15 minutes.")
@click.option("--data", type=_FOLDER, required=True, help="This agent's own folder; made if absent.")
@click.option("--name", default="", help="Name of this site; the machine's by default.")
def enrol(hub: str, code: str, data: Path, name: str) -> None:
    """Register this site with a one-time code. The private key is made here and stays here."""
    site = sites.enrol(data, hub=hub, code=code.strip(), name=name or socket.gethostname())
    fingerprint = keys.key_id(keys.public_text(site.private))
    Console().print(
        said(
            en=f"Enrolled at {site.hub} as agent {site.agent} of centre {site.centre}; key {fingerprint}.",
            zh=f"已在 {site.hub} 注册：站点代理 {site.agent}，算力中心 {site.centre}，密钥 {fingerprint}。",
        ),
        soft_wrap=True,
    )


@commands.command()
@click.option("--data", type=_FOLDER, required=True, help="The folder that was enrolled.")
@click.option("--apps", type=_FOLDER, required=True, help="Folder of packaged applications.")
@click.option("--allow-scripts", is_flag=True, help="Also run users' own commands, as this user.")
@click.option(
    "--meter-every",
    "meter_every_s",
    type=click.IntRange(min=1),
    default=int(counting.EVERY_S),
    show_default=True,
    help="Seconds between two words about how long a run has held its cores.",
)
@click.option(
    "--site",
    "site_file",
    type=_FILE,
    help="Which engine this site has; DATA/site.toml by default, without it this machine.",
)
def run(data: Path, apps: Path, allow_scripts: bool, meter_every_s: int, site_file: Path | None) -> None:
    """Serve: take commands, run jobs, report. Stop it any time; jobs go on and are found again."""
    site = sites.load(data)
    teller = Teller(Console())
    equipped = engines.equip(site, site_file)
    scheduler, machine = equipped.scheduler, equipped.machine
    for note in machine.notes:
        teller(note)
    if equipped.limits is not None:
        teller(said(en=equipped.limits.en, zh=equipped.limits.zh))
    found = usable_apps(apps, machine, teller)

    def described(seen: detecting.Machine) -> dict[str, Json]:
        return equipped.inventory(seen, apps=found, scripts_allowed=allow_scripts)

    with sites.alone(data):
        if equipped.keeper is not None:
            equipped.keeper.begin(teller)
        agent = Agent(
            site=site,
            spool=Spool(site.spool, site.agent, site.private),
            uplink=Uplink(site.hub, site.private, site.agent),
            scheduler=scheduler,
            house=House(found, scripts_allowed=allow_scripts),
            inventory=described(machine),
            tell=teller,
            cores=machine.cores,
            meter=counting.Meter(every_s=meter_every_s),
            surveyor=Surveyor(look=lambda: described(equipped.look()), look_free=equipped.capacity),
            log_bytes=equipped.log_bytes,
            output_bytes=equipped.output_bytes,
            bounds=equipped.bounds,
            delivery=equipped.delivery,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: agent.stop())
        teller(
            f"Agent {site.agent} serves {site.hub} by {scheduler.name}; {machine.cores} cores,"
            f" apps: {', '.join(found) or '–'}."
        )
        agent.serve()
        teller("Stopped; running jobs go on and are found again.")


@commands.command()
@click.option("--data", type=_FOLDER, required=True, help="The folder that was enrolled.")
@click.option(
    "--site", "site_file", type=_FILE, help="Which engine this site has; DATA/site.toml by default."
)
@click.option(
    "--wait",
    "wait_s",
    type=click.IntRange(min=1),
    default=120,
    show_default=True,
    help="Seconds that a trial job may take until it is on the books.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON, when all are done.")
def check(data: Path, site_file: Path | None, wait_s: int, as_json: bool) -> int:
    """Try this site: hub, clock, engine, users, and four jobs of a few seconds. Charges nobody."""
    steps = checking.of_site(data, site_file, wait_s=wait_s)
    return checkup.as_json(steps) if as_json else checkup.show(steps)


@commands.command()
@click.option("--data", type=_FOLDER, required=True, help="The folder that was enrolled.")
@click.option("--since", type=_DATE, required=True, help="First day, UTC: 2026-11-01, or a time with Z.")
@click.option("--until", type=_DATE, help="The day (or time) after the last; now by default.")
@click.option(
    "--site", "site_file", type=_FILE, help="Which engine this site has; DATA/site.toml by default."
)
@click.option("--json", "as_json", is_flag=True, help="Print totals and findings as JSON.")
def reconcile(
    data: Path, since: datetime, until: datetime | None, site_file: Path | None, as_json: bool
) -> int:
    """Compare the centre's own books with the hub's records; ends with 1 if they differ. Changes nothing."""
    site = sites.load(data)
    equipped = engines.equip(site, site_file)
    uplink = Uplink(site.hub, site.private, site.agent)
    try:
        compared = reconciling.of_site(
            equipped.scheduler,
            uplink,
            since=since.replace(tzinfo=UTC),
            until=until.replace(tzinfo=UTC) if until else datetime.now(UTC),
        )
    finally:
        uplink.close()
    return reconciled.as_json(compared) if as_json else reconciled.put(compared)


def _bounded(_context: click.Context, _parameter: click.Parameter, reason: str) -> str:
    said_of_it = " ".join(reason.split())
    if not 0 < len(said_of_it) <= draining.LONGEST_REASON:
        raise click.BadParameter(f"{len(said_of_it)} characters; 1 to {draining.LONGEST_REASON} are needed.")
    return said_of_it


@commands.command()
@click.argument("run")
@click.option("--data", type=_FOLDER, required=True, help="The folder that was enrolled.")
@click.option("--reason", required=True, callback=_bounded, help="What happened; the run's user reads it.")
@click.option(
    "--site", "site_file", type=_FILE, help="Which engine this site has; DATA/site.toml by default."
)
def lost(run: str, data: Path, reason: str, site_file: Path | None) -> int:
    """Declare an UNKNOWN run lost: it ends as KILLED, its user pays nothing. It cannot be taken back.

    First see that nothing of it runs any more. The serving agent may go on; it tells the hub.
    """
    engines.equip(sites.load(data), site_file).scheduler.declare_lost(run, reason)
    click.echo(
        said(
            en=f"Run {run} is declared lost. The serving agent tells the hub; its holds go back to its user.",
            zh=f"已宣布运行 {run} 丢失。运行中的代理会告知平台；冻结金额将退还用户。",
        )
    )
    return Exit.DONE


@commands.command()
@click.option("--data", type=_FOLDER, required=True, help="The folder that was enrolled.")
@click.option("--reason", required=True, callback=_bounded, help="Why; users of refused runs read it.")
def drain(data: Path, reason: str) -> int:
    """Take no new work at this site; runs under way go on to their end. Lasts until `hesuan agent resume`.

    The serving agent may go on; it tells the hub. What the hub has asked stands beside it.
    """
    with _spool(data) as spool:
        changed = draining.at_the_site(spool, reason)
    begun = said(
        en="This site takes no new work. Runs under way go on.",
        zh="本站点不再接收新的作业；已开始的运行继续。",
    )
    before = said(en="This site drains already; nothing was changed.", zh="本站点已在排空；未作任何更改。")
    click.echo(begun if changed else before)
    return Exit.DONE


@commands.command()
@click.option("--data", type=_FOLDER, required=True, help="The folder that was enrolled.")
def resume(data: Path) -> int:
    """Take new work again, after `hesuan agent drain`. What the hub has asked stays until the hub ends it."""
    with _spool(data) as spool:
        draining.at_the_site(spool, None)
        still = draining.objection(spool)
    click.echo(
        said(
            en="The hub has asked this site to drain: that ends at the hub, on the centre's page.",
            zh="平台已要求本站点排空：须在平台的算力中心页面上恢复。",
        )
        if still
        else said(en="This site takes new work.", zh="本站点接收新的作业。")
    )
    return Exit.DONE


@contextmanager
def _spool(data: Path) -> Iterator[Spool]:
    """The spool of an enrolled site, beside an agent that may serve."""
    site = sites.load(data)
    spool = Spool(site.spool, site.agent, site.private)
    try:
        yield spool
    finally:
        spool.close()


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="Print what would be sent to the hub, as JSON.")
def detect(as_json: bool) -> None:
    """Show what this machine has, as far as it can be seen."""
    machine = detecting.machine()
    if as_json:
        body = machine.inventory(
            engine=LocalScheduler.name, isolation=LocalScheduler.isolation, apps={}, scripts_allowed=False
        )
        click.echo(json.dumps(body, ensure_ascii=False, indent=1))
        return
    console = Console()
    console.print(machine_table(machine))
    for note in machine.notes:
        console.print(note)


@commands.command()
@click.argument("app")
@click.option("--apps", type=_FOLDER, required=True, help="Folder of packaged applications.")
@click.option("--cores", type=click.IntRange(min=1), multiple=True, help="Cores to measure; repeatable.")
def benchmark(app: str, apps: Path, cores: tuple[int, ...]) -> int:
    """Measure a packaged application on this machine, with every answer checked. Sends nothing."""
    console = Console()
    machine = detecting.machine()
    found = usable_apps(apps, machine, Teller(console))
    if app not in found:
        raise NotFound(APP_UNKNOWN, app=app, apps=", ".join(found) or "–")
    with tempfile.TemporaryDirectory(prefix="hesuan-benchmark-") as folder:
        scheduler = LocalScheduler(Path(folder), cores=machine.cores)
        measuring = Benchmark(found[app], scheduler, "command line", cores or core_counts(machine.cores))
        _measure(console, measuring)
        console.print(benchmark_table(measuring))
    return Exit.DONE


def _measure(console: Console, measuring: Benchmark) -> None:
    """Runs the benchmark to its end under a progress display."""
    steps = list(measuring.steps())
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(measuring.manifest.name, total=len(steps))
        while (step := measuring.advance()) is not None:
            unit = measuring.manifest.work_unit
            label = f"{measuring.manifest.name}: {step.units} × {unit}, {step.cores} core(s)"
            progress.update(task, completed=steps.index(step), description=label)
            time.sleep(0.1)
        progress.update(task, completed=len(steps), description=measuring.manifest.name)


class Teller:
    """Says sentences to the operator with the time; the same one again only after a while."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._said: dict[str, float] = {}

    def __call__(self, sentence: str) -> None:
        """Says one sentence."""
        now = time.monotonic()
        if now - self._said.get(sentence, -SAME_SENTENCE_S) < SAME_SENTENCE_S:
            return
        self._said = {text: at for text, at in self._said.items() if now - at < SAME_SENTENCE_S}
        self._said[sentence] = now
        stamp = time.strftime("%H:%M:%S")
        self.console.print(f"{stamp}  {sentence}", soft_wrap=True, markup=False, highlight=False)


def usable_apps(apps: Path, machine: detecting.Machine, teller: Teller) -> dict[str, manifests.Manifest]:
    """The applications of a folder that this machine can run; why not is said of the others.

    Raises:
        InputFault: there is no such folder.
    """
    if not apps.is_dir():
        raise InputFault(NO_MANIFEST, where=str(apps), file=manifests.FILE)
    found, broken = manifests.load_all(apps)
    for faults in broken:
        tell(faults)
    usable = {}
    for name, manifest in found.items():
        if needs := manifest.lacks(machine.software):
            teller(f"{name} is not offered: it needs {needs}.")
        else:
            usable[name] = manifest
    return usable


def machine_table(machine: detecting.Machine) -> Table:
    """What was detected, for people."""
    table = Table(show_header=False, title=machine.host)
    table.add_row(said(en="cores", zh="核数"), str(machine.cores))
    memory = format_bytes(machine.memory_bytes) if machine.memory_bytes else said(en="unknown", zh="未知")
    table.add_row(said(en="memory", zh="内存"), memory)
    for card in machine.cards:
        each = format_bytes(card.memory_bytes) if card.memory_bytes else said(en="unknown", zh="未知")
        table.add_row(said(en="cards", zh="加速卡"), f"{card.count} × {card.chip}, {each}")
    if not machine.cards:
        table.add_row(said(en="cards", zh="加速卡"), said(en="none seen", zh="未发现"))
    for name, version in machine.software.items():
        table.add_row(name, version)
    return table


def benchmark_table(measuring: Benchmark) -> Table:
    """What was measured, for people."""
    manifest = measuring.manifest
    table = Table(title=f"{manifest.name} {manifest.version}")
    for heading in (
        said(en="cores", zh="核数"),
        manifest.work_unit,
        said(en="wall time", zh="用时"),
        said(en="processor time", zh="处理器时间"),
        f"{manifest.work_unit}/s",
        said(en="peak memory", zh="内存峰值"),
        f"{manifest.check.result} (≥ {manifest.check.at_least})",
    ):
        table.add_column(heading, justify="right")
    for cores, points in measuring.measured.items():
        for units, usage in points:
            table.add_row(
                str(cores),
                str(units),
                format_seconds(usage.wall_ms / 1000),
                format_seconds(usage.cpu_ms / 1000),
                str(units * 1000 // max(1, usage.wall_ms)),
                format_bytes(usage.peak_memory_bytes),
                str(usage.result[manifest.check.result]),
            )
    return table
