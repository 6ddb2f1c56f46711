"""``site.toml``: which engine runs this site's work, and what the engine is told of the site.

::

    engine = "slurm"

    [software]                      # on the nodes, for the applications' needs
    python = "3.11"

    [stacks."Ascend 910C"]          # on the chip, for the reviewer and the users; see stacks.py
    CANN = "8.0.RC3"

    [slurm]
    runs = "/shared/hesuan/runs"    # seen by every node under this path
    partition = "train"
    become = "setpriv"              # agent, setpriv, sudo

    [slurm.users]                   # organisation's id at the hub → local user
    01JDZ6Y8000000000000000003 = "alice"

    [slurm.cards."gpu:ascend910c"]  # as Slurm names it → as the catalogue does
    card = "Ascend 910C"

Or a Ray cluster::

    engine = "ray"

    [ray]
    runs = "/shared/hesuan/runs"    # seen by every node under this path
    address = "http://head:8265"    # of the head's dashboard
    headers = "/etc/hesuan/ray"     # a file of headers, where the dashboard wants some

    [ray.cards.NPU]                 # as Ray counts it → as the catalogue calls it
    card = "Ascend 910C"
    slices = 2                      # Ray counts dies

Or a Kubernetes cluster::

    engine = "kubernetes"

    [kubernetes]
    runs = "/shared/hesuan/runs"    # on every node under this path, or in the volume of `claim`
    image = "registry.example/hesuan/run:2026.11"
    kubeconfig = "/etc/hesuan/kubeconfig.json"

    [kubernetes.namespaces]         # organisation's id at the hub → namespace
    01JDZ6Y8000000000000000003 = "lab-a"

    [kubernetes.cards."huawei.com/Ascend910"]
    card = "Ascend 910C"

Without the file, or with ``engine = "local"``, jobs are processes of this machine. ``log_mib = 4`` above all
tables says how much of each run's log travels to the hub, at most, ``output_mib = 64`` how much of the files
it has left, ``input_mib = 1024`` what one run's input files may have, ``input_cache_mib = 4096`` what is kept
of them all; ``deliver_applications`` and ``application_cache_mib`` stand in ``deliveries``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from hesuan import toml_table
from hesuan.agent import deliveries, detect, inputs, outputs, stacks
from hesuan.agent.deliveries import Delivery
from hesuan.agent.detect import Machine
from hesuan.agent.inputs import Bounds
from hesuan.agent.manifests import Manifest
from hesuan.agent.meters import cgroup
from hesuan.agent.outputs import BOUND_BYTES as OUTPUT_BOUND_BYTES
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import Scheduler
from hesuan.agent.schedulers.folders import RunFolders
from hesuan.agent.schedulers.kubernetes import capacity as kubernetes_capacity
from hesuan.agent.schedulers.kubernetes import inventory as kubernetes_inventory
from hesuan.agent.schedulers.kubernetes.engine import KubernetesEngine
from hesuan.agent.schedulers.kubernetes.settings import Access
from hesuan.agent.schedulers.kubernetes.settings import Settings as KubernetesSettings
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.ray import capacity as ray_capacity
from hesuan.agent.schedulers.ray import inventory as ray_inventory
from hesuan.agent.schedulers.ray.engine import RayEngine
from hesuan.agent.schedulers.ray.settings import Settings as RaySettings
from hesuan.agent.schedulers.slurm import inventory as slurm_inventory
from hesuan.agent.schedulers.slurm import limits
from hesuan.agent.schedulers.slurm.engine import SlurmEngine
from hesuan.agent.schedulers.slurm.limits import Keeper
from hesuan.agent.schedulers.slurm.settings import Become
from hesuan.agent.schedulers.slurm.settings import Settings as SlurmSettings
from hesuan.agent.schedulers.slurm.tools import Tools
from hesuan.agent.site import Site
from hesuan.agent.stacks import Stack
from hesuan.agent.survey import Capacity
from hesuan.agent.telling import BOUND_BYTES
from hesuan.agent.words import Text
from hesuan.errors import InputFault, NotFound, declare
from hesuan.toml_table import Table
from hesuan.wire.canonical import Json

FILE = "site.toml"
ENGINES = ("local", "slurm", "ray", "kubernetes")

UNKNOWN_ENGINE = declare(
    "agent.unknown_engine",
    en="`{key}` is `{value}`; it is one of {known}.",
    zh="“{key}”为“{value}”；应为 {known} 之一。",
)
NO_ADDRESS = declare(
    "agent.no_http_address",
    en="`{key}` is `{value}`; it is the address of the head's dashboard, such as http://head:8265.",
    zh="“{key}”为“{value}”；应为主节点 dashboard 的地址，如 http://head:8265。",
)
NO_SERVER = declare(
    "agent.no_https_address",
    en="`{key}` is `{value}`; it is the address of the API server, such as https://master:6443.",
    zh="“{key}”为“{value}”；应为 API 服务器的地址，如 https://master:6443。",
)
WHOSE_CONTAINERS = declare(
    "agent.container_user",
    en="`{key}` is {value} and the agent is user {own}. Only root can give a run's folders to another user,"
    " and containers are root's only where 0 is written.",
    zh="“{key}”为 {value}，而代理的用户为 {own}。只有 root 能把运行目录交给其他用户；"
    "只有写明 0 时容器才以 root 运行。",
)
NO_SITE_FILE = declare(
    "agent.no_site_file",
    en="There is no file {path}. `--site` names the file that says which engine this site has.",
    zh="找不到文件 {path}。`--site` 应指向说明本站点所用引擎的文件。",
)


NOT_A_LOG_BOUND = declare(
    "agent.log_bound",
    en="`log_mib` is {value}; it is how much of a run's log travels [MiB], from 0 to {most}.",
    zh="“log_mib”为 {value}；它是每个运行的日志至多上传的量 [MiB]，应为 0 到 {most}。",
)
MOST_LOG_MIB = 1024


def _unsaid() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Equipped:
    """A site with its engine: what runs the work, and what there is to run it on."""

    scheduler: Scheduler
    machine: Machine
    look: Callable[[], Machine]
    """Looks at the machine again."""
    free: Callable[[], Capacity | None] = _unsaid
    """What is free now; None where the engine does not say."""
    users: Mapping[str, str] = field(default_factory=dict)
    """Organisation's id → the local user its jobs run as; empty: the agent's own."""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """Organisation's id → the namespace its jobs are in, where the engine has such."""
    log_bytes: int = BOUND_BYTES
    """How much of each run's log travels, at most."""
    output_bytes: int = OUTPUT_BOUND_BYTES
    """How much of each run's output files travels, at most; 0: none leaves the site."""
    bounds: Bounds = field(default_factory=Bounds)
    """How much the site takes of input files."""
    delivery: Delivery = field(default_factory=Delivery)
    """Which applications the site lets the hub deliver."""
    limits: Text | None = None
    """Whether the local engine's runs are limited by the kernel, or why not; None for other engines."""
    keeper: Keeper | None = None
    """What keeps the limits of Slurm's accounts, and gives them back."""
    stacks: tuple[Stack, ...] = ()
    """The software on each kind of chip, as the site's file has it."""

    def inventory(
        self, seen: Machine, *, apps: Mapping[str, Manifest], scripts_allowed: bool
    ) -> dict[str, Json]:
        """The body of the ``inventory`` message."""
        engine, isolation = self.scheduler.name, self.scheduler.isolation
        said = seen.inventory(engine=engine, isolation=isolation, apps=apps, scripts_allowed=scripts_allowed)
        return {**said, "stacks": stacks.body(self.stacks)} if self.stacks else said

    def capacity(self) -> dict[str, Json] | None:
        """The body of the ``capacity`` message; None where the engine does not say."""
        seen = self.free()
        return seen.body() if seen is not None else None


