"""A witness answers as C2SP tlog-witness says, and never rolls back what it has seen (T15's half of it)."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wire import logs

from hesuan.wire import cosignature, merkle
from hesuan.wire.checkpoint import Checkpoint, open_note, parse_checkpoint, sign_note
from hesuan.wire.encoding import to_base64
from hesuan.wire.witness import MAX_BODY_BYTES, Request, Store, Witness, origin_hash, parse_request
from hesuan.wire.witness_server import Server

ENTRIES = logs.leaves(64)
NODES = merkle.tree(ENTRIES)
FORGED = merkle.tree([ENTRIES[0], logs.entry(1, "grant", a=1), *ENTRIES[2:]])

# https://c2sp.org/tlog-witness, "Example request body".
SPECIFICATION = (
    "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpL"
    "ozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\n"
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4U"
    "RYN7u5/Zhcyv2q1gGzGku9nTo"
    "+zyWE+xeMcTOAYQ8=\n"
)


def request(old: int, new: int, nodes: dict[tuple[int, int], bytes] = NODES) -> bytes:
    """A well-formed request over a tree."""

    def node(level: int, index: int) -> bytes:
        return nodes[level, index]

    path = merkle.consistency_proof(old, new, node) if 0 < old <= new else []
    return Request(old, tuple(path), logs.note(new, merkle.root(new, node))).text().encode()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    private, key = logs.witness(1)
    return Witness(
        name=key.name,
        private=private,
        logs=[logs.LOG_KEY],
        store=Store(tmp_path),
        clock=lambda: logs.SEEN_AT,
    )


def test_the_specifications_request_is_read_and_written_byte_for_byte() -> None:
    read = parse_request(SPECIFICATION.encode())
    assert read is not None and read.old == 20_852_014 and len(read.proof) == 4
    assert read.text() == SPECIFICATION


def test_growth_is_cosigned_step_by_step(witness: Witness) -> None:
    for old, new in [(0, 3), (3, 8), (8, 8), (8, 64)]:
        answer = witness.add_checkpoint(request(old, new))
        assert answer.status == 200, answer.body
        note = request(old, new).decode().partition("\n\n")[2] + answer.body
        (found,) = cosignature.of_note(note, [logs.witness(1)[1]])
        assert found.time == logs.SEEN_AT
    served = witness.checkpoint(origin_hash(logs.ORIGIN))
    assert served.status == 200
    assert parse_checkpoint(open_note(served.body, logs.LOG_KEY)).size == 64
    assert len(cosignature.of_note(served.body, [logs.witness(1)[1]])) == 1


def test_an_empty_log_is_cosigned_with_the_empty_root_alone(witness: Witness) -> None:
    assert witness.add_checkpoint(Request(0, (), logs.note(0, b"x" * 32)).text().encode()).status == 422
    assert (
        witness.add_checkpoint(Request(0, (), logs.note(0, merkle.EMPTY_ROOT)).text().encode()).status == 200
    )


def test_each_refusal_has_the_specifications_status(witness: Witness) -> None:
    assert witness.add_checkpoint(request(0, 8)).status == 200
    good = request(8, 16)
    stranger = sign_note(
        Checkpoint("other.example/log", 9, b"r" * 32).text(), name="o", private=logs.LOG_PRIVATE
    )
    forged = logs.witness(9)[0]
    by_another = sign_note(
        Checkpoint(logs.ORIGIN, 16, b"r" * 32).text(), name="city.example/other", private=forged
    )
    spoilt = good.replace(b"\n16\n", b"\n17\n")
    cases = [
        (b"", 400),
        (b"old 08\n\n" + good.partition(b"\n\n")[2], 400),
        (good.replace(b"old 8", b"old 8 "), 400),
        (
            b"\n".join([b"old 8", *[to_base64(b"h" * 32).encode()] * 64, b"", b""])
            + good.partition(b"\n\n")[2],
            400,
        ),
        (Request(8, (), stranger).text().encode(), 404),
        (Request(8, (), by_another).text().encode(), 403),
        (spoilt, 403),
        (good.replace(b"old 8", b"old 17"), 400),
        (good.replace(b"old 8", b"old 7"), 409),
        (request(0, 16), 409),
        (request(8, 16, FORGED), 422),
        (request(8, 8, FORGED), 422),
        (good.replace(b"old 8\n", b"old 8\n" + to_base64(b"h" * 32).encode() + b"\n"), 422),
    ]
    for number, (body, status) in enumerate(cases):
        answer = witness.add_checkpoint(body)
        assert answer.status == status, (number, answer)
        if status == 409:
            assert (answer.body, answer.content_type) == ("8\n", "text/x.tlog.size")
    assert witness.latest(logs.ORIGIN) == Checkpoint(
        logs.ORIGIN, 8, merkle.root(8, lambda level, index: NODES[level, index])
    )
    assert witness.add_checkpoint(good).status == 200


def test_an_old_size_of_zero_takes_no_proof(witness: Witness) -> None:
    body = request(0, 8).replace(b"old 0\n", b"old 0\n" + to_base64(b"h" * 32).encode() + b"\n")
    assert witness.add_checkpoint(body).status == 422


@pytest.mark.parametrize("locked", [True, False], ids=["as built", "without the lock"])
def test_the_race_that_the_specification_prints(
    locked: bool, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A of size N is checked, B of size N+K is checked and stored, A is stored: K leaves rolled back."""
    assert witness.add_checkpoint(request(0, 4)).status == 200
    checked, go_on = threading.Event(), threading.Event()
    write = Store.write

    def slowly(store: Store, origin: str, note: str) -> None:
        if "\n8\n" in note and not checked.is_set():
            checked.set()
            go_on.wait(0.5 if locked else 20)
        write(store, origin, note)

    monkeypatch.setattr(Store, "write", slowly)
    if not locked:

        @contextlib.contextmanager
        def open_door(_store: Store, _origin: str) -> Iterator[None]:
            yield

        monkeypatch.setattr(Store, "locked", open_door)
    answers: dict[int, int] = {}
    first = threading.Thread(target=lambda: answers.update({8: witness.add_checkpoint(request(4, 8)).status}))
    first.start()
    assert checked.wait(120)
    answers[16] = witness.add_checkpoint(request(4, 16)).status
    go_on.set()
    first.join(120)
    latest = witness.latest(logs.ORIGIN)
    assert latest is not None
    if locked:
        assert answers == {8: 200, 16: 409} and latest.size == 8
    else:
        assert answers == {8: 200, 16: 200} and latest.size == 8, "negative control: rolled back from 16 to 8"


