"""From a command of the hub to a specification for the engine: the only place where the hub's words become
something that is executed here.

Commands are typed. The hub never sends shell text of its own; a script is the user's, passed as a list of
words, and only where the centre has said that scripts may run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from hesuan.agent.draining import LONGEST_REASON
from hesuan.agent.manifests import Manifest
from hesuan.agent.schedulers.contract import FOLDER_DIFFERS, Input, RunSpec
from hesuan.errors import InputFault, Refused, declare, unknown_key
from hesuan.wire.ids import is_id
from hesuan.wire.inputs import MOST, clash, is_path

APP_UNKNOWN = declare(
    "agent.app_unknown",
    en="This site has no application `{app}`. Applications here: {apps}.",
    zh="本站点没有应用“{app}”。此处的应用：{apps}。",
)
SCRIPTS_OFF = declare(
    "agent.scripts_off",
    en="This site runs packaged applications only. Its operator may allow scripts with --allow-scripts.",
    zh="本站点只运行封装应用。站点运营人员可用 --allow-scripts 允许脚本。",
)
BAD_COMMAND = declare(
    "agent.bad_command",
    en="`{key}` is {found}; {wanted} is needed.",
    zh="“{key}”为 {found}；应为 {wanted}。",
)

_RUN_KEYS = ("run", "work", "cores", "time_limit_s", "app_digest", "organisation")
_APP_KEYS = ("kind", "app", "units", "parameters", "cores", "time_limit_s", "memory_bytes", "inputs")
_SCRIPT_KEYS = ("kind", "command", "cores", "time_limit_s", "memory_bytes", "inputs")


@dataclass(frozen=True, slots=True)
class House:
    """What this site may run."""

    apps: Mapping[str, Manifest]
    scripts_allowed: bool = False


def run_id(body: Mapping[str, Any]) -> str:
    """The run a command speaks of.

    Raises:
        InputFault: ``agent.bad_command``.
    """
    run = body.get("run")
    if not is_id(run):
        raise _bad("run", run, "a run's id")
    return cast(str, run)


def drain_reason(body: Mapping[str, Any]) -> str:
    """Why a ``drain`` command asks for no new work.

    Raises:
        InputFault: ``agent.bad_command``.
    """
    reason = body.get("reason")
    if not isinstance(reason, str) or not 0 < len(reason) <= LONGEST_REASON:
        raise _bad("reason", reason, f"a text of 1 to {LONGEST_REASON} characters")
    return reason


def specification(body: Mapping[str, Any], house: House) -> RunSpec:
    """What to start for a ``run`` command.

    Raises:
        Refused: ``agent.app_unknown``, ``agent.scripts_off``, ``agent.folder_differs``.
        InputFault, Faults: a command or parameter that makes no sense, naming it.
    """
    run = run_id(body)
    _refuse_unknown(body, _RUN_KEYS, "run")
    work = body.get("work")
    if not isinstance(work, Mapping):
        raise _bad("work", work, "a work order")
    cores = _positive(body, "cores")
    time_limit_s = _positive(body, "time_limit_s")
    owner = body.get("organisation", "")
    if owner != "" and not is_id(owner):
        raise _bad("organisation", owner, "an organisation's id")
    memory_bytes = _positive(work, "memory_bytes") if "memory_bytes" in work else 0
    inputs = _inputs(work)
    match work.get("kind"):
        case "app":
            _refuse_unknown(work, _APP_KEYS, "work")
            manifest = _ordered(body, work, house)
            parameters = work.get("parameters") or {}
            if not isinstance(parameters, Mapping):
                raise _bad("work.parameters", parameters, "a table of names and values")
            command = manifest.command(units=_positive(work, "units"), cores=cores, parameters=parameters)
            return RunSpec(
                run,
                command,
                cores,
                time_limit_s,
                manifest.folder,
                manifest.digest,
                memory_bytes=memory_bytes,
                organisation=owner,
                inputs=inputs,
            )
        case "script":
            _refuse_unknown(work, _SCRIPT_KEYS, "work")
            if not house.scripts_allowed:
                raise Refused(SCRIPTS_OFF)
            words = _words(work)
            return RunSpec(
                run,
                words,
                cores,
                time_limit_s,
                memory_bytes=memory_bytes,
                organisation=owner,
                inputs=inputs,
            )
        case other:
            raise _bad("work.kind", other, "`app` or `script`")


def _ordered(body: Mapping[str, Any], work: Mapping[str, Any], house: House) -> Manifest:
    """The very application that was ordered; another content under the same name is refused."""
    manifest = named(house, str(work.get("app")), None)
    if body.get("app_digest") != manifest.digest:
        raise Refused(FOLDER_DIFFERS, found=manifest.digest, ordered=body.get("app_digest"))
    return manifest


def named(house: House, app: str, digest: object) -> Manifest:
    """An application by its name and, unless that is None, its digest.

    Raises:
        Refused: ``agent.app_unknown``, ``agent.folder_differs``.
    """
    manifest = house.apps.get(app)
    if manifest is None:
        raise Refused(APP_UNKNOWN, app=app, apps=", ".join(sorted(house.apps)) or "–")
    if digest is not None and digest != manifest.digest:
        raise Refused(FOLDER_DIFFERS, found=manifest.digest, ordered=digest)
    return manifest


def _words(work: Mapping[str, Any]) -> tuple[str, ...]:
    words = work.get("command")
    if not isinstance(words, list) or not words or not all(_is_word(word) for word in words):
        raise _bad("work.command", words, "a list of words")
    return tuple(words)


def files_of(body: Mapping[str, Any]) -> tuple[Input, ...]:
    """The files that a ``run`` command names; none where it makes no sense, which is told elsewhere."""
    work = body.get("work")
    try:
        return _inputs(work) if isinstance(work, Mapping) else ()
    except InputFault:
        return ()


def _inputs(work: Mapping[str, Any]) -> tuple[Input, ...]:
    """The files that the job reads; a path that leaves its folder is refused here whatever the hub says."""
    if "inputs" not in work:
        return ()
    given = work["inputs"]
    wanted = f"a list of 1 to {MOST} files"
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise _bad("work.inputs", given, wanted)
    for place, one in enumerate(given):
        if not isinstance(one, Mapping) or set(one) != {"path", "sha256", "size_bytes"}:
            raise _bad(f"work.inputs.{place}", one, "`path`, `sha256` and `size_bytes`")
        if not is_path(one["path"]):
            raise _bad(f"work.inputs.{place}.path", one["path"], "a relative path without `..`")
        if not (isinstance(one["sha256"], str) and re.fullmatch("[0-9a-f]{64}", one["sha256"])):
            raise _bad(f"work.inputs.{place}.sha256", one["sha256"], "64 hexadecimal digits")
        _positive(one, "size_bytes")
    if clash([one["path"] for one in given]):
        raise _bad("work.inputs", given, "paths of which no two are alike or one inside the other")
    return tuple(Input(**one) for one in given)


def _is_word(word: object) -> bool:
    return isinstance(word, str) and "\0" not in word


def _positive(holder: Mapping[str, Any], key: str) -> int:
    value = holder.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _bad(key, value, "a whole number from 1")
    return value


def _refuse_unknown(holder: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in holder:
        if key not in known:
            raise unknown_key(str(key), known, where=where)


def _bad(key: str, found: object, wanted: str) -> InputFault:
    return InputFault(BAD_COMMAND, where="command", key=key, found=ascii(found)[:80], wanted=wanted)
