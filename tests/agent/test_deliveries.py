"""Applications that the hub delivers: only where the site lets it, checked at each use, resumed, bounded."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.agent.fakes import Rig
from tests.agent.hub import StandInHub
from tests.packaged import make_app

from hesuan.agent import engines, manifests
from hesuan.agent.deliveries import CACHE_BYTES, Deliveries, Delivery
from hesuan.agent.manifests import Manifest
from hesuan.agent.orders import House
from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.folders import RunFolders
from hesuan.agent.site import Site
from hesuan.errors import Faults
from hesuan.wire import apps
from hesuan.wire.apps import AppFile, folder_digest
from hesuan.wire.ids import new_id


class DeliveredRig(Rig):
    """An agent whose site lets applications come, over a fake engine that copies folders as real ones do."""

    delivery = Delivery(everything=True)
    own: dict[str, Manifest]

    def start(self) -> None:
        super().start()
        self.agent.delivery = self.delivery
        self.agent.inventory = {"host": "test", "software": {}, "apps": []}
        self.agent.house = House(dict(getattr(self, "own", {})), scripts_allowed=True)
        self.agent.deliveries = Deliveries(
            self.site.applications, self.uplink, self.delivery, self.told.append
        )
        self.folders, real = RunFolders(self.site.data / "engine"), self.agent.scheduler.submit

        def copying(spec: RunSpec) -> None:
            self.folders.take(spec)
            real(replace(spec, command=("exit:0", "1")))

        self.agent.scheduler.submit = copying  # type: ignore[method-assign]


@pytest.fixture
def rig(hub: StandInHub, site: Site) -> Iterator[DeliveredRig]:
    made = DeliveredRig(hub, site)
    yield made
    made.close()


@pytest.fixture
def app(hub: StandInHub, tmp_path: Path) -> Manifest:
    """An application that only the hub has."""
    return offer(hub, make_app(tmp_path / "publisher"))


def offer(hub: StandInHub, manifest: Manifest) -> Manifest:
    hub.apps[manifest.digest] = [one.document() for one in manifests.listed(manifest.folder)]
    for path in manifests.files_of(manifest.folder):
        hub.files[AppFile("", 0, digest_of(path)).sha256] = path.read_bytes()
    return manifest


def digest_of(path: Path) -> str:
    return next(one.sha256 for one in manifests.listed(path.parent) if one.path == path.name)


def order(hub: StandInHub, app: Manifest, *, name: str = "", digest: str = "") -> str:
    run = new_id()
    work = {"kind": "app", "app": name or app.name, "units": 3}
    body = {"run": run, "work": work, "cores": 1, "time_limit_s": 60, "app_digest": digest or app.digest}
    hub.command("run", body, command_id=f"run:{run}")
    return run


def until_told(rig: Rig, hub: StandInHub, run: str, rounds: int = 40) -> list[str]:
    for _ in range(rounds):
        rig.agent.deliveries.files._after = 0
        rig.round()
        if hub.states(run):
            break
    return hub.states(run)


def reason(hub: StandInHub) -> str:
    """Why the last run that was refused was."""
    return [str(one["reason"]) for one in hub.bodies("run_state") if one["state"] == "REFUSED"][-1]


def kept(rig: Rig, app: Manifest) -> Path:
    return rig.site.applications / app.digest.removeprefix("sha256:") / app.name


def test_an_order_runs_an_application_that_only_the_hub_had(
    rig: DeliveredRig, hub: StandInHub, app: Manifest
) -> None:
    run = order(hub, app)
    assert until_told(rig, hub, run)[0] == "SUBMITTED"
    assert manifests.folder_digest(kept(rig, app)) == app.digest
    assert manifests.folder_digest(rig.folders.known(run).path / "app") == app.digest
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in manifests.files_of(kept(rig, app)))
    assert list((rig.site.applications / "files").iterdir()) == [], "nothing is kept twice"
    came = len(hub.fetched)
    assert until_told(rig, hub, order(hub, app))[0] == "SUBMITTED" and len(hub.fetched) == came


def test_nothing_comes_where_the_operator_has_not_allowed_it(
    rig: DeliveredRig, hub: StandInHub, app: Manifest
) -> None:
    for allowed in (Delivery(), Delivery(names=frozenset({"another"}))):
        rig.delivery = allowed
        rig.restart()
        assert until_told(rig, hub, order(hub, app)) == ["REFUSED"]
        assert "no application `adder`" in reason(hub) and hub.fetched == []
    rig.delivery = Delivery(names=frozenset({"adder"}))
    rig.restart()
    assert until_told(rig, hub, order(hub, app))[0] == "SUBMITTED"


def test_a_kill_after_each_round_fetches_nothing_again(
    rig: DeliveredRig, hub: StandInHub, tmp_path: Path
) -> None:
    app = offer(hub, make_app(tmp_path / "large", padding=3000))
    run = order(hub, app)
    for _ in range(20):
        rig.round()
        rig.restart()
        if hub.states(run):
            break
    assert "SUBMITTED" in hub.states(run)
    assert len(set(hub.fetched)) == len(hub.fetched) > 30, "no byte twice"


def test_a_cut_line_is_waited_for(rig: DeliveredRig, hub: StandInHub, tmp_path: Path) -> None:
    app = offer(hub, make_app(tmp_path / "large", padding=2000))
    run = order(hub, app)
    rig.round()
    hub.away = True
    for _ in range(3):
        rig.agent.tick()
    hub.away = False
    assert until_told(rig, hub, run)[0] == "SUBMITTED" and len(set(hub.fetched)) == len(hub.fetched)


def test_an_altered_cache_is_thrown_away_and_fetched_anew(
    rig: DeliveredRig, hub: StandInHub, app: Manifest
) -> None:
    assert until_told(rig, hub, order(hub, app))[0] == "SUBMITTED"
    came = len(hub.fetched)
    for alter in (
        lambda folder: (folder / "run.py").write_text("import evil"),
        lambda folder: (folder / "more.py").write_text("import evil"),
        lambda folder: (folder / "adder" / "sums.py").unlink(),
        lambda folder: (folder / "more").symlink_to("/etc"),
        shutil.rmtree,
    ):
        alter(kept(rig, app))
        run = order(hub, app)
        assert until_told(rig, hub, run)[0] == "SUBMITTED"
        assert manifests.folder_digest(rig.folders.known(run).path / "app") == app.digest
        assert len(hub.fetched) == 2 * came
        hub.fetched = hub.fetched[:came]
    assert any("thrown away" in sentence for sentence in rig.told)


def test_what_is_altered_between_the_check_and_the_copy_never_runs(
    rig: DeliveredRig, hub: StandInHub, app: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above: with the check before the use gone, the engine's own still stands."""
    assert until_told(rig, hub, order(hub, app))[0] == "SUBMITTED"
    (kept(rig, app) / "run.py").write_text("import evil")
    sound, calls = Deliveries._sound, []

    def blind(self: Deliveries, folder: Path, digest: str) -> bool:
        calls.append(folder)
        return True if len(calls) == 1 else sound(self, folder, digest)

    monkeypatch.setattr(Deliveries, "_sound", blind)
    run = order(hub, app)
    assert until_told(rig, hub, run)[0] == "SUBMITTED"
    assert "import evil" not in (rig.folders.known(run).path / "app" / "run.py").read_text()
    assert any("altered here" in sentence for sentence in rig.told)


