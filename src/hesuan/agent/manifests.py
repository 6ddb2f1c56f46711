"""Packaged applications (算力封装): a folder with ``app.toml`` that says what it does, in which unit its work
is counted, what it needs, how it is run, measured and checked.

The manifest is read strictly: every unknown key and wrong value is named with its line, all of them at once.
The folder is named by the digest of its content, so that a quote binds the very files that will run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hesuan import toml_table
from hesuan.errors import Faults, InputFault, declare, unknown_key
from hesuan.toml_table import Table
from hesuan.wire.apps import MANIFEST, NO_MANIFEST, AppFile, is_ignored, is_name
from hesuan.wire.apps import folder_digest as digest_of
from hesuan.wire.canonical import Json

FILE = MANIFEST
ENGINE_WORDS = frozenset({"python", "app", "output"})
AGENT_WORDS = frozenset({"units", "cores", "at_least"})
LEAST_SIZES = 3

NAME_DIFFERS = declare(
    "app.name_differs",
    en="The folder is called `{folder}` and its manifest `{name}`. Give both the same name.",
    zh="文件夹名为“{folder}”，清单中的名称为“{name}”。请统一名称。",
)
LINK_INSIDE = declare(
    "app.link_inside",
    en="An application's folder holds plain files only, and this is a link or a device. Put the file here.",
    zh="应用文件夹只能包含普通文件，而此处是链接或设备。请直接放入文件。",
)
UNKNOWN_WORD = declare(
    "app.unknown_word",
    en="`{{{word}}}` is not a word that can be filled in. Words here: {words}.",
    zh="“{{{word}}}”不是可填入的词。可用的词有：{words}。",
)
WORD_MISSING = declare(
    "app.word_missing",
    en="The command never says `{{{word}}}`, so it could not know {what}.",
    zh="命令中没有“{{{word}}}”，因此无从得知{what}。",
)
TOO_FEW_SIZES = declare(
    "app.too_few_sizes",
    en="A benchmark needs at least {least} sizes to tell start-up from throughput; found: {found}.",
    zh="基准测试至少需要 {least} 个不同规模，才能区分启动时间与吞吐；此处有 {found} 个。",
)
BAD_NEED = declare(
    "app.bad_need",
    en="`{text}` is not a need. Write >= and a version, such as >=3.11.",
    zh="“{text}”不是版本要求。请写 >= 加版本号，如 >=3.11。",
)
BAD_PARAMETER = declare(
    "app.bad_parameter",
    en="Parameter `{name}`: {problem}.",
    zh="参数“{name}”：{problem}。",
)
OUT_OF_BOUNDS = declare(
    "work.out_of_bounds",
    en="`{name}` is {value}; {low} to {high} is allowed.",
    zh="“{name}”为 {value}；允许范围为 {low} 到 {high}。",
)
NOT_A_CHOICE = declare(
    "work.not_a_choice",
    en="`{name}` is `{value}`; it is one of {choices}.",
    zh="“{name}”为“{value}”；只能是 {choices} 之一。",
)

_NEED = re.compile(r">=\s*(\d+(?:\.\d+){0,3})")
_WORD = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence for people, in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting a user may choose: a whole number within bounds, or one of some texts."""

    name: str
    default: int | str
    text: Text
    minimum: int = 0
    maximum: int = 0
    choices: tuple[str, ...] = ()

    def problem(self, value: object, *, where: str = "") -> InputFault | None:
        """Why a value is refused, or None."""
        if self.choices:
            if value in self.choices:
                return None
            choices = toml_table.list_of(self.choices)
            return InputFault(NOT_A_CHOICE, where=where, name=self.name, value=value, choices=choices)
        if isinstance(value, int) and not isinstance(value, bool) and self.minimum <= value <= self.maximum:
            return None
        low, high = self.minimum, self.maximum
        return InputFault(OUT_OF_BOUNDS, where=where, name=self.name, value=repr(value), low=low, high=high)


@dataclass(frozen=True, slots=True)
class Check:
    """What makes an answer right: the value ``result`` of ``result.json`` is at least ``at_least``. ``name``
    is what the value is called in a benchmark message."""

    name: str
    result: str
    at_least: int

    def passes(self, result: Mapping[str, Json]) -> bool:
        """Whether a job's own result meets it; a missing value does not."""
        value = result.get(self.result)
        return isinstance(value, int) and not isinstance(value, bool) and value >= self.at_least


