"""Applications that the hub delivers, where the site's operator lets it: fetched, checked, kept in bounds.

::

    applications/files/SHA256    files that are being fetched, as for runs' inputs (see ``inputs``)
    applications/HEX/NAME/       a whole application, whose content had the digest HEX when it came

An order or a benchmark names an application by its content's digest. The list of its files must have that
digest before any file is asked for, so nothing about the list is taken on trust; then each file must have the
SHA-256 of the list, and the folder the digest, each time it is used. What an engine runs is its own copy of
the folder, digested once more. A folder that was altered is thrown away and fetched anew.

The site keeps the say. Nothing is delivered unless ``deliver_applications`` allows it; a folder that the
operator has put there is the one that is offered and, where it is the one ordered, the one that runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hesuan.agent import durable, manifests
from hesuan.agent.inputs import Bounds, Inputs
from hesuan.agent.manifests import Manifest
from hesuan.agent.orders import House
from hesuan.agent.schedulers.contract import FOLDER_DIFFERS, INPUT_DIFFERS, Input
from hesuan.agent.spool import Change, Command
from hesuan.agent.uplink import Uplink
from hesuan.errors import Faults, InputFault, Refused, declare
from hesuan.toml_table import Table
from hesuan.wire import apps
from hesuan.wire.apps import AppFile
from hesuan.wire.canonical import Json
from hesuan.wire.messages import DELIVERED

CACHE_BYTES = 1024 << 20
"""What all delivered applications may have together, unless the site says otherwise."""
MOST_CACHE_MIB = 1 << 24
PIECES_A_ROUND = 8
OFFERED = "offered"
"""The spool's note of what was delivered and measured: name → digest and work unit."""

NOT_DELIVERY = declare(
    "agent.deliver_setting",
    en="`deliver_applications` is `{value}`; it is true, false, or a list of applications' names.",
    zh="“deliver_applications”为“{value}”；应为 true、false 或应用名称的列表。",
)
NOT_A_CACHE_BOUND = declare(
    "agent.app_cache_bound",
    en="`application_cache_mib` is {value}; it is how much of delivered applications is kept [MiB], from 1 to"
    " {most}.",
    zh="“application_cache_mib”为 {value}；它是保留的下发应用总量 [MiB]，应为 1 到 {most}。",
)
TOO_LARGE_HERE = declare(
    "agent.app_too_large",
    en="The application {app} has {size_bytes} bytes; this site keeps {limit_bytes} of delivered ones.",
    zh="应用 {app} 共 {size_bytes} 字节；本站点至多保留 {limit_bytes} 字节的下发应用。",
)
LIST_DIFFERS = declare(
    "agent.app_list_differs",
    en="The hub's list of application {app} has the digest {found}; {ordered} was ordered. Nothing was"
    " fetched.",
    zh="平台给出的应用 {app} 文件清单摘要为 {found}，订单要求 {ordered}。未获取任何内容。",
)
FILE_DIFFERS = declare(
    "agent.app_file_differs",
    en="File `{path}` of application {app} came with the SHA-256 {found}; {ordered} was ordered.",
    zh="应用 {app} 的文件“{path}”到达时 SHA-256 为 {found}，订单要求 {ordered}。",
)
NOT_FOR_HERE = declare(
    "agent.app_needs",
    en="Application {app} needs what this site lacks: {needs}.",
    zh="应用 {app} 需要本站点没有的条件：{needs}。",
)