def test_a_file_that_comes_altered_refuses_the_run(rig: DeliveredRig, hub: StandInHub, app: Manifest) -> None:
    sha256 = digest_of(app.folder / "run.py")
    hub.files[sha256] = b"!" + hub.files[sha256][1:]
    assert until_told(rig, hub, order(hub, app)) == ["REFUSED"] and not kept(rig, app).exists()
    assert "`run.py` of application adder" in reason(hub) and sha256 in reason(hub)


def lists(app: Manifest) -> list[dict[str, Any]]:
    return [one.document() for one in manifests.listed(app.folder)]


def test_another_list_than_the_one_ordered_fetches_nothing(
    rig: DeliveredRig, hub: StandInHub, app: Manifest
) -> None:
    hub.apps[app.digest] = lists(app)[1:]
    assert until_told(rig, hub, order(hub, app)) == ["REFUSED"] and hub.fetched == []
    assert app.digest in reason(hub) and "Nothing was fetched" in reason(hub)
    hub.apps.clear()
    assert until_told(rig, hub, order(hub, app)) == ["REFUSED"]
    assert "gateway.app_not_found" in reason(hub)


MIB = 1 << 20
WRONG = [
    ({"path": "../run.py", "size_bytes": 1}, "`../run.py` is no place"),
    ({"path": "/etc/cron.d/x", "size_bytes": 1}, "`/etc/cron.d/x` is no place"),
    ({"path": "a/__pycache__/x.pyc", "size_bytes": 1}, "`a/__pycache__/x.pyc` is no place"),
    ({"path": "run.py", "size_bytes": 1}, "Of the 5 paths two are alike"),
    ({"path": "adder", "size_bytes": 1}, "Of the 5 paths two are alike"),
    ({"path": "big", "size_bytes": 64 * MIB + 1}, "`big` has 67108865 bytes; a file .* at most 67108864"),
    ({"path": "a", "size_bytes": 1, "mode": 0o4755}, "`path`, `sha256` .* are needed"),
    ({"path": "a", "size_bytes": -1}, "`path`, `sha256` .* are needed"),
    ({"path": "a", "size_bytes": True}, "`path`, `sha256` .* are needed"),
]


