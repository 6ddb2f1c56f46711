"""``hesuan demo``: sets the stage, tells the story, leaves the console open."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from hesuan.cli import frame
from hesuan.cli.demo import telling
from hesuan.cli.demo.people import Person
from hesuan.cli.demo.stage import Stage, free_port
from hesuan.cli.demo.story import APP, Story
from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.errors import InputFault, declare

NO_APPS = declare(
    "demo.no_apps",
    en="There is no application `{app}` in {folder}. Run the demonstration from the repository, or name its"
    " folder of applications with --apps.",
    zh="{folder} 中没有应用“{app}”。请在代码仓库中运行演示，或用 --apps 指明应用目录。",
)


@frame.command(
    "demo",
    en="The whole road once, with real processes on this machine: connect, benchmark, programme, voucher,"
    " quote, run, meter, settle, verify. Then leaves the console open.",
    zh="用本机的真实进程把整条路走一遍：接入、基准测试、计划、算力券、报价、运行、计量、结算、验证；然后保留控制台。",
)
@frame.option("--once", is_flag=True, en="End after the story.", zh="讲完即结束。")
@frame.option(
    "--data", default="var/demo", show_default=True, en="Folder; made anew.", zh="数据目录；每次重建。"
)
@frame.option("--apps", default="apps", show_default=True, en="Folder of applications.", zh="应用目录。")
@frame.option(
    "--port", default=0, type=int, en="The hub's port; 0: a free one.", zh="平台端口；0 为任选空闲端口。"
)
def demo(once: bool, data: str, apps: str, port: int) -> int:
    """Runs the demonstration."""
    folder, applications = Path(data).resolve(), Path(apps).resolve()
    if not (applications / APP / "app.toml").exists():
        raise InputFault(NO_APPS, app=APP, folder=applications)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    signal.signal(signal.SIGTERM, _end)
    console = Console()
    stage = Stage(folder, port or free_port())
    try:
        people, story = _play(stage, applications)
        telling.tell(console, story.tale)
        if not once:
            _stay(console, stage, people)
    finally:
        stage.close()
    return Exit.DONE


def _play(stage: Stage, apps: Path) -> tuple[dict[str, Person], Story]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as display:
        task = display.add_task("", total=None)

        def progress(en: str, zh: str) -> None:
            nonlocal task
            display.update(task, total=1, completed=1)
            task = display.add_task(said(en=en, zh=zh), total=None)

        display.update(task, description=said(en="making a new hub", zh="建立新的平台"))
        stage.run("hub", "migrate")
        people = cast(stage)
        progress("starting the hub", "启动平台")
        stage.start_hub()
        story = Story(stage, people, apps, progress)
        for act in (story.find, story.programmes, story.quote, story.run, story.settle, story.audit):
            act()
        display.update(task, total=1, completed=1)
    return people, story


def cast(stage: Stage) -> dict[str, Person]:
    """Makes the cast in the stage's database."""
    done = subprocess.run(
        [sys.executable, "-m", "hesuan.cli.demo.people"],
        env=stage.environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {name: Person(**person) for name, person in json.loads(done.stdout).items()}


def _stay(console: Console, stage: Stage, people: dict[str, Person]) -> None:
    telling.tell_logins(console, stage, people)
    console.print(said(en="Ctrl-C ends the hub and the agent.", zh="按 Ctrl-C 结束平台与代理。"))
    try:
        while all(process.popen.poll() is None for process in stage.processes):
            time.sleep(1)
        console.print(
            said(en="A process has ended; see the logs in", zh="有进程已退出；日志在"), stage.folder
        )
    except KeyboardInterrupt:
        console.print()


def _end(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(argv: list[str]) -> int:
    """Runs ``hesuan demo``."""
    return frame.run(demo, argv)
