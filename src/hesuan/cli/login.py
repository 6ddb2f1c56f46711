"""``hesuan login``: keeps the hub's address and a token, after asking the hub who that is."""

from __future__ import annotations

import sys

from hesuan.cli import frame, show
from hesuan.cli.client import Hub, Login, checked, login_path, store_login
from hesuan.cli.exits import Exit
from hesuan.cli.language import said


@frame.command(
    "login",
    en="Keeps the hub's address and your token for the other commands, in a file that only you can read.",
    zh="保存平台地址与您的令牌，供其他命令使用；文件仅您本人可读。",
)
@frame.option("--hub", required=True, en="Address of the hub, https://…", zh="平台地址，https://…")
@frame.option(
    "--token",
    required=True,
    en="Your token, hsn_…; `-` reads it from standard input, so that it stays out of the shell's history.",
    zh="您的令牌，hsn_…；写 `-` 则从标准输入读取，以免留在命令历史中。",
)
def login(hub: str, token: str) -> int:
    """Checks and stores."""
    from_input = token == "-"  # noqa: S105 - a dash is not a password
    text = sys.stdin.readline() if from_input else token
    one = checked(Login(hub.rstrip("/"), text.strip()))
    with Hub(one) as answered:
        person = answered.get("me")
    store_login(one, login_path())
    roles = ", ".join(f"{at['name']}: {'/'.join(at['roles'])}" for at in person["memberships"])
    name = person["name"]
    show.out().print(
        said(en=f"You are {name} at {one.hub} ({roles}).", zh=f"您是 {one.hub} 的 {name}（{roles}）。")
    )
    return Exit.DONE


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(login, argv)