@dataclass(frozen=True, slots=True)
class SiteFile:
    """What the file says; of the engines, only the one that is named."""

    engine: str = "local"
    software: tuple[tuple[str, str], ...] = ()
    log_bytes: int = BOUND_BYTES
    output_bytes: int = OUTPUT_BOUND_BYTES
    bounds: Bounds = field(default_factory=Bounds)
    delivery: Delivery = field(default_factory=Delivery)
    stacks: tuple[Stack, ...] = ()
    runs: Path | None = None
    slurm: SlurmSettings | None = None
    ray: RaySettings | None = None
    kubernetes: KubernetesSettings | None = None


def equip(site: Site, file: Path | None) -> Equipped:
    """The engine of a site, from ``file`` or the data folder's ``site.toml``.

    Raises:
        NotFound: ``agent.no_site_file``.
        Faults: every fault of the file, with its line.
        Unavailable: the scheduler does not answer.
    """
    if file is not None and not file.exists():
        raise NotFound(NO_SITE_FILE, path=file)
    path = file or site.data / FILE
    said = read(path) if path.exists() else SiteFile()
    equipped = replace(_equipped(site, said), log_bytes=said.log_bytes, output_bytes=said.output_bytes)
    return replace(equipped, bounds=said.bounds, delivery=said.delivery, stacks=said.stacks)


