"""What Slurm says of itself, read as Slurm 22.05 wrote it on a cluster of two nodes and three switches."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.sites import inventory_body

from hesuan.agent import survey
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.slurm import inventory, reading
from hesuan.agent.schedulers.slurm.settings import Settings
from hesuan.agent.schedulers.slurm.tools import Tools
from hesuan.agent.survey import Capacity, Extent, Fabric, FreeCards, FreeQueue, Node, Qos, Start, Switch
from hesuan.hub.centres import shapes

GRES = {"gpu:ascend910c": Resource("Ascend 910C")}
NODES = """\
NodeName=n1 Arch=x86_64 CoresPerSocket=1  CPUAlloc=16 CPUEfctv=16 CPUTot=16 AvailableFeatures=ib,hbm \
ActiveFeatures=ib,hbm Gres=gpu:ascend910c:8(S:0-1) NodeAddr=127.0.0.1 NodeHostName=vm Version=22.05.8 \
OS=Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0  RealMemory=64000 AllocMem=16000 FreeMem=22014 Sockets=16 \
State=ALLOCATED ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A MCS_label=N/A Partitions=train,debug  \
BootTime=2026-11-22T00:43:35 CfgTRES=cpu=16,mem=62.50G,billing=16,gres/gpu=8,gres/gpu:ascend910c=8 \
AllocTRES=cpu=16,mem=16000M,gres/gpu=8,gres/gpu:ascend910c=6 CapWatts=n/a CurrentWatts=0
NodeName=n2 CoresPerSocket=1  CPUAlloc=0 CPUEfctv=16 CPUTot=16 CPULoad=N/A AvailableFeatures=(null) \
ActiveFeatures=(null) Gres=gpu:ascend910c:8 NodeAddr=127.0.0.1 NodeHostName=vm Port=25285  RealMemory=64000 \
AllocMem=0 FreeMem=N/A Sockets=16 Boards=1 State=UNKNOWN+DRAIN ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A \
MCS_label=N/A Partitions=train  CfgTRES=cpu=16,mem=62.50G,billing=16,gres/gpu=8,gres/gpu:ascend910c=8 \
AllocTRES= CapWatts=n/a ExtSensorsTemp=n/s Reason=fan is bad | State=IDLE [root@2026-11-22T06:06:59]
"""
PARTITIONS = """\
PartitionName=train AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=YES QoS=N/A \
DefaultTime=01:00:00 MaxNodes=UNLIMITED MaxTime=UNLIMITED Nodes=n[1-2] State=UP TotalCPUs=32 TotalNodes=2
PartitionName=debug AllowGroups=ALL AllowAccounts=research AllowQos=ALL AllocNodes=ALL Default=NO QoS=N/A \
DefaultTime=NONE MaxNodes=1 MaxTime=00:30:00 MinNodes=0 Nodes=n1 State=DRAIN TotalCPUs=16 TotalNodes=1
"""
TOPOLOGY = """\
SwitchName=leaf1 Level=0 LinkSpeed=1 Nodes=n1
SwitchName=leaf2 Level=0 LinkSpeed=1 Nodes=n2
SwitchName=top Level=1 LinkSpeed=1 Nodes=n[1-2] Switches=leaf[1-2]
"""
BLOCKS = """\
BlockName=b1 BlockIndex=0 Nodes=n[1-32] BlockSize=30
BlockName=b2 BlockIndex=1 Nodes=n[33-64] BlockSize=30
AggregatedBlock=b[1-2] BlockIndex=2 Nodes=n[1-64] BlockSize=60
"""
"""As a controller from 24.11 on writes them; no Slurm that is at hand has the plugin."""
BLOCKS_FILE = """\
# topology/block
BlockName=b1 Nodes=n[1-32]
#BlockName=b9 Nodes=n[99-100]
BlockName=b2 Nodes=n[33-64]
BlockSizes=30,60
"""
"""As its documentation has the file."""
QOS = """\
fast|4||cpu=64|||||8|||||gres/gpu=16||gres/gpu=8|02:00:00|cpu=1
normal|||||||||||||||||
other|||cpu=2||||||||||||||
"""
ASSOCIATIONS = """\
research|root|||cpu=20||||4||||02:00:00|
root|root||||||||||||
"""


def test_a_node_has_its_state_cards_features_and_queues() -> None:
    first, second = reading.nodes(NODES, GRES)
    assert (first.name, first.state, first.cores, first.memory_bytes) == (
        "n1",
        "in_service",
        16,
        64_000 << 20,
    )
    assert [(one.chip, one.count) for one in first.cards] == [("Ascend 910C", 8)]
    assert (first.features, first.queues) == (("hbm", "ib"), ("debug", "train"))
    assert (first.reason, second.state) == ("", "out_of_service")
    assert second.reason == "UNKNOWN+DRAIN: fan is bad | State=IDLE"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("IDLE", "in_service"),
        ("MIXED+PLANNED", "in_service"),
        ("IDLE*", "out_of_service"),
        ("DOWN*", "out_of_service"),
        ("ALLOCATED+DRAIN", "out_of_service"),
        ("IDLE+MAINT+RESERVED", "out_of_service"),
        ("UNKNOWN", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_state_of_a_node_stays_unknown_where_slurm_does_not_know(word: str, state: str) -> None:
    text = NODES.splitlines()[0].replace("State=ALLOCATED", f"State={word}")
    assert reading.nodes(text, GRES)[0].state == state


def test_a_partition_has_its_state_and_limits_and_none_is_no_number() -> None:
    train, debug = reading.queues(PARTITIONS)
    assert (train.name, train.state, train.is_default, train.longest_s) == ("train", "open", True, None)
    assert (train.nodes, train.cores, train.limits["MaxTime"]) == (2, 32, "UNLIMITED")
    assert (debug.state, debug.is_default, debug.longest_s) == ("closed", False, 1800)
    assert debug.limits["AllowAccounts"] == "research"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30:00", 1800), ("02:00:00", 7200), ("2-12:00:00", 216_000), ("UNLIMITED", None), ("", None)],
)
def test_a_time_limit_is_read_as_slurm_writes_it(text: str, seconds: int | None) -> None:
    assert reading.seconds(text) == seconds


def test_the_tree_has_its_levels() -> None:
    assert reading.switches(TOPOLOGY) == [
        Switch("leaf1", 0, "n1"),
        Switch("leaf2", 0, "n2"),
        Switch("top", 1, "n[1-2]", "leaf[1-2]"),
    ]
    assert reading.switches("") == []


def test_blocks_have_their_nodes_and_the_larger_ones_their_blocks() -> None:
    assert reading.blocks(BLOCKS) == Fabric(
        (
            Switch("b1", 0, "n[1-32]"),
            Switch("b2", 0, "n[33-64]"),
            Switch("b[1-2]", 1, "n[1-64]", "b[1-2]"),
        ),
        (30, 60),
    )
    assert reading.blocks("") is None and reading.blocks(TOPOLOGY) is None


def test_what_an_older_controller_does_not_say_of_blocks_is_in_its_file() -> None:
    told = "".join(f"{line.rpartition(' ')[0]}\n" for line in BLOCKS.splitlines()[:2])
    two = (Switch("b1", 0, "n[1-32]"), Switch("b2", 0, "n[33-64]"))
    assert reading.blocks(told) == Fabric(two, ())
    assert reading.blocks(told + BLOCKS_FILE) == reading.blocks(BLOCKS_FILE) == Fabric(two, (30, 60))


@pytest.mark.parametrize("plugin", ["topology/block", "topology/none"])
def test_blocks_are_asked_for_where_the_plugin_is_theirs(tmp_path: Path, plugin: str) -> None:
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\ncat <<'END'\n{BLOCKS.replace(' BlockSize=30', '')}END\n")
    (tmp_path / "scontrol").chmod(0o755)
    (tmp_path / "topology.conf").write_text(BLOCKS_FILE)
    config = {"TopologyPlugin": plugin, "SLURM_CONF": str(tmp_path / "slurm.conf")}
    told = inventory._topology(Tools(Settings(programs=tmp_path)), config)
    assert (told == reading.blocks(BLOCKS)) == (plugin == "topology/block") == (told is not None)


def test_a_qos_is_told_with_its_limits_where_jobs_can_come_under_it() -> None:
    fast, normal = reading.qos(QOS, {"normal", "fast"})
    assert fast == Qos(
        "fast",
        {"GrpJobs": "4", "GrpTRES": "cpu=64", "MaxJobsPU": "8", "MaxTRESPA": "gres/gpu=16"}
        | {"MaxTRESPU": "gres/gpu=8", "MaxWall": "02:00:00", "MinTRES": "cpu=1"},
    )
    assert normal == Qos("normal", {})


def test_only_what_limits_is_a_limit() -> None:
    ours, root = reading.associations(ASSOCIATIONS)
    assert (ours.account, ours.user) == ("research", "root")
    assert ours.limits == {"GrpTRES": "cpu=20", "MaxJobs": "4", "MaxWall": "02:00:00"}
    assert root.limits == {}


def test_rows_of_one_partition_add_up() -> None:
    text = "train|1/0/0/1|16/0/0/16\ntrain|0/0/1/1|0/0/16/16\ndebug|1/0/0/1|16/0/0/16\n"
    train, debug = reading.free_queues(text)
    assert train == FreeQueue("train", 2, 0, 1, 32, 0, 16)
    assert debug == FreeQueue("debug", 1, 0, 0, 16, 0, 16)
    assert reading.free_queues("train|n/a|1/2/3/4\n") == []


def test_cards_in_use_are_counted_only_where_the_controller_counts_them() -> None:
    held, counted = reading.allocated(NODES, {"n1", "n2"}, GRES)
    assert (held["Ascend 910C"], "Ascend 910C" in counted) == (6, True)
    blind = NODES.replace(",gres/gpu=8,gres/gpu:ascend910c=8", "")
    assert "Ascend 910C" not in reading.allocated(blind, {"n1"}, GRES)[1]
    quarters = {"gpu:ascend910c": Resource("Ascend 910C", slices=4)}
    assert reading.allocated(NODES, {"n1"}, quarters)[0]["Ascend 910C"] == 2, "six quarters are of two cards"


@pytest.mark.parametrize(
    ("said", "expected", "reason"),
    [
        (
            "sbatch: Job 4 to start at 2026-11-22T07:37:01 using 1 processors on nodes n1 in partition p\n",
            datetime(2026, 11, 22, 7, 37, 1, tzinfo=UTC),
            "",
        ),
        (
            "allocation failure: Requested node configuration is not available\n",
            None,
            "allocation failure: Requested node configuration is not available",
        ),
        ("sbatch: Job 4 to start at N/A using 1 processors on nodes n1\n", None, "Job 4 to start at N/A using"
         " 1 processors on nodes n1"),
        ("", None, "no word"),
    ],
)  # fmt: skip
def test_an_expected_start_that_slurm_does_not_name_stays_unknown(
    said: str, expected: datetime | None, reason: str
) -> None:
    assert reading.expected(said) == (expected, reason)


def test_what_is_said_has_the_shape_that_the_hub_takes() -> None:
    extent = Extent(
        nodes=tuple(reading.nodes(NODES, GRES)),
        queues=tuple(reading.queues(PARTITIONS)),
        topology=tuple(reading.switches(TOPOLOGY)),
        limits=tuple(reading.associations(ASSOCIATIONS)),
        qos=tuple(reading.qos(QOS, {"fast"})),
    )
    body = extent.body()
    assert sorted(body) == ["limits", "nodes", "qos", "queues", "topology"]
    assert shapes.INVENTORY.faults(inventory_body(**body), "body") == []
    blocks = replace(extent, topology=reading.blocks(BLOCKS)).body()
    assert shapes.INVENTORY.faults(inventory_body(**blocks), "body") == []
    assert isinstance(blocks["topology"], dict) and blocks["topology"]["block_sizes"] == [30, 60]
    assert Extent().body() == {}, "an engine that says nothing adds nothing"
    now = datetime(2026, 11, 22, tzinfo=UTC)
    free = Capacity(
        now,
        (FreeQueue("train", 2, 0, 1, 32, 0, 16),),
        (FreeCards("Ascend 910C", 8, None),),
        (Start("train", 1, "", 0, 3600, now), Start("train", 1, "Ascend 910C", 8, 3600, None, "no word")),
    )
    assert shapes.CAPACITY.faults(free.body(), "body") == []


def test_a_thousand_alike_nodes_are_one_group_and_the_largest_cluster_fits_into_a_message() -> None:
    alike = Extent(nodes=tuple(Node(f"n{i}", "in_service", 64, 2**38) for i in range(1000))).body()
    nodes = alike["nodes"]
    assert isinstance(nodes, dict) and nodes["total"] == 1000
    assert isinstance(nodes["groups"], list) and len(nodes["groups"]) == 1
    many = Extent(
        nodes=tuple(
            Node(f"n{i}" * 10, "in_service", i % 3000, 2**38, reason="x" * 500) for i in range(20_000)
        ),
        topology=tuple(Switch(f"s{i}", 0, "n," * 3000) for i in range(5000)),
    ).body()
    assert len(json.dumps(many)) <= survey.LARGEST_BYTES and "nodes" in many
    assert shapes.INVENTORY.faults(inventory_body(**many), "body") == []
