"""What an agent fetches of an application: its list of files, then pieces of them.

Asked by the id of the command that named the application's digest, so that a site gets what it was commanded
to run or to measure and nothing else that lies here.
"""

from __future__ import annotations

from base64 import b64encode

from hesuan.errors import NotFound, declare
from hesuan.hub.centres.models import Agent, Command
from hesuan.hub.files import selectors as files
from hesuan.hub.files.models import App
from hesuan.hub.gateway import services, shapes
from hesuan.hub.runs import rules
from hesuan.hub.runs.models import Run
from hesuan.wire.canonical import Json
from hesuan.wire.messages import Message

PIECE_BYTES = 512 * 1024
"""The most that one answer carries [byte]."""

NO_APP = declare(
    "gateway.app_not_found",
    en="Command {command} of your centre asks for no application that this hub has.",
    zh="贵中心的指令 {command} 不需要本平台所存的任何应用。",
)


def listing(*, sealed: object) -> dict[str, Json]:
    """The files of the application that a command names.

    Raises:
        As :func:`hesuan.hub.gateway.services.open_request`; and
        NotFound: ``gateway.app_not_found``: an unknown command, another centre's, one whose run has ended and
            one whose application was never published are told alike.
    """
    message = services.open_request(sealed=sealed, kind="app", shape=shapes.APP)
    app = _commanded(message)
    return {"app": app.name, "app_digest": app.digest, "files": app.files}


def piece(*, sealed: object) -> dict[str, Json]:
    """One piece of one file of that application, from an offset; an empty one lies at or behind the end.

    Raises:
        As :func:`listing`; and ``gateway.app_not_found`` where the application has no such file.
    """
    message = services.open_request(sealed=sealed, kind="app_piece", shape=shapes.APP_PIECE)
    sha256, offset = message.body["sha256"], message.body["offset"]
    assert isinstance(sha256, str) and isinstance(offset, int)
    found = files.piece_of_app(_commanded(message), sha256, offset, PIECE_BYTES)
    if found is None:
        raise NotFound(NO_APP, command=message.body["command"])
    return {"offset": offset, "data": b64encode(found[0]).decode(), "size_bytes": found[1]}


def _commanded(message: Message) -> App:
    """The application that a command to the agent's own centre names."""
    asked = message.body["command"]
    centre_id = Agent.objects.values_list("centre_id", flat=True).get(pk=message.agent)
    command = Command.objects.filter(
        pk=asked, agent__centre_id=centre_id, kind__in=("run", "benchmark")
    ).first()
    digest = command.body.get("app_digest") if command is not None and _is_open(command) else None
    app = files.app_of(digest) if isinstance(digest, str) else None
    if app is None:
        raise NotFound(NO_APP, command=asked)
    return app


def _is_open(command: Command) -> bool:
    """A run's command until the run has ended. A benchmark is nobody's and may be taken up at any time."""
    if command.kind != "run":
        return True
    run = Run.objects.filter(pk=str(command.body.get("run"))).first()
    return run is not None and not rules.is_final(run.state)