def _equipped(site: Site, said: SiteFile) -> Equipped:
    runs = said.runs or site.runs
    software = dict(said.software)
    if said.slurm is not None:
        keeper = Keeper(Tools(said.slurm), RunFolders(runs), site.data / limits.FILE)
        slurm = SlurmEngine(said.slurm, keeper)
        look = partial(slurm_inventory.machine, slurm.tools, software)
        users = said.slurm.users if said.slurm.become != Become.AGENT else {}
        return Equipped(OutsideScheduler(slurm, runs), look(), look, keeper.look, users=users, keeper=keeper)
    if said.ray is not None:
        ray = RayEngine(said.ray)
        look = partial(ray_inventory.machine, ray.server, software)
        return Equipped(OutsideScheduler(ray, runs), look(), look, partial(ray_capacity.capacity, ray.server))
    if said.kubernetes is not None:
        cluster = KubernetesEngine(said.kubernetes)
        look = partial(kubernetes_inventory.machine, cluster.server, software)
        free, spaces = partial(kubernetes_capacity.capacity, cluster.server), said.kubernetes.namespaces
        return Equipped(OutsideScheduler(cluster, runs), look(), look, free, namespaces=spaces)
    machine = detect.machine()
    groups, why_not = cgroup.take()
    local = LocalScheduler(site.runs, cores=machine.cores, groups=groups)
    return Equipped(local, machine, detect.machine, limits=_limits(groups, why_not))


def _limits(groups: cgroup.Groups | None, why_not: Text) -> Text:
    if groups is None:
        return Text(
            f"Runs are not limited by cgroup v2: {why_not.en}.", f"运行不受 cgroup v2 限制：{why_not.zh}。"
        )
    return Text(
        f"Runs are limited by cgroup v2 below {groups.root}.", f"运行受 {groups.root} 之下的 cgroup v2 限制。"
    )


def read(path: Path) -> SiteFile:
    """Reads a ``site.toml``.

    Raises:
        Faults: every fault, with its line.
    """
    top = toml_table.read(path)
    engine = top.text("engine", "local")
    _one_of(top, "engine", engine, ENGINES)
    software = top.table("software", needed=False)
    declared = tuple((name, software.text(name)) for name in software.values)
    log_bytes, output_bytes, bounds = _log_bytes(top), outputs.read_bound(top), inputs.read_bounds(top)
    delivery = deliveries.read_delivery(top)
    stacked = stacks.read(top.table("stacks", needed=False))
    tables = {name: top.table(name, needed=engine == name) for name in ENGINES if name != "local"}
    runs = tables[engine].text("runs", "") if engine in tables else ""
    slurm = _slurm(tables["slurm"]) if engine == "slurm" else None
    ray = _ray(tables["ray"]) if engine == "ray" else None
    kubernetes = _kubernetes(tables["kubernetes"]) if engine == "kubernetes" else None
    top.close()
    top.document.finish()
    where = Path(runs) if runs else None
    bounded = (log_bytes, output_bytes, bounds, delivery)
    return SiteFile(engine, declared, *bounded, stacked, where, slurm, ray, kubernetes)


