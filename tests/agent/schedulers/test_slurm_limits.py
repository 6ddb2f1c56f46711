"""Limits of accounts that follow the runs: on a real Slurm that keeps them, and what is not kept there."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contracts.schedulers.harnesses import wait_until
from tests.engines import slurm as clusters
from tests.engines.slurm import Cluster

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import RunSpec, RunState
from hesuan.agent.schedulers.folders import RunFolders
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.slurm import limits, reading, script
from hesuan.agent.schedulers.slurm.engine import SlurmEngine
from hesuan.agent.schedulers.slurm.limits import Keeper
from hesuan.agent.schedulers.slurm.reading import Standing
from hesuan.agent.schedulers.slurm.settings import Settings
from hesuan.agent.schedulers.slurm.tools import Tools
from hesuan.errors import Refused
from hesuan.wire.ids import new_id

on_slurm = [pytest.mark.slurm, pytest.mark.processes]
ORGANISATION, ACCOUNT = "01JDZ6Y8000000000000000003", "lab"
CARDS = {f"gpu:{clusters.CHIP}": Resource("Ascend 910C")}
TYPED = f"gres/gpu:{clusters.CHIP}"
MINUTES = script.minutes(60)


class Centre:
    """A site at a real cluster, with an account of its own for one organisation."""

    def __init__(self, cluster: Cluster, folder: Path, **settings: object) -> None:
        said = Settings(conf=cluster.conf, fresh_s=0.3, gres=CARDS, accounts={ORGANISATION: ACCOUNT})
        self.cluster, self.folder = cluster, folder
        self.settings = replace(said, **{"keep_limits": True, **settings})  # type: ignore[arg-type]
        self.keeper = Keeper(Tools(self.settings), RunFolders(folder / "runs"), folder / limits.FILE)
        self.site = OutsideScheduler(SlurmEngine(self.settings, self.keeper), folder / "runs")

    def again(self, **settings: object) -> Centre:
        """After a restart of the agent."""
        return Centre(self.cluster, self.folder, **settings)

    def standing(self) -> Standing:
        text = self.cluster.call("scontrol", "-o", "show", "assoc_mgr", "flags=assoc", f"accounts={ACCOUNT}")
        found = reading.standing(text, account=ACCOUNT, cluster=self.cluster.name)
        assert found is not None
        return found

    def room(self) -> dict[str, int]:
        """What a job that comes now may take, by TRES with a limit."""
        now = self.standing()
        return {name: most - now.used[name] - now.running[name] for name, most in now.limits.items()}

    def set(self, text: str) -> None:
        where = ("where", f"name={ACCOUNT}", f"cluster={self.cluster.name}")
        self.cluster.call("sacctmgr", "-i", "modify", "account", *where, "set", f"GrpTRESMins={text}")

    def beside(self, *words: str) -> str:
        """A job that somebody submits under the account without Hesuan."""
        given = ("--parsable", f"--account={ACCOUNT}", "--output=/dev/null", *words, "--wrap=sleep 1")
        return self.cluster.call("sbatch", *given).strip()

    def reason(self, job: str) -> str:
        return self.cluster.call("squeue", "-h", "-t", "all", "-j", job, "-o", "%T %r").strip()

    def until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 240
        while not is_so():
            assert time.monotonic() < deadline, self.standing()
            time.sleep(0.2)


def job(text: str, **asked: object) -> RunSpec:
    spec = RunSpec(new_id(), ("sh", "-c", text), 1, 60, organisation=ORGANISATION)
    return replace(spec, **asked)  # type: ignore[arg-type]


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    cluster = clusters.of_this_process()
    for words in (("account", ACCOUNT), ("user", "root", f"account={ACCOUNT}")):
        cluster.call("sacctmgr", "-n", "-i", "add", *words, check=False)
    one = Centre(cluster, tmp_path)
    one.until(lambda: f"Account={ACCOUNT} " in cluster.call("scontrol", "-o", "show", "assoc_mgr"))
    yield one
    cluster.call("scancel", f"--account={ACCOUNT}")
    one.set(f"cpu=-1,gres/gpu=-1,{TYPED}=-1")


class TestOnSlurm:
    pytestmark = on_slurm

    def test_a_run_begins_at_a_limit_of_its_very_bound_and_a_job_beside_it_is_held(
        self, centre: Centre
    ) -> None:
        centre.keeper.begin(pytest.fail)
        assert set(centre.room()) == {"cpu", "gres/gpu", TYPED} and not any(centre.room().values())
        other = centre.beside("--cpus-per-task=4", "--time=60")
        centre.until(lambda: "Minutes" in centre.reason(other))
        run = job("sleep 3", cores=2, cards=1, card="Ascend 910C")
        centre.site.submit(run)
        bound = {"cpu": 2 * MINUTES, "gres/gpu": MINUTES, TYPED: MINUTES}
        assert centre.standing().limits == {
            name: most + centre.standing().used[name] for name, most in bound.items()
        }
        assert wait_until(centre.site, run.run, lambda o: o.state.final).state == RunState.COMPLETED
        centre.until(lambda: not any(centre.room().values()))
        assert centre.reason(other).startswith("PENDING AssocGrp")
        # The control: without the limit nothing keeps it.
        centre.again(keep_limits=False).keeper.begin(pytest.fail)
        assert centre.standing().limits == {} and not centre.keeper.file.exists()
        centre.until(lambda: centre.reason(other).split()[0] in ("RUNNING", "COMPLETED"))

    def test_a_run_that_somebody_holds_by_the_limit_gets_its_room_again(
        self, centre: Centre, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "AGAIN_S", 0.0)
        centre.cluster.call("scontrol", "update", "PartitionName=train", "State=DOWN")
        try:
            run = job("true")
            centre.site.submit(run)
            centre.set("cpu=0")
        finally:
            centre.cluster.call("scontrol", "update", "PartitionName=train", "State=UP")
        assert wait_until(centre.site, run.run, lambda o: o.state.final).state == RunState.COMPLETED

    def test_what_waits_counts_once_by_its_runs_own_folder(self, centre: Centre) -> None:
        """A job that has a run's name and is not its job gives its sender no room; nor does a second look."""
        centre.cluster.call("scontrol", "update", "PartitionName=train", "State=DOWN")
        try:
            runs = [job("true"), job("true", cores=3)]
            for run in runs:
                centre.site.submit(run)
            for name in (runs[0].run, new_id()):
                centre.beside(f"--job-name=hesuan-{name}", "--cpus-per-task=16", "--time=600")
            before = centre.standing().limits
            for _ in range(2):
                centre.again().keeper.tend()
            assert centre.standing().limits == before and centre.room()["cpu"] == 4 * MINUTES
            for run in runs:
                centre.site.cancel(run.run)
                wait_until(centre.site, run.run, lambda o: o.state.final)
            assert centre.room()["cpu"] == 0
        finally:
            centre.cluster.call("scontrol", "update", "PartitionName=train", "State=UP")

    def test_a_limit_of_the_centres_own_is_never_exceeded_and_comes_back(self, centre: Centre) -> None:
        own = centre.standing().used["cpu"] + 1
        centre.set(f"cpu={own}")
        centre.until(lambda: centre.standing().limits == {"cpu": own})
        centre.keeper.keep(ACCOUNT, coming=job("true", cores=4))
        assert centre.standing().limits["cpu"] == own and centre.standing().limits["gres/gpu"] >= 0
        centre.again().keeper.tend()
        centre.again(keep_limits=False).keeper.tend()
        assert centre.standing().limits == {"cpu": own}

    def test_an_account_that_no_organisation_has_is_not_touched(self, centre: Centre) -> None:
        stranger = replace(job("true"), organisation=new_id())
        centre.site.submit(stranger)
        wait_until(centre.site, stranger.run, lambda o: o.state.final)
        assert centre.standing().limits == {} and not centre.keeper.file.exists()

    def test_without_the_operators_right_a_run_is_refused_and_the_agent_does_not_begin(
        self, centre: Centre, tmp_path: Path
    ) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        for tool in ("sbatch", "squeue", "sacct", "scancel", "sinfo", "scontrol"):
            (folder / tool).symlink_to(f"/usr/bin/{tool}")
        nobody = "exec setpriv --reuid=nobody --regid=nogroup --clear-groups /usr/bin/sacctmgr"
        (folder / "sacctmgr").write_text(f'#!/bin/sh\n{nobody} "$@"\n')
        (folder / "sacctmgr").chmod(0o755)
        poor = centre.again(programs=folder)
        run = job("true")
        with pytest.raises(Refused, match="adminlevel=Operator"):
            poor.site.submit(run)
        assert not poor.site.folders.has(run.run)
        with pytest.raises(Refused, match="adminlevel=Operator"):
            poor.keeper.begin(pytest.fail)

    def test_a_cluster_that_would_not_hold_to_them_is_named_with_what_to_set(
        self, centre: Centre, tmp_path: Path
    ) -> None:
        assert centre.keeper.objections() == [] and centre.keeper.decays() == ""
        folder = tmp_path / "bin"
        folder.mkdir()
        for tool in ("sinfo", "sacctmgr"):
            (folder / tool).symlink_to(f"/usr/bin/{tool}")
        loose = "s/,limits,safe/,limits/; s|priority/multifactor|priority/basic|; s|,gres/gpu[^ ]*||"
        (folder / "scontrol").write_text(f'#!/bin/sh\n/usr/bin/scontrol "$@" | sed "{loose}"\n')
        (folder / "scontrol").chmod(0o755)
        found = [one.facts for one in centre.again(programs=folder).keeper.objections()]
        assert [(one["setting"], one["found"]) for one in found] == [
            ("AccountingStorageEnforce", "associations,limits"),
            ("PriorityType", "priority/basic"),
            ("AccountingStorageTRES", "cpu,mem,energy,node,billing,fs/disk,vmem,pages"),
        ]
        with pytest.raises(Refused, match="associations,limits,safe"):
            centre.again(programs=folder).keeper.begin(pytest.fail)

    def test_an_account_that_slurm_does_not_know_is_refused_by_name(self, centre: Centre) -> None:
        with pytest.raises(Refused, match="no account nonesuch"):
            centre.again(accounts={ORGANISATION: "nonesuch"}).keeper.tend()


