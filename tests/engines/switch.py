"""What joins machines apart: a thread that carries their packets, and whatever may happen to one.

The kernel's netem would do some of it and is not in every kernel. This one also looks into a packet: a link
goes down exactly when somebody says what a test has named, and who said it never knows how far it got.
"""

from __future__ import annotations

import heapq
import os
import random
import re
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from tests.engines.namespaces import Machine

TCP, ACK, SYN, RST = 6, 0x10, 0x02, 0x04
LARGEST_PACKET = 1 << 16
LONGEST_WORD = 64
"""A word that is looked for may begin in one packet and end in the next."""
LOOK_S = 0.2
Flow = tuple[bytes, bytes]
"""Who sends and who gets, each as address and port."""


@dataclass(frozen=True)
class Packet:
    """An IPv4 packet, looked into as far as needed."""

    data: bytes

    @property
    def head(self) -> int:
        """Length of its IP header."""
        return (self.data[0] & 15) * 4

    @property
    def source(self) -> bytes:
        return self.data[12:16]

    @property
    def target(self) -> bytes:
        return self.data[16:20]

    @property
    def flow(self) -> Flow:
        ports = self.data[self.head : self.head + 4]
        return self.source + ports[:2], self.target + ports[2:]

    @property
    def flags(self) -> int:
        """Those of TCP; 0 for anything else."""
        return self.data[self.head + 13] if self.data[9] == TCP else 0

    @property
    def acknowledged(self) -> int:
        """What its sender expects next."""
        return int(struct.unpack_from("!I", self.data, self.head + 8)[0])

    @property
    def text(self) -> bytes:
        """What it carries."""
        return self.data[self.head + (self.data[self.head + 12] >> 4) * 4 :] if self.flags else b""


@dataclass
class Cut:
    """A link that goes down as its machine asks something or, where ``by_other``, is told it.

    ``late``: not before the answer, so that what was asked has been done. ``happened`` when it is down.
    """

    machine: Machine
    word: re.Pattern[bytes]
    late: bool = False
    by_other: bool = False
    asked: Flow | None = None
    happened: threading.Event = field(default_factory=threading.Event)


@dataclass
class Trouble:
    """Shares of packets that are lost, come twice, come late; late ones are overtaken by others."""

    chance: random.Random
    lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    late_by_s: float = 0.0


