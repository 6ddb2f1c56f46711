"""Machines apart on one machine: network namespaces, joined by a switch that the test holds.

Each has its loopback and one link (a TUN device), and nothing else: no route leads outward. None has a name
anywhere; what holds them is open files of the tests' process, so that nothing is left behind however that
ends. What goes from one to another passes through :mod:`tests.engines.switch`.

A namespace belongs to a thread: what a thread starts, and where its sockets lead, is where it stands.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

NEW_NETWORK = 0x40000000
MAKE_TUN, GET_FLAGS, SET_FLAGS, SET_ADDRESS, SET_MASK = 0x400454CA, 0x8913, 0x8914, 0x8916, 0x891C
TUN, NO_HEADER, UP = 0x0001, 0x1000, 0x0001
DEVICE = Path("/dev/net/tun")
LINK, NETWORK, MASK = "link0", "10.77.0.", "255.255.255.0"
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Machine:
    """One namespace. ``link`` carries its packets; ``ruler`` is a socket in it, by which its devices obey."""

    name: str
    address: str
    space: int
    link: int
    ruler: socket.socket

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Puts this thread there: what it starts and connects to meanwhile is there."""
        with _here() as back:
            _enter(self.space)
            try:
                yield
            finally:
                _enter(back)

    def down(self) -> None:
        """``ip link set down``."""
        self._flag(LINK, up=False)

    def up(self) -> None:
        """``ip link set up``."""
        self._flag(LINK, up=True)

    def _flag(self, device: str, *, up: bool) -> None:
        asked = struct.pack("16sH14x", device.encode(), 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(self.ruler, GET_FLAGS, asked), 16)
        wanted = flags | UP if up else flags & ~UP
        fcntl.ioctl(self.ruler, SET_FLAGS, struct.pack("16sH14x", device.encode(), wanted))

    def _address(self) -> None:
        for order, what in ((SET_ADDRESS, self.address), (SET_MASK, MASK)):
            place = struct.pack("16sH2x4s8x", LINK.encode(), socket.AF_INET, socket.inet_aton(what))
            fcntl.ioctl(self.ruler, order, place)


@contextmanager
def apart(names: Sequence[str]) -> Iterator[list[Machine]]:
    """A machine for each name, its link up; they are gone when the block is left."""
    with ExitStack() as stack:
        yield [stack.enter_context(_machine(name, f"{NETWORK}{at}")) for at, name in enumerate(names, 1)]


@contextmanager
def _machine(name: str, address: str) -> Iterator[Machine]:
    with ExitStack() as stack:
        with _here() as back:
            _checked(_libc.unshare(NEW_NETWORK))
            try:
                space, link = _opened("/proc/thread-self/ns/net"), _opened(DEVICE, os.O_RDWR | os.O_NONBLOCK)
                stack.callback(os.close, space)
                stack.callback(os.close, link)
                fcntl.ioctl(link, MAKE_TUN, struct.pack("16sH22x", LINK.encode(), TUN | NO_HEADER))
                ruler = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            finally:
                _enter(back)
        made = Machine(name, address, space, link, ruler)
        made._address()
        made._flag("lo", up=True)
        made.up()
        yield made


def why_not() -> str:
    """Why there can be none here; empty where there can."""
    if not sys.platform.startswith("linux") or not DEVICE.exists():
        return f"no {DEVICE} on this machine"
    try:
        with apart(["tried"]):
            return ""
    except OSError as error:
        return f"no network namespaces with a TUN device for this user: {error.strerror}"


@contextmanager
def _here() -> Iterator[int]:
    space = _opened("/proc/thread-self/ns/net")
    try:
        yield space
    finally:
        os.close(space)


def _opened(path: str | Path, flags: int = os.O_RDONLY) -> int:
    return os.open(path, flags | os.O_CLOEXEC)


def _enter(space: int) -> None:
    _checked(_libc.setns(space, NEW_NETWORK))


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    sys.exit(why_not() or 0)
