"""``docs/reference/settings.md``: every variable that Hesuan reads from the environment or gives to a job."""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.cli.client import VARIABLES as OF_USERS
from hesuan.cli.planning.backtesting import VARIABLES as OF_THE_PLANNER
from hesuan.hub.config.environment import VARIABLES as OF_THE_HUB

OF_COMMANDS = {**OF_USERS, **OF_THE_PLANNER}

OF_JOBS = {
    "HESUAN_RUN": "id of the run",
    "HESUAN_CORES": "cores the job holds",
    "HESUAN_CARDS": "how many accelerator cards it holds, on Slurm and Ray",
    "HESUAN_OUTPUT": "folder for what the job makes",
    "HESUAN_INPUT": "folder of the files that the job reads, where its order names any",
}
"""Set by the site agent for each job."""

INTRODUCTION = """# Settings

Secrets come from the environment and from nowhere else. In production mode the hub refuses to start while one
of those marked as required is missing or has its default.

机密只来自环境变量。生产模式下，缺少必需项或仍用默认值时，平台拒绝启动。
"""


def documented() -> set[str]:
    """Every variable on the page."""
    return {*OF_THE_HUB, *OF_COMMANDS, *OF_JOBS}


def page() -> str:
    """The whole page."""
    return "".join(
        [
            INTRODUCTION,
            _table("The hub · 平台", OF_THE_HUB),
            _table("Commands of a user · 用户命令", OF_COMMANDS),
            _table("What a job finds · 作业可用变量", OF_JOBS),
        ]
    )


def _table(title: str, variables: Mapping[str, str]) -> str:
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in variables.items())
    return f"\n## {title}\n\n| Variable | Meaning |\n| --- | --- |\n{rows}"
