"""Machines apart: what the tests of cut links and of lost packets stand on."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.engines import namespaces
from tests.engines.namespaces import Machine
from tests.engines.switch import Switch, Trouble

pytestmark = pytest.mark.namespaces

PORT, PATIENCE_S, SOON_S = 80, 20, 0.2
Pair = tuple[Switch, Machine, Machine, list[bytes]]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """An echo at ``there``, what it has heard, and ``here``."""
    with echoing(["there", "here"]) as (switch, (there, here), heard):
        yield switch, there, here, heard


@contextmanager
def echoing(names: list[str]) -> Iterator[tuple[Switch, list[Machine], list[bytes]]]:
    """Machines apart, an echo at the first of them, and what it has heard."""
    heard: list[bytes] = []
    with namespaces.apart(names) as machines, Switch(machines) as switch:
        with machines[0].inside():
            server = socket.create_server(("", PORT))
        thread = threading.Thread(target=echo, args=[server, heard])
        thread.start()
        yield switch, machines, heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        server.close()


def echo(server: socket.socket, heard: list[bytes]) -> None:
    with suppress(OSError):
        while True:
            asker, _ = server.accept()
            asker.settimeout(PATIENCE_S)
            with asker, suppress(OSError):
                while data := asker.recv(1 << 20):
                    heard.append(data)
                    asker.sendall(data)


@contextmanager
def asking(there: Machine, here: Machine) -> Iterator[socket.socket]:
    with here.inside():
        line = socket.create_connection((there.address, PORT), PATIENCE_S)
    with line:
        line.settimeout(PATIENCE_S)
        yield line


def answered(line: socket.socket, text: bytes) -> bytes:
    line.sendall(text)
    got = b""
    while len(got) < len(text):
        got += line.recv(1 << 20)
    return got


def test_machines_apart_reach_each_other_and_nobody_else(pair: Pair) -> None:
    _, there, here, _ = pair
    with asking(there, here) as line:
        assert answered(line, b"hello") == b"hello"
    with here.inside(), pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("192.0.2.1", PORT), PATIENCE_S)


def network() -> str:
    """That of this thread."""
    return str(Path("/proc/thread-self/ns/net").readlink())


def held() -> set[str]:
    """What the open files of this process are."""
    found = set()
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # another thread closes its own
            found.add(str(file.readlink()))
    return found


def test_nothing_is_left_of_them_after_a_failure() -> None:
    own, theirs = network(), ""
    with (
        pytest.raises(ZeroDivisionError),
        namespaces.apart(["there", "here"]) as (_, here),
        here.inside(),
    ):
        theirs = network()
        assert theirs in held()
        raise ZeroDivisionError
    assert network() == own != theirs and theirs not in held()


def test_what_was_on_its_way_when_the_link_went_down_comes_when_it_is_up(pair: Pair) -> None:
    switch, there, here, heard = pair
    with asking(there, here) as line:
        cut = switch.cut_at(here, b"word")
        line.sendall(b"a word")
        assert cut.happened.wait(PATIENCE_S) and heard == []
        with here.inside(), pytest.raises(OSError, match="unreachable"):
            socket.create_connection((there.address, PORT), PATIENCE_S)
        switch.heal(here)
        assert line.recv(100) == b"a word" and heard == [b"a word"]


def test_a_machine_is_cut_by_what_it_is_told_itself_and_not_by_what_another_is() -> None:
    with echoing(["there", "here", "beside"]) as (switch, (there, here, beside), _):
        cut = switch.cut_at(here, b"word", by_other=True)
        with asking(there, beside) as line:
            assert answered(line, b"a word") == b"a word" and not cut.happened.is_set()
        with asking(there, here) as line:
            line.sendall(b"a word")
            assert cut.happened.wait(PATIENCE_S)
            switch.heal(here)
            assert line.recv(100) == b"a word"


def test_a_copy_of_what_was_cut_does_not_slip_through(pair: Pair) -> None:
    """Unanswered, the sender says it again: while the switch is held up, both wait in one queue."""
    switch, there, here, heard = pair
    with asking(there, here) as line:
        cut = switch.cut_at(here, b"word")
        with switch._lock:
            line.sendall(b"a word")
            time.sleep(1)
        assert cut.happened.wait(PATIENCE_S)
        time.sleep(SOON_S)
        assert heard == []
        switch.heal(here)
        assert line.recv(100) == b"a word" and heard == [b"a word"]


def test_a_late_cut_comes_when_it_was_heard_and_both_ends_lose_the_connection(pair: Pair) -> None:
    switch, there, here, heard = pair
    with asking(there, here) as line:
        cut = switch.cut_at(here, b"word", late=True)
        line.sendall(b"a word")
        assert cut.happened.wait(PATIENCE_S) and heard == [b"a word"]
        switch.heal(here)
        switch.forget(here)
        with pytest.raises(ConnectionResetError):
            line.recv(100)
    with asking(there, here) as line:
        assert answered(line, b"again") == b"again", "the other end was free for it"


def test_a_link_that_loses_doubles_and_delays_brings_everything_once_and_in_order(pair: Pair) -> None:
    switch, there, here, heard = pair
    switch.trouble = Trouble(random.Random(1), lost=0.03, twice=0.1, late=0.3, late_by_s=0.01)
    text = random.Random(2).randbytes(100_000)
    with asking(there, here) as line:
        assert answered(line, text) == text == b"".join(heard)
    assert set(switch.did) == {"lost", "twice", "late", "overtaken"}


def test_where_there_can_be_none_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces._libc, "unshare", lambda _: -1)
    monkeypatch.setattr(namespaces.ctypes, "get_errno", lambda: 1)
    assert "not permitted" in namespaces.why_not()
    monkeypatch.setattr(namespaces, "DEVICE", Path("/dev/net/absent"))
    assert namespaces.why_not() == "no /dev/net/absent on this machine"
