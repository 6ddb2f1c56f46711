"""Manifests are read strictly: every fault with its file and line, all at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hesuan import toml_table
from hesuan.agent import manifests
from hesuan.agent.manifests import Manifest, folder_digest, load
from hesuan.errors import Faults

APP = Path(__file__).resolve().parents[2] / "apps" / "omics-match"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    target = tmp_path / "omics-match"
    shutil.copytree(APP, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def change(app: Path, before: str, after: str) -> int:
    """Replaces a text in the manifest once; returns the line where it stands."""
    path = app / manifests.FILE
    text = path.read_text()
    assert text.count(before) >= 1
    path.write_text(text.replace(before, after, 1))
    return text[: text.index(before)].count("\n") + 1


def faults(app: Path) -> list[str]:
    with pytest.raises(Faults) as caught:
        load(app)
    return [fault.sentence() for fault in caught.value.faults]


def test_the_packaged_application_is_sound(app: Path) -> None:
    manifest = load(app)
    assert (manifest.name, manifest.work_unit, manifest.chips) == ("omics-match", "sample", ("cpu",))
    assert len(manifest.benchmark_sizes) >= 3 and manifest.check.at_least == 900_000
    assert manifest.title.zh and manifest.summary.en
    assert load(APP).digest == manifest.digest


WRONG = [
    (
        'work_unit = "sample"',
        'work_unt = "sample"',
        "`work_unt` is not a key here. Did you mean `work_unit`?",
    ),
    ("max = 110", "maxx = 110", "`maxx` is not a key here. Did you mean `max`?"),
    ('"{python}", "{app}/run.py",', '"{pyton}", "{app}/run.py",', "`{pyton}` is not a word"),
    ("sizes = [1000, 3000, 8000]", "sizes = [1000, 8000]", "at least 3 sizes"),
    ("sizes = [1000, 3000, 8000]", 'sizes = "many"', "a list of whole numbers is needed"),
    ("at_least = 900000", "at_least = 0.9", "a whole number is needed"),
    ("at_least = 900000", "at_least = true", "a whole number is needed"),
    ('numpy = ">=1.26"', 'numpy = "1.26 or so"', "is not a need"),
    ("default = 100", "default = 200", "`noise_percent` is 200; 0 to 110 is allowed"),
    ('name = "omics-match"', 'name = "omics"', "The folder is called `omics-match`"),
    ('"--samples", "{units}"', '"--samples", "5"', "never says `{units}`"),
]


@pytest.mark.parametrize(("before", "after", "sentence"), WRONG)
def test_a_fault_is_named_with_its_file_and_line(app: Path, before: str, after: str, sentence: str) -> None:
    line = change(app, before, after)
    found = [fault for fault in faults(app) if sentence in fault]
    assert len(found) == 1, faults(app)
    path, number = found[0].split(": ")[0].rsplit(":", 1)
    assert path == str(app / "app.toml") and 0 <= line - int(number) <= 2


def test_all_faults_come_together(app: Path) -> None:
    change(app, 'work_unit = "sample"', 'work_unt = "sample"')
    change(app, "at_least = 900000", "at_last = 900000")
    assert len(faults(app)) == 4  # two unknown keys, two missing ones


def test_what_is_no_toml_says_where(app: Path) -> None:
    change(app, "[run]", "[run")
    assert "line" in faults(app)[0]


def test_a_folder_without_a_manifest_is_no_application(tmp_path: Path) -> None:
    with pytest.raises(Faults, match=r"no app\.toml|There is no"):
        load(tmp_path)


def test_a_broken_application_does_not_hide_the_others(app: Path) -> None:
    other = app.parent / "other"
    other.mkdir()
    (other / "app.toml").write_text("nonsense")
    found, broken = manifests.load_all(app.parent)
    assert list(found) == ["omics-match"] and len(broken) == 1


def test_the_digest_sees_every_change_and_no_left_overs(app: Path) -> None:
    before = folder_digest(app)
    (app / "__pycache__").mkdir()
    (app / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert folder_digest(app) == before
    (app / "run.py").write_text((app / "run.py").read_text() + " ")
    assert folder_digest(app) != before


def test_a_link_in_an_application_is_refused(app: Path) -> None:
    (app / "data").symlink_to("/etc")
    with pytest.raises(Faults, match="link"):
        folder_digest(app)


@pytest.fixture
def manifest(app: Path) -> Manifest:
    return load(app)


def test_a_command_is_filled_with_what_was_ordered(manifest: Manifest) -> None:
    command = manifest.command(units=20, cores=2, parameters={"seed": 9})
    assert command[:2] == ("{python}", "{app}/run.py")
    assert command[command.index("--seed") + 1] == "9"
    assert command[command.index("--samples") + 1] == "20"
    assert command[command.index("--noise-percent") + 1] == "100"


ORDERS = [
    ({"sed": 9}, 5, "Did you mean `seed`?"),
    ({"seed": -1}, 5, "`seed` is -1; 0 to 4294967295 is allowed"),
    ({"seed": "9; rm -rf /"}, 5, "is allowed"),
    ({"seed": True}, 5, "is allowed"),
    ({"noise_percent": 111}, 5, "0 to 110"),
    ({}, 0, "`units` is 0; 1 to 100000000"),
]


@pytest.mark.parametrize(("parameters", "units", "sentence"), ORDERS)
def test_a_parameter_out_of_bounds_is_refused(
    manifest: Manifest, parameters: dict[str, object], units: int, sentence: str
) -> None:
    with pytest.raises(Faults) as caught:
        manifest.command(units=units, cores=1, parameters=parameters)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("version", "met"),
    [("1.26", True), ("1.26.4", True), ("2.0", True), ("1.25.9", False), ("", False), ("unknown", False)],
)
def test_software_needs_are_compared_by_number(manifest: Manifest, version: str, met: bool) -> None:
    software = {"python": "3.11.2", **({"numpy": version} if version else {})}
    assert (manifest.unmet(software) == []) == met


def test_places_are_found_in_tables_lists_and_quoted_keys() -> None:
    text = """\
a = 1
[t]
b = [
  "c = 1",  # no key
  [2],
]
"d" = 3
[t.u]  # comment
e.f = 4
"""
    assert toml_table.places(text) == {
        ("a",): 1,
        ("t",): 2,
        ("t", "b"): 3,
        ("t", "d"): 7,
        ("t", "u"): 8,
        ("t", "u", "e", "f"): 9,
    }
