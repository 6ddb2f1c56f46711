"""Work orders: what is to be done, in the user's own unit. Read and checked here, without Django.

Two kinds::

    {"kind": "app", "app": "omics-match", "units": 20000, "parameters": {"seed": 7}, "cores": 2}
    {"kind": "script", "command": ["python3", "-c", "…"], "cores": 1, "time_limit_s": 60}

``time_limit_s`` is a script's only bound and therefore required there; for an application it follows from
the forecast, and a user may set another. ``memory_bytes`` is optional in both: what the work needs at least.
``inputs`` is optional in both: files of the organisation and where the run finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hesuan.errors import Faults, InputFault, declare, unknown_key
from hesuan.hub.market import inputs
from hesuan.hub.market.inputs import Input
from hesuan.wire.canonical import Json
from hesuan.wire.inputs import MOST

MAX_CORES = 100_000
MAX_UNITS = 10**12
MAX_TIME_LIMIT_S = 30 * 24 * 3600
MAX_MEMORY_BYTES = 2**50
MAX_PARAMETERS = 50
MAX_WORDS = 200
MAX_TEXT = 20_000
"""Characters of one text in a work order."""

MISSING = declare(
    "work.missing_key",
    en="`{key}` is missing: {meaning}.",
    zh="缺少“{key}”：{meaning_zh}。",
)
WRONG_VALUE = declare(
    "work.wrong_value",
    en="{value} cannot stand here: {meaning}.",
    zh="此处不能为 {value}：{meaning_zh}。",
)
NOT_WORK = declare(
    "work.not_a_work_order",
    en='This is not a work order; it is an object with `kind` "app" or "script".',
    zh="这不是工作单；工作单是一个对象，其 `kind` 为 app 或 script。",
)

MEANINGS: dict[str, tuple[str, str]] = {
    "kind": ('"app" or "script"', "app 或 script"),
    "app": ("the name of an application, such as omics-match", "应用名称，如 omics-match"),
    "units": (
        f"how many work units, a whole number from 1 to {MAX_UNITS}",
        f"工作量，1 至 {MAX_UNITS} 的整数",
    ),
    "parameters": (
        f"an object of at most {MAX_PARAMETERS} names, each with a whole number, a text or true/false",
        f"一个对象，至多 {MAX_PARAMETERS} 项，值为整数、文本或 true/false",
    ),
    "command": (
        f"a list of 1 to {MAX_WORDS} words, the program first",
        f"1 至 {MAX_WORDS} 个词的列表，程序名在前",
    ),
    "cores": (
        f"how many cores to hold, a whole number from 1 to {MAX_CORES}",
        f"占用核数，1 至 {MAX_CORES} 的整数",
    ),
    "time_limit_s": (
        f"the longest the run may take, whole seconds from 1 to {MAX_TIME_LIMIT_S}",
        f"最长运行时间，1 至 {MAX_TIME_LIMIT_S} 的整数秒",
    ),
    "memory_bytes": (
        f"memory the work needs, whole bytes from 1 to {MAX_MEMORY_BYTES}",
        f"所需内存，1 至 {MAX_MEMORY_BYTES} 的整数字节",
    ),
    "inputs": (
        f"a list of 1 to {MOST} files, each with `file`, its id, and `path`, relative, without `..`;"
        " no two paths are alike or one inside the other",
        f"1 至 {MOST} 个文件的列表，每项含 `file`（文件 id）与 `path`（相对路径，不含 ..）；"
        "路径互不相同、互不包含",
    ),
}


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """A checked work order; ``units`` is 0 for a script, whose work has no unit of its own."""

    kind: str
    cores: int
    app: str = ""
    units: int = 0
    parameters: Mapping[str, int | str | bool] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    time_limit_s: int | None = None
    memory_bytes: int | None = None
    inputs: tuple[Input, ...] = ()

    def document(self) -> dict[str, Json]:
        """The work order as the quote repeats it: canonical, without members that were not given."""
        document = self.for_agent()
        if self.time_limit_s is not None:
            document["time_limit_s"] = self.time_limit_s
        if self.inputs:
            document["inputs"] = [one.document() for one in self.inputs]
        return document

    def for_agent(self) -> dict[str, Json]:
        """What the site is to do and the memory to hold for it; its time limit travels in the command."""
        more: dict[str, Json] = {"memory_bytes": self.memory_bytes} if self.memory_bytes is not None else {}
        if self.inputs:
            more["inputs"] = [one.for_agent() for one in self.inputs]
        if self.kind == "app":
            return {
                "kind": "app",
                "app": self.app,
                "units": self.units,
                "parameters": dict(self.parameters),
                "cores": self.cores,
                **more,
            }
        return {"kind": "script", "command": list(self.command), "cores": self.cores, **more}

    def frozen(self, organisation_id: str) -> WorkOrder:
        """The same order with size and SHA-256 of its input files, as they are now.

        Raises:
            Faults: ``work.file_not_usable``.
        """
        return replace(self, inputs=inputs.frozen(self.inputs, organisation_id)) if self.inputs else self


def parse_work(value: object, *, where: str = "work") -> WorkOrder:
    """Reads a work order.

    Raises:
        Faults: every fault at once: ``work.not_a_work_order``, ``work.missing_key``, ``work.wrong_value``,
            ``input.unknown_key``, each with its place.
    """
    if not isinstance(value, Mapping):
        raise Faults([InputFault(NOT_WORK, where=where)])
    kind = value.get("kind")
    if kind not in ("app", "script"):
        raise Faults([_fault("kind", value, where)])
    required, optional = _KEYS[kind]
    faults = [_fault(key, value, where) for key in required if key not in value]
    for key in value:
        if key not in required and key not in optional:
            faults.append(unknown_key(str(key), [*required, *optional], where=f"{where}.{key}"))
        elif not _CHECKS[key](value[key]):
            faults.append(_fault(key, value, where))
    if faults:
        raise Faults(faults)
    return _work(kind, value)


def _work(kind: str, value: Mapping[str, Json]) -> WorkOrder:
    command, parameters = value.get("command", []), value.get("parameters", {})
    assert isinstance(command, list | tuple) and isinstance(parameters, Mapping)
    return WorkOrder(
        kind=kind,
        cores=_int(value["cores"]),
        app=str(value.get("app", "")),
        units=_int(value.get("units", 0)),
        parameters=dict(parameters),  # type: ignore[arg-type]  # checked by _parameters
        command=tuple(str(word) for word in command),
        time_limit_s=_int(value["time_limit_s"]) if "time_limit_s" in value else None,
        memory_bytes=_int(value["memory_bytes"]) if "memory_bytes" in value else None,
        inputs=inputs.read(value.get("inputs", ())),  # type: ignore[arg-type]  # checked by are_inputs
    )


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def _fault(key: str, value: Mapping[str, object], where: str) -> InputFault:
    en, zh = MEANINGS[key]
    if key not in value:
        return InputFault(MISSING, where=where, key=key, meaning=en, meaning_zh=zh)
    shown = repr(value[key])
    shown = shown if len(shown) <= 80 else shown[:79] + "…"
    return InputFault(WRONG_VALUE, where=f"{where}.{key}", value=shown, meaning=en, meaning_zh=zh)


def _whole(low: int, high: int) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        return type(value) is int and low <= value <= high

    return check


def _text(value: object) -> bool:
    # PostgreSQL holds no U+0000 and UTF-8 no lone surrogate; a signed document must survive both.
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\x00" in value:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _name(value: object) -> bool:
    return _text(value) and 0 < len(str(value)) <= 100 and str(value).isprintable()


def _words(value: object) -> bool:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_WORDS:
        return False
    return all(_text(word) for word in value) and bool(value[0])


def _parameters(value: object) -> bool:
    if not isinstance(value, Mapping) or len(value) > MAX_PARAMETERS:
        return False
    whole = _whole(-(2**53) + 1, 2**53 - 1)
    return all(
        _name(key) and (isinstance(item, bool) or whole(item) or _text(item)) for key, item in value.items()
    )


_CHECKS: dict[str, Callable[[object], bool]] = {
    "kind": lambda value: value in ("app", "script"),
    "app": _name,
    "units": _whole(1, MAX_UNITS),
    "parameters": _parameters,
    "command": _words,
    "cores": _whole(1, MAX_CORES),
    "time_limit_s": _whole(1, MAX_TIME_LIMIT_S),
    "memory_bytes": _whole(1, MAX_MEMORY_BYTES),
    "inputs": inputs.are_inputs,
}
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "app": (("kind", "app", "units", "cores"), ("parameters", "time_limit_s", "memory_bytes", "inputs")),
    "script": (("kind", "command", "cores", "time_limit_s"), ("memory_bytes", "inputs")),
}