@pytest.mark.parametrize(("more", "said"), WRONG)
def test_a_list_that_leaves_its_folder_or_its_bounds_is_refused(
    rig: DeliveredRig, hub: StandInHub, app: Manifest, more: dict[str, Any], said: str
) -> None:
    """Also where an order names the very digest of such a list."""
    listed = [*lists(app), {"sha256": "0" * 64, **more}]
    digest = folder_digest(AppFile(one["path"], one["size_bytes"], one["sha256"]) for one in listed)
    hub.apps[digest] = listed
    assert until_told(rig, hub, order(hub, app, digest=digest)) == ["REFUSED"]
    assert hub.fetched == []
    assert re.search(said, reason(hub)), reason(hub)


def test_too_many_and_too_much_are_told_with_both_numbers() -> None:
    def said(*files: AppFile) -> str:
        return " ".join(fault.sentence() for fault in apps.faults(files))

    first = AppFile("app.toml", 1, "0" * 64)
    many = [AppFile(f"a{number}", 1, "0" * 64) for number in range(1000)]
    assert "has 1001 files; 1000 is the limit" in said(first, *many) and said(first, *many[:999]) == ""
    large = [AppFile(f"a{number}", 64 * MIB, "0" * 64) for number in range(4)]
    assert "has 268435457 bytes; 268435456 is the limit" in said(first, *large)
    assert "There is no app.toml" in said(*many[:5])


def test_more_than_the_site_keeps_is_refused_and_the_oldest_goes_first(
    rig: DeliveredRig, hub: StandInHub, tmp_path: Path
) -> None:
    size = sum(one.size_bytes for one in manifests.listed(make_app(tmp_path / "size").folder))
    first, second, third, large = (
        offer(hub, make_app(tmp_path / version, version=version, padding=padding))
        for version, padding in (("1", 0), ("2", 0), ("3", 0), ("4", 5000))
    )
    rig.delivery = Delivery(everything=True, cache_bytes=2 * size)
    rig.restart()
    for app in (first, second, first, third):
        assert until_told(rig, hub, order(hub, app))[0] == "SUBMITTED"
    assert kept(rig, first).exists() and kept(rig, third).exists() and not kept(rig, second).exists()
    assert until_told(rig, hub, order(hub, large)) == ["REFUSED"]
    assert f"has {size + 5000} bytes; this site keeps {2 * size}" in reason(hub)


@pytest.mark.parametrize("name", ["../adder", "..", "/tmp/x", "Adder", "a/b", ""])
@pytest.mark.parametrize("digest", ["", "sha256:../../x", "sha256:" + "0" * 63])
def test_what_is_no_name_and_digest_names_no_folder(
    rig: DeliveredRig, hub: StandInHub, app: Manifest, name: str, digest: str
) -> None:
    deliveries, house = rig.agent.deliveries, rig.agent.house
    for body in (
        {"work": {"app": name}, "app_digest": app.digest},
        {"work": {"app": "adder"}, "app_digest": digest},
        {"app": name, "app_digest": app.digest},
    ):
        assert deliveries._wanted(body, house) is None
        assert not deliveries.awaits(body, house) and not deliveries.distrust(body, house)