@dataclass(frozen=True, slots=True)
class Manifest:
    """One packaged application as its folder describes it."""

    folder: Path
    digest: str
    name: str
    version: str
    work_unit: str
    title: Text
    summary: Text
    chips: tuple[str, ...]
    software: Mapping[str, str]
    parameters: Mapping[str, Parameter]
    run_command: tuple[str, ...]
    max_units: int
    benchmark_command: tuple[str, ...]
    benchmark_sizes: tuple[int, ...]
    benchmark_repeat: int
    benchmark_time_limit_s: int
    check: Check
    outputs: Mapping[str, str]

    def command(self, *, units: int, cores: int, parameters: Mapping[str, object]) -> tuple[str, ...]:
        """The run command with the agent's words filled in; the engine fills in the rest.

        Raises:
            Faults: every unknown or out-of-bounds parameter, together.
        """
        faults = [
            unknown_key(name, self.parameters, where="work.parameters")
            for name in parameters
            if name not in self.parameters
        ]
        chosen = {name: parameters.get(name, known.default) for name, known in self.parameters.items()}
        problems = (
            known.problem(chosen[name], where=f"work.parameters.{name}")
            for name, known in self.parameters.items()
        )
        faults += [problem for problem in problems if problem is not None]
        if not 1 <= units <= self.max_units:
            faults.append(
                InputFault(
                    OUT_OF_BOUNDS, where="work.units", name="units", value=units, low=1, high=self.max_units
                )
            )
        if faults:
            raise Faults(faults)
        return _fill(self.run_command, {**chosen, **self._words(units, cores)})

    def benchmark(self, *, units: int, cores: int) -> tuple[str, ...]:
        """The benchmark command for one size."""
        defaults = {name: known.default for name, known in self.parameters.items()}
        return _fill(self.benchmark_command, {**defaults, **self._words(units, cores)})

    def _words(self, units: int, cores: int) -> dict[str, object]:
        return {"units": units, "cores": cores, "at_least": self.check.at_least}

    def unmet(self, software: Mapping[str, str]) -> list[str]:
        """The software needs that this site does not meet, as ``numpy >=1.26 (here: none)``."""
        return [
            f"{name} {need} (here: {software.get(name, 'none')})"
            for name, need in self.software.items()
            if not _at_least(software.get(name, ""), need)
        ]

    def lacks(self, software: Mapping[str, str]) -> str:
        """Why this site cannot run it, such as ``numpy >=1.26 (here: none)``; empty: it can."""
        unmet = self.unmet(software)
        if not unmet and "cpu" not in self.chips:
            return f"chip: {', '.join(self.chips)}"
        return "; ".join(unmet)


def _fill(command: tuple[str, ...], words: Mapping[str, object]) -> tuple[str, ...]:
    """Fills known words in; those of the engine stay."""
    return tuple(_WORD.sub(lambda word: str(words.get(word[1], word[0])), part) for part in command)


def _at_least(version: str, need: str) -> bool:
    wanted = _NEED.fullmatch(need)
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    if wanted is None or numbers is None:
        return False
    have, want = ([int(part) for part in text.split(".")] for text in (numbers[0], wanted[1]))
    have += [0] * (len(want) - len(have))
    return have >= want


def files_of(folder: Path) -> list[Path]:
    """The application's files, sorted by name.

    Raises:
        Faults: ``app.link_inside``.
    """
    found: list[Path] = []
    faults: list[InputFault] = []
    for path in sorted(folder.rglob("*")):
        if is_ignored(path.relative_to(folder).as_posix()):
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            faults.append(InputFault(LINK_INSIDE, where=str(path)))
        elif path.is_file():
            found.append(path)
    if faults:
        raise Faults(faults)
    return found


def listed(folder: Path) -> tuple[AppFile, ...]:
    """The application's files with their sizes and SHA-256.

    Raises:
        Faults: ``app.link_inside``.
    """
    found = []
    for path in files_of(folder):
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            found.append(AppFile(path.relative_to(folder).as_posix(), file.tell(), sha256))
    return tuple(found)


def folder_digest(folder: Path) -> str:
    """The digest of a folder's content: relative names, sizes and SHA-256 of all its files.

    Raises:
        Faults: ``app.link_inside``.
    """
    return digest_of(listed(folder))


def load(folder: Path) -> Manifest:
    """Reads and checks the manifest of one application folder.

    Raises:
        Faults: everything that is wrong with it, each with its file and line.
    """
    path = folder / FILE
    if not path.is_file():
        raise Faults([InputFault(NO_MANIFEST, where=str(folder), file=FILE)])
    top = toml_table.read(path)
    manifest = _manifest(top, folder)
    top.document.finish()
    return manifest


