"""The door and the memory: lost answers, absence, clocks, locks, and what survives."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from tests.agent.hub import StandInHub, serving

from hesuan.agent import site as sites
from hesuan.agent.site import Site
from hesuan.agent.spool import Command, Spool
from hesuan.agent.telling import printable
from hesuan.agent.uplink import BACK_OFF_LONGEST_S, BackOff, Uplink
from hesuan.errors import Conflict, NotFound, Refused, Unavailable
from hesuan.wire import keys
from hesuan.wire.messages import open_sealed


@pytest.fixture
def uplink(hub: StandInHub, site: Site) -> Uplink:
    return Uplink(hub.address, site.private, site.agent)


@pytest.fixture
def spool(site: Site) -> Spool:
    return Spool(site.spool, site.agent, site.private)


def test_enrolling_keeps_the_key_here_and_for_us_alone(hub: StandInHub, site: Site) -> None:
    key = site.data / "agent-key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    assert hub.key == keys.public_text(site.private) and site.agent == hub.agent
    assert site.data.stat().st_mode & 0o077 == 0


def test_enrolling_again_is_the_same_site_and_uses_no_code(hub: StandInHub, site: Site) -> None:
    before = hub.requests
    again = sites.enrol(site.data, hub=hub.address, code="OTHER", name="x")
    assert again.agent == site.agent and hub.requests == before


def test_a_lost_answer_to_enrolment_is_made_good_by_asking_again(hub: StandInHub, tmp_path: Path) -> None:
    hub.lose_answers = 1
    with pytest.raises(Unavailable):
        sites.enrol(tmp_path / "a", hub=hub.address, code="CODE-1", name="x")
    assert sites.enrol(tmp_path / "a", hub=hub.address, code="CODE-1", name="x").agent == hub.agent


def test_a_used_code_is_refused_and_leaves_no_half_site(hub: StandInHub, site: Site, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"centre\.code_used"):
        sites.enrol(tmp_path / "other", hub=hub.address, code="CODE-1", name="x")
    with pytest.raises(NotFound, match="hesuan agent enrol"):
        sites.load(tmp_path / "other")


def test_a_folder_enrolled_elsewhere_is_not_enrolled_here(site: Site) -> None:
    with pytest.raises(Conflict, match="Use another folder"):
        sites.enrol(site.data, hub="http://127.0.0.1:1", code="CODE-1", name="x")


def test_one_agent_at_a_time_has_a_folder(site: Site) -> None:
    with sites.alone(site.data), pytest.raises(Refused, match="Another agent"), sites.alone(site.data):
        pass
    with sites.alone(site.data):
        pass


def test_a_hub_that_is_not_there_is_unavailable(site: Site) -> None:
    gone = Uplink("http://127.0.0.1:9", site.private, site.agent)
    with pytest.raises(Unavailable, match="Nothing is lost"):
        gone.poll(after=0, wait_s=0)


def test_a_hub_that_answers_nonsense_is_unavailable(hub: StandInHub, uplink: Uplink) -> None:
    hub.answer = lambda path, document: (502, {})  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="HTTP 502"):
        uplink.poll(after=0, wait_s=0)


def test_a_signature_of_somebody_else_is_refused(hub: StandInHub, site: Site) -> None:
    thief = Uplink(hub.address, keys.generate(), site.agent)
    with pytest.raises(Refused, match=r"403 message\.bad_signature"):
        thief.poll(after=0, wait_s=0)


@pytest.mark.parametrize(("minutes", "word"), [(6, "behind"), (-6, "ahead of")])
def test_a_clock_too_far_off_is_refused_in_both_directions(
    hub: StandInHub, uplink: Uplink, minutes: int, word: str
) -> None:
    hub.clock = timedelta(minutes=minutes)
    with pytest.raises(Refused, match=f"3[56][0-9] s {word} the hub's; at most 300 s"):
        uplink.poll(after=0, wait_s=0)


@pytest.mark.parametrize("minutes", [4, -4])
def test_a_clock_a_little_off_is_fine(hub: StandInHub, uplink: Uplink, minutes: int) -> None:
    hub.clock = timedelta(minutes=minutes)
    assert uplink.poll(after=0, wait_s=0) == []
    assert abs(uplink.skew - hub.clock) < timedelta(seconds=2)


def test_a_long_poll_is_not_taken_for_a_wrong_clock(hub: StandInHub, uplink: Uplink) -> None:
    uplink.poll(after=0, wait_s=25)
    assert abs(uplink.skew) < timedelta(seconds=0.4)


def test_waits_grow_with_jitter_up_to_a_bound() -> None:
    waits = [[back_off.next_s() for _ in range(12)] for back_off in (BackOff(), BackOff())]
    assert waits[0] != waits[1]
    for wait in waits:
        assert wait[0] <= 0.5 and wait[-1] >= BACK_OFF_LONGEST_S / 2
        assert max(wait) <= BACK_OFF_LONGEST_S
    back_off = BackOff(failures=9)
    back_off.reset()
    assert back_off.next_s() <= 0.5


def test_what_was_put_is_there_after_a_kill(spool: Spool, site: Site) -> None:
    assert spool.put("heartbeat", {"running": []}, once="a") == 1
    assert spool.put("heartbeat", {"running": []}, once="a") is None
    again = Spool(site.spool, site.agent, site.private)
    ((seq, sealed),) = again.waiting(10)
    message = open_sealed(sealed, keys.public_text(site.private))
    assert (seq, message.seq, message.kind) == (1, 1, "heartbeat")
    again.stored_through(1)
    assert spool.put("heartbeat", {"running": []}, once="a") is None
    assert spool.put("heartbeat", {"running": []}) == 2


def test_a_transaction_that_fails_leaves_no_gap(spool: Spool) -> None:
    with pytest.raises(RuntimeError), spool.transaction() as change:
        change.put("heartbeat", {"running": []})
        raise RuntimeError
    assert spool.put("heartbeat", {"running": []}) == 1


def test_the_file_is_written_through_to_the_disk(spool: Spool) -> None:
    assert spool.rows("pragma journal_mode") == [("wal",)]
    assert spool.rows("pragma synchronous") == [(2,)]
    assert spool.path.stat().st_mode & 0o777 == 0o600


def test_commands_are_kept_once_by_id_and_in_order(spool: Spool) -> None:
    first, second = Command(1, "a", "run", {"x": 1}), Command(2, "b", "cancel", {})
    assert spool.receive([first, second, first]) == 2
    assert spool.receive([first]) == 0 and spool.last_command_seq() == 2
    with spool.transaction() as change:
        change.done(first)
    assert spool.receive([first]) == 0
    assert [command.id for command in spool.open_commands()] == ["b"]


def test_a_spool_of_another_agent_is_refused(spool: Spool, site: Site) -> None:
    with pytest.raises(Refused, match="its own data folder"):
        Spool(site.spool, "somebody else", site.private)


def test_a_disk_that_is_full_says_so_and_nothing_has_happened(spool: Spool) -> None:
    pages = spool.rows("pragma page_count")[0][0]
    spool.rows(f"pragma max_page_count={pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for _ in range(1000):
            spool.put("log", {"run": "r", "offset": 0, "text": "x" * 1000})
    kept = spool.waiting_count()
    spool.rows("pragma max_page_count=1000000")
    assert spool.put("heartbeat", {"running": []}) == kept + 1


def test_a_hub_restarted_on_the_same_address_is_found_again(site: Site, hub: StandInHub) -> None:
    port = int(hub.address.rsplit(":", 1)[1])
    uplink = Uplink(hub.address, site.private, site.agent)
    uplink.poll(after=0, wait_s=0)
    other = StandInHub(agent=hub.agent, key=hub.key)
    assert port and other.key == hub.key
    with serving(other) as restarted:
        uplink2 = Uplink(restarted.address, site.private, site.agent)
        assert uplink2.poll(after=0, wait_s=0) == []


CUTS = [
    (b"plain", False, "plain", 5),
    ("中".encode()[:2], False, "", 0),
    ("中".encode()[:2], True, "\ufffd", 2),
    ("a中".encode()[:3], False, "a", 1),
    ("a中".encode(), False, "a中", 4),
    ("a中".encode()[:3], True, "a\ufffd", 3),
    (b"a\xff", False, "a\ufffd", 2),
    (b"a\x00b", False, "a\ufffdb", 3),
    ("é".encode(), False, "é", 2),
    (b"", False, "", 0),
]


@pytest.mark.parametrize(("data", "last", "text", "length"), CUTS)
def test_a_log_is_cut_between_characters_and_always_printable(
    data: bytes, last: bool, text: str, length: int
) -> None:
    assert printable(data, last=last) == (text, length)