def _slurm(table: Table) -> SlurmSettings:
    become = table.text("become", Become.AGENT.value)
    _one_of(table, "become", become, tuple(Become))
    programs, conf = table.text("programs", ""), table.text("conf", "")
    users, accounts = (table.table(name, needed=False) for name in ("users", "accounts"))
    settings = SlurmSettings(
        partition=table.text("partition", ""),
        qos=table.text("qos", ""),
        become=Become(become) if become in tuple(Become) else Become.AGENT,
        users={name: users.text(name) for name in users.values},
        accounts={name: accounts.text(name) for name in accounts.values},
        gres=_resources(table),
        python=table.text("python", "python3"),
        programs=Path(programs) if programs else None,
        conf=Path(conf) if conf else None,
        keep_limits=limits.asked(table, accounts.values),
    )
    table.close()
    return settings


def _ray(table: Table) -> RaySettings:
    headers, ca = table.text("headers", ""), table.text("ca", "")
    address = table.text("address")
    if address and not (urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname):
        where = table.where("address")
        table.fault(InputFault(NO_ADDRESS, where=where, key="ray.address", value=address))
    settings = RaySettings(
        address=address.rstrip("/"),
        headers=Path(headers) if headers else None,
        ca=Path(ca) if ca else None,
        resources=_resources(table),
        python=table.text("python", "python3"),
    )
    table.close()
    return settings


def _kubernetes(table: Table) -> KubernetesSettings:
    namespaces, selector = (table.table(name, needed=False) for name in ("namespaces", "node_selector"))
    user = _container_user(table)
    own_group = os.getegid() if user == os.geteuid() else user
    settings = KubernetesSettings(
        image=table.text("image"),
        access=_access(table),
        namespaces={name: namespaces.text(name) for name in namespaces.values},
        namespace=table.text("namespace", ""),
        queue=table.text("queue", ""),
        claim=table.text("claim", ""),
        claim_path=table.text("claim_path", "").strip("/"),
        user=user,
        group=table.integer("group", own_group),
        resources=_resources(table),
        node_selector={name: selector.text(name) for name in selector.values},
        tolerated=table.texts("tolerated", ()),
        memory_mib=table.integer("memory_mib", 0),
        pull_secret=table.text("pull_secret", ""),
        python=table.text("python", "python3"),
    )
    table.close()
    return settings


def _access(table: Table) -> Access:
    kubeconfig, token, ca = (table.text(name, "") for name in ("kubeconfig", "token", "ca"))
    address = table.text("address", "")
    if address and not (urlsplit(address).scheme == "https" and urlsplit(address).hostname):
        where = table.where("address")
        table.fault(InputFault(NO_SERVER, where=where, key="kubernetes.address", value=address))
    return Access(
        kubeconfig=Path(kubeconfig) if kubeconfig else None,
        address=address.rstrip("/"),
        token=Path(token) if token else None,
        ca=Path(ca) if ca else None,
    )


def _container_user(table: Table) -> int:
    """Whom containers run as: the agent's own user, or another where the agent is root."""
    own, user = os.geteuid(), table.integer("user", -1)
    if (own == 0 and user < 0) or (own and user not in (-1, own)):
        where, shown = table.where("user"), "–" if user < 0 else user
        fault = InputFault(WHOSE_CONTAINERS, where=where, key="kubernetes.user", value=shown, own=own)
        table.fault(fault)
    return own if user < 0 else user


def _resources(table: Table) -> dict[str, Resource]:
    """The tables under ``cards``, by the cluster's own names."""
    found = {}
    for name, one in table.tables("cards").items():
        found[name] = Resource(card=one.text("card"), slices=max(1, one.integer("slices", 1)))
        one.close()
    return found


def _log_bytes(top: Table) -> int:
    mib = top.integer("log_mib", BOUND_BYTES >> 20)
    if not 0 <= mib <= MOST_LOG_MIB:
        top.fault(InputFault(NOT_A_LOG_BOUND, where=top.where("log_mib"), value=mib, most=MOST_LOG_MIB))
    return mib << 20


def _one_of(table: Table, key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        where = table.where(key)
        shown = toml_table.list_of(known)
        table.fault(InputFault(UNKNOWN_ENGINE, where=where, key=key, value=value, known=shown))