def load_all(apps: Path) -> tuple[dict[str, Manifest], list[Faults]]:
    """Every application below a folder by name, and the faults of those that cannot be read."""
    found: dict[str, Manifest] = {}
    broken: list[Faults] = []
    for path in sorted(apps.glob(f"*/{FILE}")):
        try:
            manifest = load(path.parent)
            found[manifest.name] = manifest
        except Faults as faults:
            broken.append(faults)
    return found, broken


def _manifest(top: Table, folder: Path) -> Manifest:
    name = top.text("name")
    if name and (name != folder.name or not is_name(name)):
        top.fault(InputFault(NAME_DIFFERS, where=top.where("name"), folder=folder.name, name=name))
    for key in top.tables("inputs").values():
        key.text("kind"), _text(key)
        key.close()
    parameters = {key: _parameter(key, table) for key, table in top.tables("parameters").items()}
    run, benchmark, check = top.table("run"), top.table("benchmark"), top.table("check")
    manifest = Manifest(
        folder=folder,
        digest=folder_digest(folder),
        name=name,
        version=top.text("version"),
        work_unit=top.text("work_unit"),
        title=_closed_text(top.table("title")),
        summary=_closed_text(top.table("summary")),
        chips=top.texts("chips"),
        software=_needs(top.table("software", needed=False)),
        parameters=parameters,
        run_command=_command(run, frozenset(parameters)),
        max_units=run.integer("max_units"),
        benchmark_command=_command(benchmark, frozenset(parameters)),
        benchmark_sizes=_sizes(benchmark),
        benchmark_repeat=max(1, benchmark.integer("repeat", 1)),
        benchmark_time_limit_s=benchmark.integer("time_limit_s"),
        check=Check(check.text("name"), check.text("result"), check.integer("at_least")),
        outputs={key: _output(table) for key, table in top.tables("outputs").items()},
    )
    for table in (run, benchmark, check, top):
        table.close()
    return manifest


def _text(table: Table) -> Text:
    return Text(table.text("en"), table.text("zh"))


def _closed_text(table: Table) -> Text:
    text = _text(table)
    table.close()
    return text


def _output(table: Table) -> str:
    path = table.text("path")
    _text(table)
    table.close()
    return path


def _needs(table: Table) -> dict[str, str]:
    needs = {name: table.text(name) for name in table.values}
    for name, need in needs.items():
        if need and not _NEED.fullmatch(need):
            table.fault(InputFault(BAD_NEED, where=table.where(name), text=need))
    return needs


def _parameter(name: str, table: Table) -> Parameter:
    kind, text = table.text("type"), _text(table)
    if kind == "choice":
        parameter = Parameter(name, table.text("default"), text, choices=table.texts("choices"))
    else:
        low, high = table.integer("min", 0), table.integer("max")
        parameter = Parameter(name, table.integer("default"), text, minimum=low, maximum=high)
        if kind not in ("", "integer"):
            problem = f"its type is `{kind}`; integer and choice are known"
            table.fault(InputFault(BAD_PARAMETER, where=table.where("type"), name=name, problem=problem))
    if name in ENGINE_WORDS | AGENT_WORDS:
        problem = "this name means something else in a command"
        table.fault(InputFault(BAD_PARAMETER, where=table.where("type"), name=name, problem=problem))
    if fault := parameter.problem(parameter.default, where=table.where("default")):
        table.fault(fault)
    table.close()
    return parameter


def _command(table: Table, parameters: frozenset[str]) -> tuple[str, ...]:
    command = table.texts("command")
    known = ENGINE_WORDS | AGENT_WORDS | parameters
    said = {word for part in command for word in _WORD.findall(part)}
    for word in sorted(said - known):
        words = toml_table.list_of(sorted(known))
        table.fault(InputFault(UNKNOWN_WORD, where=table.where("command"), word=word, words=words))
    for word, what in (("units", "how much to do"), ("output", "where to write")):
        if command and word not in said:
            table.fault(InputFault(WORD_MISSING, where=table.where("command"), word=word, what=what))
    return command


def _sizes(table: Table) -> tuple[int, ...]:
    sizes = tuple(sorted(set(table.integers("sizes"))))
    if len(sizes) < LEAST_SIZES or sizes[0] < 1:
        where = table.where("sizes")
        found = toml_table.list_of(sizes) or "none"
        table.fault(InputFault(TOO_FEW_SIZES, where=where, least=LEAST_SIZES, found=found))
    return sizes