ROW = """\
ClusterName=c Account=lab UserName= Partition= Priority=0 ID=3 ParentAccount=root(1) GrpJobs=N(0) \
GrpTRES=cpu=9(2) GrpTRESMins=cpu=12(6),mem=N(70),gres/gpu:a=0(0) \
GrpTRESRunMins=cpu=N(4),mem=N(7),gres/gpu:a=N(0)
ClusterName=c Account=lab UserName=alice(1000) Partition= GrpTRESMins=cpu=3(1) GrpTRESRunMins=cpu=N(1)
"""


def test_an_accounts_own_line_is_read_and_no_users() -> None:
    told = reading.standing(ROW, account="Lab", cluster="c")
    assert told == Standing(
        limits={"cpu": 12, "gres/gpu:a": 0},
        used={"cpu": 6, "mem": 70, "gres/gpu:a": 0},
        running={"cpu": 4, "mem": 7, "gres/gpu:a": 0},
    )
    assert reading.standing(ROW, account="lab", cluster="d") is None


def test_a_bound_is_of_whole_cores_and_of_each_slice() -> None:
    cluster = limits.Cluster("c", ("cpu", "gres/gpu", "gres/gpu:a"), threads=2)
    asked = replace(job("true"), cores=3, cards=2, card="A", time_limit_s=600)
    lasts = script.minutes(600)
    assert limits.bound(asked.document(), {"gpu:a": Resource("A", slices=4)}, cluster) == {
        "cpu": 4 * lasts,
        "gres/gpu": 8 * lasts,
        "gres/gpu:a": 8 * lasts,
    }
    alone = limits.bound(replace(job("true"), cores=2).document(), {}, cluster)
    assert alone == {"cpu": 2 * MINUTES, "gres/gpu": 0, "gres/gpu:a": 0}


