"""A verifier that is not ours: Go's checksum-database library over a log's folder, built once for a run."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parent / "outside" / "verify.go"
PACKAGES = Path("/usr/share/gocode")
"""Where Debian puts Go's libraries; ``golang-golang-x-mod-dev`` brings the one that is used."""


@cache
def build(where: Path) -> Path:
    """The program, built offline from Debian's packages alone."""
    go = shutil.which("go")
    assert go is not None, "marked `go`, so only run where Go is"
    made = where / "verify"
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(PACKAGES),
        "GOCACHE": str(where / "cache"),
        "GOFLAGS": "",
    }
    subprocess.run([go, "build", "-o", str(made), str(SOURCE)], env=environment, check=True)
    return made


def ask(program: Path, folder: Path, key: str, *older: Path) -> tuple[bool, str]:
    """Whether the folder is accepted, and what was said."""
    words = [str(program), str(folder), key, *map(str, older)]
    done = subprocess.run(words, capture_output=True, check=False, text=True, timeout=240)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0, done.stdout
