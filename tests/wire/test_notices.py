"""Leaves that move no money and speak of others: only of leaves before them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.wire import logs

from hesuan.wire.folder import Disk
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log


@pytest.mark.parametrize(
    ("kind", "members", "result"),
    [
        ("restore", {"what": "r", "last": 9}, Result.SOUND),
        ("restore", {"what": "r", "last": 10}, Result.TAMPERED),
        ("correction", {"what": "erased", "of": [3]}, Result.SOUND),
        ("correction", {"what": "erased", "of": [3, 11]}, Result.TAMPERED),
        ("incident", {"what": "\x1b[31mred"}, Result.SOUND),
    ],
)
def test_a_notice_speaks_of_leaves_before_it(
    kind: str, members: dict[str, Any], result: Result, tmp_path: Path
) -> None:
    logs.write(tmp_path, [*logs.leaves(10), logs.entry(10, kind, **members)])
    verdict = verify_log(Disk(tmp_path))
    said = "\n".join(check.sentence() for check in verdict.checks)
    assert verdict.result is result, said
    assert ("notices.ahead" in {check.code.name for check in verdict.checks}) is (result is Result.TAMPERED)
    assert "\x1b" not in said, "what people wrote moves no cursor"
