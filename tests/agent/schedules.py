"""A random schedule of faults around one agent: all of it follows from its seed.

What may happen: the line loses, doubles, delays and reorders (:mod:`tests.agent.line`); the hub is away for
longer than a poll waits, delivers commands again or in another order; the agent dies at any durable write
(:mod:`tests.agent.dying`); its disk is full; its clock is set; the scheduler outside loses a question or an
answer, shows a job late, writes its books late and more than once, starts a job anew; the site drains for a
while by the hub's word, by its own, or by both.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tests.agent.dying import Killed, Reaper
from tests.agent.fakes import Rig
from tests.agent.line import Line

from hesuan.agent import draining
from hesuan.agent.schedulers.contract import RunState
from hesuan.agent.schedulers.fake import VISIBLE_WITHIN_S
from hesuan.errors import HesuanError

LONGEST_AWAY_S = 40
"""A hub that is away outlasts a poll, which waits 25 s."""
LARGEST_STEP_S = 240
"""A clock is set by up to this; the hub accepts five minutes."""
MOMENTS = 30
"""A death comes within so many moments; a whole run has more."""
LONGEST_DRAIN_S = 6
WHY = "new power supply"
"""Why a site drains; a run that is refused says so."""


class Schedule:
    """Disturbs a rig while runs go on, and heals it. ``did`` counts what was done, ``hub_says`` brings the
    hub's word that this site drains, or no longer (None), where another hub than the rig's gives it."""

    def __init__(self, rig: Rig, line: Line, reaper: Reaper, chance: random.Random) -> None:
        self.rig, self.line, self.reaper, self.chance = rig, line, reaper, chance
        self.did: Counter[str] = Counter()
        self.away_until_s = self.full_until_s = 0
        self.drains_until_s: dict[draining.Who, int] = {}
        self.hub_says: Callable[[str | None], object] = self._command
        line.trouble = chance.choice([0.0, 0.1, 0.5])
        self.rate = chance.choice([0.1, 0.3, 0.6])

    def round(self) -> None:
        """A second in which something may go wrong."""
        if self.chance.random() < self.rate:
            name = self.chance.choice(list(ACTS))
            ACTS[name](self)
            self.did[name] += 1
        with self._while_it_drains_nothing_begins():
            self._pass(self.rig.fetch, self.rig.agent.tick)
        self.rig.centre.advance(1)
        now_s = self.rig.centre.now_s
        self.rig.hub.away = now_s < self.away_until_s
        if self.full_until_s and now_s >= self.full_until_s:
            self._make_room()
        self._end_drains(now_s)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.rate, self.reaper.left, self.away_until_s = 0.0, None, 0
        self.rig.hub.away = self.rig.hub.deliver_everything = False
        self.rig.centre.lost_replies = self.rig.centre.lost_requests = 0
        self._make_room()
        self.line.heal()
        self._end_drains()
        assert not self.drains_until_s, "there is room: the site's word is taken back"

    def _pass(self, *steps: Callable[[], object]) -> None:
        """What the agent's threads do in a second; what they live through, they live through here."""
        for step in steps:
            self.rig.agent._send_after = 0
            try:
                step()
            except (HesuanError, sqlite3.Error, OSError) as error:
                self.did[type(error).__name__] += 1
            except Killed:
                self._start_anew()
                return

    def _start_anew(self) -> None:
        """Also an agent that starts may die; one that finds no room starts nevertheless."""
        while True:
            self.reaper.revive()
            try:
                self.rig.restart()
            except Killed:
                continue
            return

    def _die(self) -> None:
        self.reaper.left = self.chance.randrange(MOMENTS)

    def _go_away(self) -> None:
        self.away_until_s = self.rig.centre.now_s + self.chance.randint(1, LONGEST_AWAY_S)

    def _repeat(self) -> None:
        self.rig.hub.deliver_everything = not self.rig.hub.deliver_everything

    def _fill(self) -> None:
        """No room for what the spool writes, for other files, or for both."""
        (pages,) = self.rig.spool.rows("pragma page_count")[0]
        self.rig.spool.rows(f"pragma max_page_count={pages}")
        self.reaper.spool_full = self.chance.random() < 0.5
        self.reaper.no_room = not self.reaper.spool_full or self.chance.random() < 0.5
        self.full_until_s = self.rig.centre.now_s + self.chance.randint(1, 10)

    def _make_room(self) -> None:
        self.full_until_s = 0
        self.reaper.spool_full = self.reaper.no_room = False
        self.rig.spool.rows("pragma max_page_count=1000000")

    def _drain(self, who: draining.Who) -> None:
        """For a while; who drains already drains for longer, or ends sooner."""
        if self._say(who, WHY):
            self.drains_until_s[who] = self.rig.centre.now_s + self.chance.randint(1, LONGEST_DRAIN_S)

    def _end_drains(self, now_s: int | None = None) -> None:
        """Those whose time is over, or all; one that finds no room is taken back later."""
        for who, until_s in list(self.drains_until_s.items()):
            if (now_s is None or now_s >= until_s) and self._say(who, None):
                del self.drains_until_s[who]

    def _say(self, who: draining.Who, reason: str | None) -> bool:
        """Whether the word was given; the operator's command is no part of the agent that dies."""
        with self.reaper.spares():
            if who == "hub":
                self.hub_says(reason)
                return True
            try:
                draining.at_the_site(self.rig.spool, reason)
            except sqlite3.OperationalError:
                return False
            return True

    def _command(self, reason: str | None) -> None:
        kind, body = ("drain", {"reason": reason}) if reason else ("resume", {})
        self.rig.hub.command(kind, body)

    @contextmanager
    def _while_it_drains_nothing_begins(self) -> Iterator[None]:
        """While the same words stand before and after, the scheduler gets no job of a run that was not begun
        before; what was begun may have been asked for and lost, and is asked for again."""
        stood, had = self._standing(), {job.comment for job in self.rig.centre.jobs}
        begun = {folder.name for folder in self.rig.site.runs.iterdir()} if any(stood.values()) else set()
        yield
        if any(stood.values()) and self._standing() == stood:
            new = {job.comment for job in self.rig.centre.jobs} - had - begun
            assert not new, f"a site that drains began {new}"

    def _standing(self) -> dict[str, object]:
        return dict(draining.standing(self.rig.spool))

    def _set_clock(self) -> None:
        step_s = self.chance.randint(-LARGEST_STEP_S, LARGEST_STEP_S)
        self.rig.hub.clock = timedelta(seconds=-step_s)
        self.rig.centre.set_agents_clock(step_s)

    def _requeue(self) -> None:
        centre = self.rig.centre
        running = [job for job in centre.jobs if centre.state(job)[0] == RunState.RUNNING]
        if running:
            centre.requeue(self.chance.choice(running).comment)


def memory_folder(fallback: Path) -> Path:
    """Where folders are quick to write: what is tried is the order of writes, not the disk."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else fallback


ACTS: dict[str, Callable[[Schedule], None]] = {
    "agent dies": Schedule._die,
    "hub away": Schedule._go_away,
    "hub repeats": Schedule._repeat,
    "disk full": Schedule._fill,
    "clock set": Schedule._set_clock,
    "centre loses answers": lambda here: here.rig.centre.lose_replies(1),
    "centre loses questions": lambda here: here.rig.centre.lose_requests(1),
    "job shown late": lambda here: here.rig.centre.hide_new_jobs_for(here.chance.randrange(VISIBLE_WITHIN_S)),
    "books late": lambda here: here.rig.centre.write_books_late(here.chance.randrange(20)),
    "books repeat": lambda here: here.rig.centre.repeat_records(here.chance.randint(1, 3)),
    "job started anew": Schedule._requeue,
    "hub drains": lambda here: here._drain("hub"),
    "site drains": lambda here: here._drain("site"),
}
