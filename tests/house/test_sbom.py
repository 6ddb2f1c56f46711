"""The list of what Hesuan is made of: complete, as CycloneDX wants it, and the same every time."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tools import sbom

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_what_cyclonedx_calls_one() -> None:
    """The control: the same document with a member that the format does not know is refused."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    document = sbom.of_this_repository()
    assert validator.validate_str(json.dumps(document)) is None
    assert validator.validate_str(json.dumps({**document, "colour": "red"})) is not None


def test_every_locked_line_is_in_it_with_all_its_hashes() -> None:
    document = sbom.of_this_repository()
    told = {(one["name"], one["version"]): one for one in document["components"]}
    lines = hashes = 0
    for lock in sbom.LOCKS:
        text = (ROOT / "requirements" / f"{lock}.txt").read_text()
        lines += sum("==" in line and not line.startswith((" ", "#")) for line in text.splitlines())
        for package in sbom.read(text):
            one = told[package.name, package.version]
            contents = {each["content"] for each in one["externalReferences"][0]["hashes"]}
            assert package.sha256 and contents == set(package.sha256), package.name
            hashes += len(package.sha256)
        assert text.count("--hash=sha256:") == sum(len(one.sha256) for one in sbom.read(text)), lock
    assert lines == sum(len(one["properties"]) for one in document["components"]) > 100
    assert hashes > 500


def test_what_only_tests_need_is_said_to_be_no_part_of_the_platform() -> None:
    scope = {one["name"]: one["scope"] for one in sbom.of_this_repository()["components"]}
    assert (scope["pytest"], scope["django"], scope["cryptography"]) == ("excluded", "required", "required")


def test_the_same_lock_files_give_the_same_bytes() -> None:
    first, again = sbom.of_this_repository(), sbom.of_this_repository()
    assert json.dumps(first) == json.dumps(again)
    changed = sbom.document({"bare": [sbom.Locked("numpy", "9.9", ("0" * 64,))]}, "0.1.0")
    assert changed["serialNumber"] != first["serialNumber"]


def test_each_has_its_licence_and_what_is_installed_says_the_same() -> None:
    """Where a package states an SPDX expression, that one; else the words it has agree with the list's."""
    told = {one["name"]: one["licenses"][0]["expression"] for one in sbom.of_this_repository()["components"]}
    assert set(told) == set(sbom.licences()), "a line for each locked package, and no other"
    compared = 0
    for name, expression in told.items():
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        stated = about.get("License-Expression")
        words = " ".join([about.get("License") or "", *(about.get_all("Classifier") or [])])
        families = [family for family in ("MIT", "BSD", "Apache", "MPL", "PSF") if family in expression]
        assert stated == expression if stated else any(one in words for one in families), name
        compared += 1
    assert compared > 80


def test_the_command_prints_it_and_writes_it(tmp_path: Path) -> None:
    """What ``make sbom`` runs, as it runs it."""
    command = [sys.executable, "-m", "tools.sbom"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    file = tmp_path / "new" / "sbom.json"
    said = subprocess.run(
        [*command, "--output", str(file)], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert json.loads(printed) == sbom.of_this_repository() and file.read_text() == printed
    assert f"{len(json.loads(printed)['components'])} packages" in said.stdout
    recipe = (ROOT / "Makefile").read_text()
    assert "python -m tools.sbom" in recipe