def test_the_sites_own_folder_is_the_one_where_it_is_the_one_ordered(
    rig: DeliveredRig, hub: StandInHub, app: Manifest, tmp_path: Path
) -> None:
    newer = make_app(tmp_path / "own", version="2")
    rig.own = {"adder": newer}
    rig.restart()
    run = order(hub, newer)
    assert until_told(rig, hub, run)[0] == "SUBMITTED" and hub.fetched == []
    other = order(hub, app)
    assert until_told(rig, hub, other)[0] == "SUBMITTED" and hub.fetched
    assert manifests.folder_digest(rig.folders.known(other).path / "app") == app.digest


def test_an_application_that_is_not_for_here_is_refused(
    rig: DeliveredRig, hub: StandInHub, tmp_path: Path
) -> None:
    folder = make_app(tmp_path / "needs").folder
    text = (folder / "app.toml").read_text()
    (folder / "app.toml").write_text(text.replace("[title]", '[software]\nnumpy = ">=9.0"\n\n[title]'))
    app = offer(hub, manifests.load(folder))
    assert until_told(rig, hub, order(hub, app)) == ["REFUSED"]
    assert "numpy >=9.0 (here: none)" in reason(hub)


def test_a_run_that_is_cancelled_while_it_waits_fetches_no_more(
    rig: DeliveredRig, hub: StandInHub, tmp_path: Path
) -> None:
    app = offer(hub, make_app(tmp_path / "large", padding=5000))
    run = order(hub, app)
    rig.round()
    hub.command("cancel", {"run": run})
    rig.rounds(4)
    assert hub.states(run) == ["REFUSED"] and "cancelled" in reason(hub)
    assert len(hub.fetched) <= 16 and rig.spool.open_commands() == []


def test_a_delivered_application_is_offered_once_it_was_measured(
    rig: DeliveredRig, hub: StandInHub, app: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.piece_bytes = 10_000
    rig.agent.introduce()
    rig.round()
    (before,) = hub.bodies("inventory")
    assert before["apps"] == [] and before["software"] == {"hesuan-deliveries": "1"}
    monkeypatch.setattr("hesuan.agent.benchmarking.Benchmark.advance", lambda _: None)
    hub.command("benchmark", {"app": "adder", "app_digest": app.digest})
    rig.rounds(3)
    listed = [{"name": "adder", "digest": app.digest, "work_unit": "sum"}]
    assert hub.bodies("inventory")[-1]["apps"] == listed and rig.spool.open_commands() == []
    rig.restart()
    rig.agent.introduce()
    rig.round()
    assert hub.bodies("inventory")[-1]["apps"] == listed
    rig.delivery = Delivery()
    rig.restart()
    rig.agent.introduce()
    rig.round()
    assert hub.bodies("inventory")[-1]["apps"] == [], "the operator has the last word"


def test_a_benchmark_of_another_content_than_is_here_is_dropped(
    rig: DeliveredRig, hub: StandInHub, app: Manifest, tmp_path: Path
) -> None:
    rig.delivery, rig.own = Delivery(), {"adder": make_app(tmp_path / "own", version="2")}
    rig.restart()
    hub.command("benchmark", {"app": "adder", "app_digest": app.digest})
    rig.rounds(2)
    assert rig.spool.open_commands() == [] and rig.centre.jobs == []
    assert any(app.digest in sentence for sentence in rig.told)


def test_a_site_says_what_it_lets_in(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"

    def read(text: str) -> Delivery:
        file.write_text(text)
        return engines.read(file).delivery

    assert read("") == Delivery() == Delivery(False, frozenset(), CACHE_BYTES)
    assert read("deliver_applications = true\napplication_cache_mib = 2") == Delivery(
        True, frozenset(), 2 << 20
    )
    assert read('deliver_applications = ["adder"]').names == {"adder"}
    for text, code in (
        ('deliver_applications = ["../x"]', "agent.deliver_setting"),
        ("deliver_applications = [1]", "agent.deliver_setting"),
        ('deliver_applications = "yes"', "input.wrong_type"),
        ("application_cache_mib = 0", "agent.app_cache_bound"),
    ):
        with pytest.raises(Faults) as faults:
            read(text)
        assert [fault.code.name for fault in faults.value.faults] == [code]
