"""What a pod sees of the folders on its node: its own run's, with the input files in it, and no other's."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.agent.schedulers.test_kubernetes import ended, scheduler, shell
from tests.engines import kubelets
from tests.engines import kubernetes as clusters
from tests.engines.kubernetes import NAMESPACE

from hesuan.agent.schedulers.contract import Input, RunSpec
from hesuan.agent.schedulers.kubernetes import manifest
from hesuan.agent.schedulers.kubernetes.settings import Access, Settings
from hesuan.agent.schedulers.rundir import RunDirectory

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.processes,
    pytest.mark.skipif(not kubelets.can_mount(), reason="no namespaces for this user"),
]
LOOKS = """id -u; cat "$HESUAN_INPUT/data/a.csv"; echo x > "$HESUAN_INPUT/data/a.csv" || echo input kept
echo x > ../spec.json || echo spec kept; [ ! -d ../../another-run ] || echo another
echo made > "$HESUAN_OUTPUT/made\""""


@pytest.fixture
def settings() -> Settings:
    access = Access(kubeconfig=clusters.of_this_process().folder / "agent.json")
    return Settings("none", access, namespace=NAMESPACE, user=2000, group=2000, settled_s=1.0)


def a_look(settings: Settings, folder: Path) -> tuple[str, Path]:
    """What a job of another user's than the agent says that it sees, beside the folder of another run."""
    kept = folder / "kept"
    kept.mkdir()
    (folder / "runs" / "another-run").mkdir(parents=True)
    folder.chmod(0o711)
    sha256 = hashlib.sha256(b"7,1\n").hexdigest()
    (kept / sha256).write_bytes(b"7,1\n")
    site = scheduler(settings, folder / "runs")
    job = shell(LOOKS, inputs=(Input("data/a.csv", sha256, 4),), inputs_at=kept)
    ended(site, job)
    return site.log(job.run, 0, 4000).decode(), site.output(job.run)


@pytest.fixture
def in_reach() -> Iterator[Path]:
    """A folder that every user can come to."""
    folder = Path(tempfile.mkdtemp(prefix="hesuan-runs-"))
    yield folder
    shutil.rmtree(folder)


def test_a_pod_reads_its_input_files_as_its_user_and_sees_no_other_runs_folder(
    settings: Settings, in_reach: Path
) -> None:
    log, output = a_look(settings, in_reach)
    assert log.splitlines()[:2] == ["2000", "7,1"] and "input kept" in log and "spec kept" in log
    assert "another" not in log and (output / "made").read_text() == "made\n"


def test_a_pod_that_is_given_the_folder_around_its_own_sees_the_others(
    settings: Settings, in_reach: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = manifest._pod

    def wide(spec: RunSpec, directory: RunDirectory, settings: Settings) -> dict[str, Any]:
        whole = str(directory.path.parent)
        pod = real(spec, directory, settings)
        pod["containers"][0]["volumeMounts"] = [{"name": "run", "mountPath": whole}]
        return {**pod, "volumes": [{"name": "run", "hostPath": {"path": whole}}]}

    monkeypatch.setattr(manifest, "_pod", wide)
    assert "another" in a_look(settings, in_reach)[0]