def test_a_restarted_witness_remembers(witness: Witness, tmp_path: Path) -> None:
    assert witness.add_checkpoint(request(0, 8)).status == 200
    private, key = logs.witness(1)
    again = Witness(name=key.name, private=private, logs=[logs.LOG_KEY], store=Store(tmp_path))
    assert again.add_checkpoint(request(0, 8)).status == 409
    assert again.add_checkpoint(request(8, 9)).status == 200


@pytest.fixture
def server(witness: Witness) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), witness) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join(120)


def test_over_http_on_one_connection(server: Server) -> None:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)

    def ask(method: str, path: str, body: bytes = b"") -> tuple[int, str | None, str]:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()

    assert ask("POST", "/add-checkpoint", request(0, 8))[0] == 200
    assert ask("POST", "/add-checkpoint", request(0, 8)) == (409, "text/x.tlog.size", "8\n")
    status, _, body = ask("GET", f"/{origin_hash(logs.ORIGIN)}/checkpoint")
    assert status == 200 and parse_checkpoint(open_note(body, logs.LOG_KEY)).size == 8
    assert ask("GET", f"/{origin_hash('another')}/checkpoint")[0] == 404
    assert ask("GET", "/../../etc/passwd")[0] == 404
    assert ask("POST", "/sign-subtree", b"x")[0] == 404
    assert ask("POST", "/add-checkpoint", b"x" * (MAX_BODY_BYTES + 1))[0] == 413
    connection.close()