_DIGEST = re.compile("sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a site lets the hub deliver: nothing, some applications by name, or all; and how much is kept."""

    everything: bool = False
    names: frozenset[str] = frozenset()
    cache_bytes: int = CACHE_BYTES

    @property
    def is_on(self) -> bool:
        """Whether anything may come at all."""
        return self.everything or bool(self.names)

    def lets(self, app: str) -> bool:
        """Whether an application of this name may come."""
        return self.everything or app in self.names


def read_delivery(top: Table) -> Delivery:
    """What a ``site.toml`` says of it above all its tables; a fault is left with the table."""
    value = top.get("deliver_applications", (bool, list), "true, false or a list of names", False)
    names = value if isinstance(value, list) else []
    if not all(apps.is_name(name) for name in names):
        where = top.where("deliver_applications")
        top.fault(InputFault(NOT_DELIVERY, where=where, value=ascii(value)[:80]))
        names = []
    mib = top.integer("application_cache_mib", CACHE_BYTES >> 20)
    if not 1 <= mib <= MOST_CACHE_MIB:
        where = top.where("application_cache_mib")
        top.fault(InputFault(NOT_A_CACHE_BOUND, where=where, value=mib, most=MOST_CACHE_MIB))
    return Delivery(value is True, frozenset(names), mib << 20)


@dataclass(slots=True)
class Deliveries:
    """The delivered applications of one site."""

    root: Path
    uplink: Uplink
    allowed: Delivery
    tell: Callable[[str], None]
    files: Inputs = field(init=False)
    _lists: dict[str, tuple[AppFile, ...]] = field(default_factory=dict)
    _measuring: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        bounds = Bounds(self.allowed.cache_bytes, self.allowed.cache_bytes)
        self.files = Inputs(
            self.root / "files", self.uplink, bounds, fetch=self.uplink.app_piece, pieces=PIECES_A_ROUND
        )

    def housed(self, command: Command, house: House, inventory: Mapping[str, Json]) -> House | None:
        """What this site may run for a command: its own applications and, where the command names one that
        may be delivered, that one too. None: it is still being fetched.

        Args:
            command: A ``run`` or ``benchmark`` command.
            house: What is here of the site's own.
            inventory: What the site says of itself, for the application's needs.

        Raises:
            Refused, Faults: the hub does not give it, what came is not what was ordered, or is not for here.
            Unavailable: ``agent.hub_away``.
        """
        wanted = self._wanted(command.body, house)
        if wanted is None:
            return house
        app, digest = wanted
        folder = self._folder(app, digest)
        if command.id not in self._measuring or not folder.is_dir():
            if not self._sound(folder, digest) and not self._came(command.id, app, digest):
                return None
            # A benchmark is looked at each second; the engine digests the copy of each of its runs.
            self._measuring = {command.id} if command.kind == "benchmark" else set()
        manifest = manifests.load(folder)
        software = inventory.get("software")
        told = software if isinstance(software, dict) else {}
        if needs := manifest.lacks({name: str(version) for name, version in told.items()}):
            raise Refused(NOT_FOR_HERE, app=app, needs=needs)
        os.utime(folder.parent)
        return replace(house, apps={**house.apps, app: manifest})

    def awaits(self, body: Mapping[str, Any], house: House) -> bool:
        """Whether a command waits for an application that is not here yet."""
        wanted = self._wanted(body, house)
        return wanted is not None and not self._folder(*wanted).is_dir()

    def distrust(self, body: Mapping[str, Any], house: House) -> bool:
        """Throws a delivered folder away whose content is not what it was; whether it was altered."""
        self._measuring.clear()
        wanted = self._wanted(body, house)
        return wanted is not None and not self._sound(self._folder(*wanted), wanted[1])

    def offer(self, change: Change, manifest: Manifest) -> None:
        """Notes that a delivered application was measured: from now on the site says that it has it."""
        if manifest.folder.parent.parent == self.root:
            noted = _noted(change.meta(OFFERED))
            noted[manifest.name] = {"digest": manifest.digest, "work_unit": manifest.work_unit}
            change.set_meta(OFFERED, json.dumps(noted))

    def described(self, inventory: Mapping[str, Json], change: Change) -> dict[str, Json]:
        """An inventory with what was delivered, and that deliveries are let in."""
        said = dict(inventory)
        if not self.allowed.is_on:
            return said
        software, own = said.get("software"), said.get("apps")
        listed = list(own) if isinstance(own, list) else []
        names = {one["name"] for one in listed if isinstance(one, dict)}
        for name, one in sorted(_noted(change.meta(OFFERED)).items()):
            if name not in names and self.allowed.lets(name) and self._folder(name, one["digest"]).is_dir():
                listed.append({"name": name, **one})
        known = software if isinstance(software, dict) else {}
        return {**said, "software": {**known, DELIVERED: "1"}, "apps": listed}

    def _wanted(self, body: Mapping[str, Any], house: House) -> tuple[str, str] | None:
        """Name and digest of the application that must be delivered for a command; None: none must.

        Both become names of folders, so nothing that is not wholly such a name goes on from here.
        """
        work = body.get("work", body)
        app, digest = work.get("app") if isinstance(work, Mapping) else None, body.get("app_digest")
        if not (isinstance(app, str) and apps.is_name(app) and self.allowed.lets(app)):
            return None
        if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            return None
        own = house.apps.get(app)
        return None if own is not None and own.digest == digest else (app, digest)

    def _folder(self, app: str, digest: str) -> Path:
        return self.root / digest.removeprefix("sha256:") / app

    def _sound(self, folder: Path, digest: str) -> bool:
        """Whether a folder is here with every file as it came; one that is not is removed."""
        if not folder.parent.exists():
            return False
        try:
            found = "" if folder.is_symlink() else manifests.folder_digest(folder)
        except (Faults, OSError):
            found = ""
        if found == digest:
            return True
        self.tell(f"The delivered application in {folder} was altered here; it is thrown away.")
        shutil.rmtree(folder.parent, ignore_errors=True)
        return False

    def _came(self, command: str, app: str, digest: str) -> bool:
        """Fetches some more of an application; whether it is whole now."""
        if digest not in self._lists:
            if not self.files.may_ask():
                return False
            self._lists[digest] = self._list(command, app, digest)
        listed = self._lists[digest]
        needed = [Input(one.path, one.sha256, one.size_bytes) for one in listed if one.size_bytes]
        try:
            if not self.files.ready(command, needed):
                return False
        except Refused as refused:
            if refused.code is not INPUT_DIFFERS:
                raise
            facts = {name: str(fact) for name, fact in refused.facts.items()}
            raise Refused(FILE_DIFFERS, app=app, **facts) from None
        self._assemble(app, digest, listed)
        del self._lists[digest]
        self.tell(f"Application {app} was delivered: {len(listed)} files, {digest}.")
        return True

    def _list(self, command: str, app: str, digest: str) -> tuple[AppFile, ...]:
        """The list that has the digest which was ordered, within every bound."""
        listed = apps.read(self.files.carefully(lambda: self.uplink.app_files(command=command)))
        if (found := apps.folder_digest(listed)) != digest:
            raise Refused(LIST_DIFFERS, app=app, found=found, ordered=digest)
        if faults := apps.faults(listed):
            raise Faults(faults)
        size = sum(one.size_bytes for one in listed)
        if size > self.allowed.cache_bytes:
            raise Refused(TOO_LARGE_HERE, app=app, size_bytes=size, limit_bytes=self.allowed.cache_bytes)
        self._make_room(size)
        return listed

    def _assemble(self, app: str, digest: str, listed: tuple[AppFile, ...]) -> None:
        """Puts the files together under another name, digests them there, and renames the whole."""
        target = self._folder(app, digest)
        making = self.root / f".new-{target.parent.name}"
        shutil.rmtree(making, ignore_errors=True)
        for one in listed:
            place = making / app / one.path
            place.parent.mkdir(parents=True, exist_ok=True)
            data = (self.files.root / one.sha256).read_bytes() if one.size_bytes else b""
            durable.write(place, data, mode=0o644)
        if (found := manifests.folder_digest(making / app)) != digest:
            raise Refused(FOLDER_DIFFERS, found=found, ordered=digest)
        making.rename(target.parent)
        durable.sync_directory(self.root)
        for one in listed:
            (self.files.root / one.sha256).unlink(missing_ok=True)

    def _make_room(self, needed_bytes: int) -> None:
        """Lets the applications go that were used the longest ago, until another has room beside the rest."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = [path for path in self.root.iterdir() if path != self.files.root]
        aged = sorted((path.stat().st_mtime_ns, path, _size(path)) for path in kept)
        over = sum(size for *_, size in aged) + needed_bytes - self.allowed.cache_bytes
        for _, path, size in aged:
            if over <= 0:
                return
            shutil.rmtree(path, ignore_errors=True)
            over -= size


def _noted(text: str) -> dict[str, dict[str, str]]:
    noted: dict[str, dict[str, str]] = json.loads(text) if text else {}
    return noted


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
