"""``hesuan warn``: the risk signals that stand now, each with its reason."""

from __future__ import annotations

from hesuan.cli import frame, show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.cli.language import said

LEVELS_ZH = {"warning": "预警", "notice": "提示"}


@frame.command(
    "warn",
    en="Lists the risk signals that stand now and concern what you may see, warnings first, each with its"
    " reason.",
    zh="列出当前与您有关的风险信号，预警在前，逐条说明理由。",
)
@frame.AS_JSON
def warn(as_json: bool) -> int:
    """Fetches and prints."""
    with Hub() as hub:
        signals = hub.get("signals")["signals"]
    if as_json:
        show.print_json(signals)
        return Exit.DONE
    console = show.out()
    for one in signals:
        level = said(en=one["level"], zh=LEVELS_ZH.get(one["level"], one["level"]))
        console.print(f"{level}  {one['label']}  {show.moment(one['at'])}  [{one['rule']}]")
        console.print(f"    {show.sentence(one['sentence'])}")
    if not signals:
        show.err().print(said(en="No signal stands.", zh="当前没有风险信号。"))
    return Exit.DONE


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(warn, argv)
