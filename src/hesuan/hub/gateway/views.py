"""The agents' nine addresses. Outbound from the centre only: an agent asks, the hub answers.

The long poll is asynchronous. It looks once, closes its connection, sleeps in ``waiting`` without a
transaction, a lock or a connection, and looks once more: a hundred waiting agents hold neither SQLite's write
lock nor PostgreSQL's connection slots.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from hesuan.errors import Faults, HesuanError, InputFault, Unavailable
from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Command
from hesuan.hub.centres.shapes import Record
from hesuan.hub.gateway import applications, outputs, problems, services, shapes
from hesuan.hub.gateway import inputs as fetching
from hesuan.hub.gateway import records as reconciled
from hesuan.hub.gateway.reading import LARGEST_BODY_BYTES, read_json
from hesuan.hub.gateway.waiting import WATCH
from hesuan.wire.canonical import Json
from hesuan.wire.messages import format_at

logger = logging.getLogger(__name__)

Answer = Callable[[bytes], Awaitable[dict[str, Json]]]
View = Callable[[HttpRequest], Coroutine[Any, Any, JsonResponse]]


def endpoint(answer: Answer) -> View:
    """POST of JSON in, JSON or a problem out; no session, no cookie, so nothing for CSRF to protect."""

    @csrf_exempt
    @functools.wraps(answer)
    async def view(request: HttpRequest) -> JsonResponse:
        try:
            found = await answer(_body(request))
        except Faults as faults:
            return problems.faults_problem(faults)
        except HesuanError as error:
            return problems.problem(error)
        except (OperationalError, InterfaceError) as error:
            logger.error("%s: the database did not answer: %s", request.path, error)
            return problems.problem(Unavailable(problems.DATABASE_AWAY))
        except Exception:
            logger.exception("%s failed", request.path)
            return problems.problem(HesuanError(problems.BROKEN))
        response = JsonResponse({**found, "hub_time": format_at(timezone.now())})
        response["Cache-Control"] = "no-store"
        return response

    return view


@endpoint
async def enrol(data: bytes) -> dict[str, Json]:
    """A code, a name, a key and a proof in; the agent's and its centre's id out."""
    asked = {name: str(value) for name, value in _shaped(shapes.ENROL, data).items()}
    agent = await sync_to_async(centres.enrol)(**asked)
    return {"agent": agent.id, "centre": agent.centre_id}


@endpoint
async def messages(data: bytes) -> dict[str, Json]:
    """A batch of sealed messages in; the number through which they are stored out."""
    sealed = _shaped(shapes.BATCH, data)["messages"]
    assert isinstance(sealed, list)
    return {"stored_through": await sync_to_async(services.take_in)(sealed=sealed)}


@endpoint
async def commands(data: bytes) -> dict[str, Json]:
    """A sealed poll in; the commands after the one it names out, as soon as there is one."""
    poll = await sync_to_async(services.open_poll)(sealed=read_json(data))
    found = await sync_to_async(_look)(poll)
    if not found and poll.wait_s:
        await WATCH.wait(poll.agent_id, after=poll.after, timeout_s=poll.wait_s)
        found = await sync_to_async(_look)(poll)
    return {"commands": found}


@endpoint
async def records(data: bytes) -> dict[str, Json]:
    """A sealed request for a time in; the attempts that the hub has of the agent's centre out, by pages."""
    return await sync_to_async(_page)(read_json(data))


@endpoint
async def output(data: bytes) -> dict[str, Json]:
    """A sealed list of a run's files in; what of them the hub waits for out."""
    return await sync_to_async(outputs.announce)(read_json(data))


@endpoint
async def output_piece(data: bytes) -> dict[str, Json]:
    """A sealed piece of one of these files in; how far the hub has come with it out."""
    return await sync_to_async(outputs.append)(read_json(data))


@endpoint
async def inputs(data: bytes) -> dict[str, Json]:
    """A sealed request for a piece of a run's input file in; that piece out."""
    return await sync_to_async(_piece)(read_json(data))


@endpoint
async def apps(data: bytes) -> dict[str, Json]:
    """A sealed request for the application that a command names in; the list of its files out."""
    return await sync_to_async(_app)(read_json(data))


@endpoint
async def app_pieces(data: bytes) -> dict[str, Json]:
    """A sealed request for a piece of one of these files in; that piece out."""
    return await sync_to_async(_app_piece)(read_json(data))


def _app(sealed: Json) -> dict[str, Json]:
    return applications.listing(sealed=sealed)


def _app_piece(sealed: Json) -> dict[str, Json]:
    return applications.piece(sealed=sealed)


def _piece(sealed: Json) -> dict[str, Json]:
    return fetching.piece(sealed=sealed)


def _page(sealed: Json) -> dict[str, Json]:
    return reconciled.page(reconciled.open_request(sealed=sealed))


def _look(poll: services.Poll) -> list[Json]:
    try:
        return [_document(command) for command in services.commands_for(poll)]
    finally:
        if not connection.in_atomic_block:  # as it is in a test
            connection.close()


def _document(command: Command) -> dict[str, Json]:
    return {"seq": command.seq, "id": command.id, "kind": command.kind, "body": command.body}


def _body(request: HttpRequest) -> bytes:
    if request.method != "POST":
        raise InputFault(problems.NOT_THIS_METHOD, found=request.method)
    if request.content_type != "application/json":
        raise InputFault(problems.NOT_OF_TYPE, found=request.content_type or "none")
    announced = request.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > LARGEST_BODY_BYTES:
        raise InputFault(problems.TOO_LARGE, limit=LARGEST_BODY_BYTES)
    data = request.read(LARGEST_BODY_BYTES + 1)
    if len(data) > LARGEST_BODY_BYTES:
        raise InputFault(problems.TOO_LARGE, limit=LARGEST_BODY_BYTES)
    return data


def _shaped(shape: Record, data: bytes) -> dict[str, Json]:
    value = read_json(data)
    faults = shape.faults(value, "$")
    if faults:
        raise Faults(faults)
    assert isinstance(value, dict)
    return value