class Switch:
    """Carries packets between machines while the block is not left. ``did`` counts what happened to them."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.trouble = Trouble(random.Random(0))
        self.did: Counter[str] = Counter()
        self.cut: Cut | None = None
        self._at = {socket.inet_aton(one.address): one for one in machines}
        self._expects: dict[Flow, int] = {}
        """What each end of a connection expects next, the sender's first."""
        self._forgotten: set[Flow] = set()
        self._down: set[bytes] = set()
        """Addresses whose link is cut. The kernel keeps what was queued there, copies of what was cut too."""
        self._tails: dict[Flow, bytes] = {}
        self._late: list[tuple[float, int, bytes]] = []
        self._numbers, self._newest = count(), -1
        self._ending, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._carry, name="switch")

    def __enter__(self) -> Switch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def cut_at(self, machine: Machine, word: bytes, *, late: bool = False, by_other: bool = False) -> Cut:
        """Takes a machine's link down in the middle of that word, the next time it is said."""
        with self._lock:
            self.cut = Cut(machine, re.compile(word), late, by_other)
        return self.cut

    def heal(self, machine: Machine) -> None:
        """Brings a link up again that a cut took down."""
        with self._lock:
            self._down.discard(socket.inet_aton(machine.address))
            machine.up()

    def forget(self, machine: Machine) -> None:
        """Whatever a machine was connected to is gone, as behind a firewall that began anew: both ends are
        told so, and told again when they go on."""
        with self._lock:
            mine = socket.inet_aton(machine.address)
            for flow in [one for one in self._expects if mine in (one[0][:4], one[1][:4])]:
                self._forgotten.add(flow)
                self._reset(flow)

    def _carry(self) -> None:
        waiter = select.poll()
        for machine in self._at.values():
            waiter.register(machine.link, select.POLLIN)
        while not self._ending.is_set():
            due_s = self._late[0][0] - time.monotonic() if self._late else LOOK_S
            for link, _ in waiter.poll(max(min(due_s, LOOK_S), 0) * 1000):
                with suppress(BlockingIOError):
                    data = os.read(link, LARGEST_PACKET)
                    if data[0] >> 4 == 4:
                        with self._lock:
                            self._take(Packet(data))
            while self._late and self._late[0][0] <= time.monotonic():
                _, number, data = heapq.heappop(self._late)
                self._bring(number, data)

    def _take(self, packet: Packet) -> None:
        """One packet, as it comes from its machine."""
        if packet.source in self._down:
            return
        if packet.flags & SYN:
            self._forgotten.discard(packet.flow)
        if packet.flags & ACK:
            self._expects[packet.flow] = packet.acknowledged
        if packet.flow in self._forgotten or packet.flow[::-1] in self._forgotten:
            self._reset(packet.flow)
        elif not self._is_cut(packet):
            self._pass_on(packet.data)

    def _is_cut(self, packet: Packet) -> bool:
        cut = self.cut
        if cut is None or cut.happened.is_set() or not packet.text:
            return False
        if cut.asked is not None:
            is_here = packet.flow == cut.asked[::-1]
        elif (packet.target if cut.by_other else packet.source) != socket.inet_aton(cut.machine.address):
            return False
        else:
            is_here = self._says(packet, cut.word)
            if is_here and cut.late:
                cut.asked = packet.flow
                return False
        if is_here:
            cut.machine.down()
            self._down.add(socket.inet_aton(cut.machine.address))
            cut.happened.set()
        return is_here

    def _says(self, packet: Packet, word: re.Pattern[bytes]) -> bool:
        said = self._tails.get(packet.flow, b"") + packet.text
        self._tails[packet.flow] = said[-LONGEST_WORD:]
        return word.search(said) is not None

    def _pass_on(self, data: bytes) -> None:
        """Now, later, twice or never."""
        trouble, chance = self.trouble, self.trouble.chance
        if chance.random() < trouble.lost:
            self.did["lost"] += 1
            return
        for again in range(2 if chance.random() < trouble.twice else 1):
            self.did["twice"] += again
            if chance.random() < trouble.late:
                self.did["late"] += 1
                due_s = time.monotonic() + chance.random() * trouble.late_by_s
                heapq.heappush(self._late, (due_s, next(self._numbers), data))
            else:
                self._bring(next(self._numbers), data)

    def _bring(self, number: int, data: bytes) -> None:
        """To its machine, if its link is up."""
        self.did["overtaken"] += number < self._newest
        self._newest = max(self._newest, number)
        machine = self._at.get(data[16:20])
        if machine is not None:
            with suppress(OSError):
                os.write(machine.link, data)

    def _reset(self, flow: Flow) -> None:
        """Tells a sender that there is no such connection."""
        data = _reset_packet(flow[1], flow[0], self._expects.get(flow, 0))
        self._bring(next(self._numbers), data)


def _reset_packet(source: bytes, target: bytes, number: int) -> bytes:
    addresses = source[:4] + target[:4]
    tcp = source[4:] + target[4:] + struct.pack("!IIBBHHH", number, 0, 5 << 4, RST, 0, 0, 0)
    tcp = tcp[:16] + _checksum(addresses + struct.pack("!HH", TCP, len(tcp)) + tcp) + tcp[18:]
    ip = struct.pack("!BBHIBBH", 4 << 4 | 5, 0, 20 + len(tcp), 0, 64, TCP, 0) + addresses
    return ip[:10] + _checksum(ip) + ip[12:] + tcp


def _checksum(data: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)
