"""The repository's own promises: no secrets, no registry addresses, no machine's paths, free licences."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from tools import secret_scan

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [path for path in secret_scan.tracked() if path.suffix not in {".png", ".ico"}]

REGISTRY_HOST = re.compile(r"(pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z]+)/")

ALLOWED_LICENCE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Unlicense|Zlib)\b", re.I
)
FORBIDDEN_LICENCE = re.compile(r"(?<!L)\bA?GPL", re.I)
DECIDED = {
    "psycopg": "LGPL; Django's only PostgreSQL drivers are; optional extra, see docs/decisions/0002",
    "psycopg-binary": "as psycopg",
    "psycopg-pool": "as psycopg; the one that Django shares connections by",
}


def requirement_names(file: str) -> set[str]:
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    return {match[1] for line in lines if (match := re.match(r"([A-Za-z0-9._-]+)==", line))}


def licence_of(name: str) -> str:
    about = metadata.metadata(name)
    classifiers = [c for c in about.get_all("Classifier") or [] if c.startswith("License")]
    return " ".join([about.get("License-Expression") or "", (about.get("License") or "")[:200], *classifiers])


def this_file(path: Path) -> bool:
    return path.resolve() == Path(__file__).resolve()


def test_no_registry_address_and_no_path_of_one_machine_is_committed() -> None:
    found = []
    for path in TEXTS:
        if this_file(path):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if REGISTRY_HOST.search(line) or MACHINE_PATH.search(line):
                found.append(f"{path}:{number}: {line.strip()[:80]}")
    assert found == []


def test_the_address_and_path_checks_can_fail() -> None:
    assert REGISTRY_HOST.search("--index-url https://" + "pypi" + ".org/simple")
    assert MACHINE_PATH.search("cd /" + "home/lin/hesuan") and not MACHINE_PATH.search("docs/root/x")


def test_every_locked_line_has_a_hash_and_no_option() -> None:
    for file in ("bare.txt", "demo.txt", "dev.txt"):
        text = (ROOT / "requirements" / file).read_text()
        options = [line for line in text.splitlines() if line.startswith("-")]
        assert options == []
        pinned = re.findall(r"^[A-Za-z0-9._-]+==.*$", text, re.M)
        assert pinned and all(line.endswith("\\") for line in pinned)


def test_a_bare_installation_brings_numpy_and_cryptography_only() -> None:
    """cffi and pycparser come with cryptography; setuptools builds the project itself."""
    expected = {"numpy", "cryptography", "cffi", "pycparser", "setuptools"}
    assert requirement_names("bare.txt") - {"typing-extensions"} == expected


@pytest.mark.parametrize("name", sorted(requirement_names("dev.txt")))
def test_a_dependency_has_a_licence_we_may_use(name: str) -> None:
    if name in DECIDED:
        return
    licence = licence_of(name)
    assert ALLOWED_LICENCE.search(licence), f"{name}: {licence or 'states none'}"
    assert not FORBIDDEN_LICENCE.search(licence), f"{name}: {licence}"


def test_the_secret_scan_finds_a_planted_key_and_a_planted_token(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN " + "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIB\n")
    token = tmp_path / "notes.md"
    token.write_text("token: hsn_" + "a1B2" * 8 + "_0123abcd\n")
    clean = tmp_path / "clean.md"
    clean.write_text("nothing here\n")
    assert [line.split(":")[0] for line in secret_scan.findings([key, token, clean])] == [
        str(key),
        str(token),
    ]
