"""Looks for secrets in every file that git tracks or would track; ends with 1 when it finds one.

detect-secrets' detectors for known forms (private keys, cloud and forge tokens, basic auth in addresses) and
one for Hesuan's own API tokens. Detectors by entropy are left out: locked hashes and test vectors are all
entropy, and a list of exceptions is where a real secret hides.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from detect_secrets.core import scan
from detect_secrets.settings import transient_settings

DETECTORS = (
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SlackDetector",
    "StripeDetector",
)
OWN_TOKEN = re.compile(r"hsn_[0-9A-Za-z]{24,}_[0-9a-f]{8}")


def findings(paths: Iterable[Path]) -> list[str]:
    """``path:line what`` for every secret found."""
    found: list[str] = []
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        for path in paths:
            found += [f"{path}:{secret.line_number} {secret.type}" for secret in scan.scan_file(str(path))]
            found += _own_tokens(path)
    return found


def _own_tokens(path: Path) -> list[str]:
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError:
        return []
    return [f"{path}:{i} Hesuan API token" for i, line in enumerate(lines, 1) if OWN_TOKEN.search(line)]


def tracked() -> list[Path]:
    """Files that git tracks, and new ones that it does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    return [path for name in listed if name and (path := Path(name)).is_file()]


def main() -> int:
    """Scans the repository."""
    found = findings(tracked())
    for line in found:
        print(line)
    print(f"secret scan: {len(found)} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
