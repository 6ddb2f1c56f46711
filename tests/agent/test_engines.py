"""``site.toml``: read strictly, every fault with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hesuan.agent import engines
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.kubernetes.settings import Access
from hesuan.agent.schedulers.kubernetes.settings import Settings as KubernetesSettings
from hesuan.agent.schedulers.slurm.settings import Become
from hesuan.agent.site import Site
from hesuan.errors import Faults, NotFound, Unavailable
from hesuan.wire import keys

WHOLE = """\
engine = "slurm"

[software]
python = "3.11"

[slurm]
runs = "/shared/hesuan/runs"
partition = "train"
become = "setpriv"
python = "/opt/hesuan/bin/python"

[slurm.users]
01JDZ6Y8000000000000000003 = "alice"

[slurm.accounts]
01JDZ6Y8000000000000000003 = "research"

[slurm.cards."gpu:ascend910c"]
card = "Ascend 910C"

[slurm.cards.shard]
card = "A100"
slices = 4
"""


LOG_BOUND = 'engine = "local"\nlog_mib = {}\n'


RAY = """\
engine = "ray"

[ray]
runs = "/shared/hesuan/runs"
address = "https://head:8265/"
headers = "/etc/hesuan/ray"
ca = "/etc/hesuan/ca.pem"
python = "/opt/hesuan/bin/python"

[ray.cards.NPU]
card = "Ascend 910C"
slices = 2
"""


def write(folder: Path, text: str) -> Path:
    path = folder / engines.FILE
    path.write_text(text)
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    said = engines.read(write(tmp_path, WHOLE))
    assert said.slurm is not None and said.runs == Path("/shared/hesuan/runs")
    assert said.software == (("python", "3.11"),)
    assert said.slurm.become == Become.SETPRIV and said.slurm.partition == "train"
    assert said.slurm.users == {"01JDZ6Y8000000000000000003": "alice"}
    assert said.slurm.gres == {"gpu:ascend910c": Resource("Ascend 910C"), "shard": Resource("A100", 4)}
    assert not said.slurm.keep_limits, "a centre asks for it"


def test_limits_are_kept_of_accounts_that_are_named(tmp_path: Path) -> None:
    keeps = WHOLE.replace("[slurm]\n", "[slurm]\nkeep_limits = true\n")
    said = engines.read(write(tmp_path, keeps))
    assert said.slurm is not None and said.slurm.keep_limits
    with pytest.raises(Faults) as faults:
        engines.read(write(tmp_path, 'engine = "slurm"\n[slurm]\nkeep_limits = true\n'))
    (fault,) = faults.value.faults
    assert fault.code.name == "agent.limits_of_nobody" and fault.where.endswith(":3")


def test_a_whole_file_of_a_ray_cluster_is_read(tmp_path: Path) -> None:
    said = engines.read(write(tmp_path, RAY))
    assert said.slurm is None and said.ray is not None and said.runs == Path("/shared/hesuan/runs")
    assert said.ray.address == "https://head:8265" and said.ray.headers == Path("/etc/hesuan/ray")
    assert said.ray.resources == {"NPU": Resource("Ascend 910C", slices=2)}


KUBERNETES = """\
engine = "kubernetes"

[kubernetes]
runs = "/shared/hesuan/runs"
image = "registry.example/run:1"
address = "https://master:6443/"
token = "/etc/hesuan/token"
ca = "/etc/hesuan/ca.pem"
namespace = "guests"
queue = "train"
claim = "runs"
claim_path = "/hesuan/runs/"
user = USER
memory_mib = 2048
tolerated = ["nvidia.com/gpu"]
pull_secret = "registry"
python = "python3.11"

[kubernetes.namespaces]
01JDZ6Y8000000000000000003 = "lab-a"

[kubernetes.node_selector]
pool = "train"

