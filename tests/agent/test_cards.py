"""The makers' own tools: samples in their real layout, by hand; what they do not say stays unknown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hesuan.agent import cards
from hesuan.agent.cards import MIB, Card, CardGroup, group

NVIDIA = """\
NVIDIA H200, 143771
NVIDIA H200, 143771
NVIDIA A100-SXM4-80GB, 81920
Tesla T4, [N/A]
"""

ASCEND_910B = """\
+------------------------------------------------------------------------------------------------+
| npu-smi 24.1.0                   Version: 24.1.0                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 91.2        37                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3312 / 65536         |
+===========================+===============+====================================================+
| 1     910B3               | OK            | 94.7        38                0    / 0             |
| 0                         | 0000:01:00.0  | 12          0    / 0          59351/ 65536         |
+===========================+===============+====================================================+
+---------------------------+---------------+----------------------------------------------------+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
+===========================+===============+====================================================+
| No running processes found in NPU 0                                                            |
| 1       0                 | 692318        | python3                  | 56039                   |
+===========================+===============+====================================================+
"""

ASCEND_910C = """\
+------------------------------------------------------------------------------------------------+
| npu-smi 25.2.0                   Version: 25.2.0                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip  Phy-ID              | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     Ascend910           | OK            | 165.3       36                0    / 0             |
| 0     0                   | 0000:9D:00.0  | 0           0    / 0          3143 / 65536         |
+------------------------------------------------------------------------------------------------+
| 0     Ascend910           | OK            | -           36                0    / 0             |
| 1     1                   | 0000:9F:00.0  | 0           0    / 0          2887 / 65536         |
+===========================+===============+====================================================+
| 1     Ascend910           | Warning       | 163.6       35                0    / 0             |
| 0     2                   | 0000:99:00.0  | 0           0    / 0          3141 / 65536         |
+------------------------------------------------------------------------------------------------+
| 1     Ascend910           | OK            | -           35                0    / 0             |
| 1     3                   | 0000:9B:00.0  | 0           0    / 0          2887 / 65536         |
+===========================+===============+====================================================+
"""

HYGON_TABLE = """\

================================= System Management Interface ==================================
================================================================================================
HCU     Temp     AvgPwr     Perf     PwrCap     VRAM%      HCU%      Mode
0       50.0C    80.0W      auto     400.0W     0%         0.0%      Normal
1       52.0C    89.0W      auto     400.0W     12%        4.5%      Normal
================================================================================================
======================================== End of SMI Log ========================================
"""
HYGON_NAMES = """\
HCU[0]\t\t: Card Series:\t\t K100_AI
HCU[1]\t\t: Card Series:\t\t K100_AI
"""
HYGON_MEMORY = """\
HCU[0]\t\t: vram Total Memory (MiB): 65520
HCU[0]\t\t: vram Total Used Memory (MiB): 2
HCU[1]\t\t: vram Total Memory (MiB): 65520
HCU[1]\t\t: vram Total Used Memory (MiB): 51920
"""
HYGON_OLD = """\
DCU[0]          : Card Series:           Z100SM
DCU[0]          : vram Total Memory (MiB): 16368
"""

CAMBRICON = """\
Wed Nov  8 16:16:45 2023
+------------------------------------------------------------------------------+
| CNMON v5.10.22                                               Driver v5.10.22 |
+-------------------------------+----------------------+-----------------------+
| Card  VF  Name       Firmware |               Bus-Id | Util        Ecc-Error |
| Fan   Temp      Pwr:Usage/Cap |         Memory-Usage | Mode     Compute-Mode |
|===============================+======================+=======================|
| 0     /   MLU370-X8    v1.1.6 |         0000:13:00.0 | 0%                  0 |
|  0%   28C        107 W/ 250 W |     0 MiB/ 20638 MiB | FULL          Default |
+-------------------------------+----------------------+-----------------------+
| 1     /   MLU370-X8    v1.1.6 |         0000:16:00.0 | 0%                  0 |
|  0%   27C        105 W/ 250 W |   512 MiB/ 20638 MiB | FULL          Default |
+-------------------------------+----------------------+-----------------------+

+------------------------------------------------------------------------------+
| Processes:                                                                   |
|  Card  VF  PID    Command Line                             MLU Memory Usage  |
|==============================================================================|
|  No running processes found                                                  |
+------------------------------------------------------------------------------+
"""


def test_nvidia_cards_are_counted_and_a_silent_memory_is_unknown() -> None:
    assert group(cards.nvidia(NVIDIA)) == (
        CardGroup("NVIDIA H200", 2, 143771 * MIB),
        CardGroup("NVIDIA A100-SXM4-80GB", 1, 81920 * MIB),
        CardGroup("Tesla T4", 1, None),
    )


def test_ascend_910b_is_one_chip_a_card_and_processes_are_no_cards() -> None:
    assert group(cards.ascend(ASCEND_910B)) == (CardGroup("Ascend 910B3", 2, 65536 * MIB),)


def test_ascend_910c_is_one_card_of_two_chips() -> None:
    """Counted by dies it would be four cards; a card is what is held and paid."""
    assert group(cards.ascend(ASCEND_910C)) == (CardGroup("Ascend910", 2, 2 * 65536 * MIB),)


def test_hygon_cards_take_name_and_memory_from_the_other_calls() -> None:
    text = "\n".join((HYGON_TABLE, HYGON_NAMES, HYGON_MEMORY))
    assert group(cards.hygon(text)) == (CardGroup("Hygon K100_AI", 2, 65520 * MIB),)
    assert cards.hygon(HYGON_OLD) == [Card("Hygon Z100SM", 16368 * MIB)]


def test_hygon_cards_known_only_from_the_table_have_unknown_memory() -> None:
    assert cards.hygon(HYGON_TABLE) == [Card("Hygon DCU", None)] * 2


def test_cambricon_cards_have_their_name_and_memory() -> None:
    assert group(cards.cambricon(CAMBRICON)) == (CardGroup("Cambricon MLU370-X8", 2, 20638 * MIB),)


@pytest.mark.parametrize("parse", [cards.nvidia, cards.ascend, cards.hygon, cards.cambricon])
@pytest.mark.parametrize("text", ["", "command not found\n", "No devices were found\n", "\x00\xff|||"])
def test_nothing_is_read_out_of_nothing(parse: object, text: str) -> None:
    assert parse(text) == []  # type: ignore[operator]


def tool(folder: Path, name: str, text: str, *, status: int = 0) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {status}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_only_tools_on_the_path_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert cards.found() == ((), ())
    tool(tmp_path, "nvidia-smi", NVIDIA)
    tool(tmp_path, "cnmon", CAMBRICON)
    assert [card.chip for card in cards.found()[0]] == [
        "NVIDIA H200",
        "NVIDIA A100-SXM4-80GB",
        "Tesla T4",
        "Cambricon MLU370-X8",
    ]


def test_a_tool_that_fails_leaves_its_cards_unknown_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    tool(tmp_path, "npu-smi", "driver not loaded\n", status=9)
    tool(tmp_path, "nvidia-smi", "")
    found, notes = cards.found()
    assert found == ()
    assert notes == (
        "nvidia-smi answered, and listed no card.",
        "npu-smi is installed and gave no answer; its cards are unknown.",
    )