def test_what_is_due_is_what_was_used_runs_and_waits_and_at_most_the_centres_own() -> None:
    """
    used 6, running 4 and its minute, waiting 5 and 7
    """
    now = Standing(limits={}, used={"cpu": 6, "gres/gpu": 2}, running={"cpu": 4, "gres/gpu": 0})
    waiting = [{"cpu": 5, "gres/gpu": 3}, {"cpu": 7}]
    assert limits.due(now, waiting, {"cpu": None, "gres/gpu": None}) == {"cpu": 23, "gres/gpu": 5}
    assert limits.due(now, waiting, {"cpu": 20, "gres/gpu": 50}) == {"cpu": 20, "gres/gpu": 5}


def test_nothing_is_asked_of_slurm_where_nobody_wants_limits(tmp_path: Path) -> None:
    tools = Tools(Settings(programs=tmp_path / "none", accounts={ORGANISATION: ACCOUNT}))
    keeper = Keeper(tools, RunFolders(tmp_path / "runs"), tmp_path / limits.FILE)
    keeper.begin(pytest.fail)
    keeper.keep_for(ORGANISATION)
    assert keeper.objections() == [] and keeper.accounts == ()
    assert not (tmp_path / limits.FILE).exists()
    assert subprocess.run(["ls", tmp_path], capture_output=True, text=True, check=True).stdout == "runs\n"