[kubernetes.cards."huawei.com/Ascend910"]
card = "Ascend 910C"
slices = 2
""".replace("USER", str(os.geteuid()))


def test_a_whole_file_of_a_kubernetes_cluster_is_read(tmp_path: Path) -> None:
    said = engines.read(write(tmp_path, KUBERNETES)).kubernetes
    assert said == KubernetesSettings(
        image="registry.example/run:1",
        access=Access(
            address="https://master:6443", token=Path("/etc/hesuan/token"), ca=Path("/etc/hesuan/ca.pem")
        ),
        namespaces={"01JDZ6Y8000000000000000003": "lab-a"},
        namespace="guests",
        queue="train",
        claim="runs",
        claim_path="hesuan/runs",
        resources={"huawei.com/Ascend910": Resource("Ascend 910C", slices=2)},
        node_selector={"pool": "train"},
        tolerated=("nvidia.com/gpu",),
        memory_mib=2048,
        pull_secret="registry",
        python="python3.11",
    )


WHOSE = [
    # the agent's user, what the file says, what comes of it: user and group, or a fault
    (0, "", None),
    (0, "user = 0", (0, 0)),
    (0, "user = 2000", (2000, 2000)),
    (0, "user = 2000\ngroup = 100", (2000, 100)),
    (1000, "", (1000, 1000)),
    (1000, "user = 1000", (1000, 1000)),
    (1000, "user = 0", None),
    (1000, "user = 2000", None),
]


@pytest.mark.parametrize(("own", "line", "becomes"), WHOSE)
def test_containers_are_roots_only_where_that_is_written_and_anothers_only_where_the_agent_is_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: int, line: str, becomes: tuple[int, int] | None
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: own)
    monkeypatch.setattr(os, "getegid", lambda: own)
    file = write(tmp_path, f'engine = "kubernetes"\n[kubernetes]\nimage = "x"\n{line}\n')
    if becomes is None:
        with pytest.raises(Faults, match=r"kubernetes\.user"):
            engines.read(file)
    else:
        said = engines.read(file).kubernetes
        assert said is not None and (said.user, said.group) == becomes


FAULTY = [
    ('engine = "slrum"\n', "site.toml:1", "`slrum`; it is one of local, slurm, ray, kubernetes"),
    ('engine = "slurm"\n', "site.toml", "`slurm` is missing"),
    ('engine = "slurm"\n[slurm]\nbecome = "root"\n', "site.toml:3", "agent, setpriv, sudo"),
    ('engine = "slurm"\n[slurm]\npartitoin = "a"\n', "site.toml:3", "partition"),
    ('engine = "slurm"\n[slurm.cards.gpu]\n', "site.toml:2", "`slurm.cards.gpu.card` is missing"),
    ('engine = "ray"\n[ray]\n', "site.toml:2", "`ray.address` is missing"),
    ('engine = "ray"\n[ray]\naddress = "head:8265"\n', "site.toml:3", "such as http://head:8265"),
    ('engine = "ray"\n[ray]\naddress = "http://head"\nheader = "x"\n', "site.toml:4", "headers"),
    ('engine = "kubernetes"\n[kubernetes]\n', "site.toml:2", "`kubernetes.image` is missing"),
    ('engine = "kubernetes"\n[kubernetes]\nnamespaec = "a"\n', "site.toml:3", "namespace"),
    ('engine = "kubernetes"\n[kubernetes]\naddress = "http://m"\n', "site.toml:3", "such as https://"),
    ("engine = [\n", "site.toml", "not TOML"),
]


@pytest.mark.parametrize(("text", "place", "said"), FAULTY)
def test_a_fault_has_its_line_and_says_what_to_write(
    tmp_path: Path, text: str, place: str, said: str
) -> None:
    with pytest.raises(Faults) as caught:
        engines.read(write(tmp_path, text))
    sentences = [fault.sentence() for fault in caught.value.faults]
    assert any(place in sentence and said in sentence for sentence in sentences), sentences


@pytest.fixture
def site(tmp_path: Path) -> Site:
    private = keys.load_or_create(tmp_path / "agent-key.pem")
    return Site(tmp_path, "http://127.0.0.1:9", "01" + "A" * 24, "01" + "B" * 24, "here", private)


def test_without_a_file_work_runs_on_this_machine(site: Site) -> None:
    assert engines.equip(site, None).scheduler.name == "local"


def test_a_cluster_that_does_not_answer_is_told_by_its_address(site: Site, tmp_path: Path) -> None:
    write(tmp_path, 'engine = "ray"\n[ray]\naddress = "http://127.0.0.1:9"\n')
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        engines.equip(site, None)


def test_a_file_that_was_named_must_be_there(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"other\.toml"):
        engines.equip(site, tmp_path / "other.toml")


def test_a_centre_says_how_much_of_a_runs_files_travels(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("")
    assert engines.read(path).output_bytes == 64 << 20
    for mib in (0, 4, 1 << 20):
        path.write_text(LOG_BOUND.format(4).replace("log_mib = 4", f"log_mib = 4\noutput_mib = {mib}"))
        assert (engines.read(path).log_bytes, engines.read(path).output_bytes) == (4 << 20, mib << 20)
    for mib in (-1, (1 << 20) + 1):
        path.write_text(f"output_mib = {mib}")
        with pytest.raises(Faults, match=rf"site.toml:1: `output_mib` is {mib}; .* from 0 to 1048576"):
            engines.read(path)


def test_a_centre_says_how_much_of_a_log_travels(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("")
    assert engines.read(path).log_bytes == 16 << 20
    for mib in (0, 4, 1024):
        path.write_text(LOG_BOUND.format(mib))
        assert engines.read(path).log_bytes == mib << 20
    for mib in (-1, 1025):
        path.write_text(LOG_BOUND.format(mib))
        with pytest.raises(Faults, match=rf"site.toml:2: `log_mib` is {mib}; .* from 0 to 1024"):
            engines.read(path)
