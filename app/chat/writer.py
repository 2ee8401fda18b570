"""Writes the journal: the events of all running replies of this worker, in one commit after the other."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import ParamSpec

import gevent
from gevent.event import Event as Flag

from app.adapters.db import Database, Unreachable
from app.adapters.feed import Entry, Feed
from app.adapters.signal import Signal
from app.chat import journal
from app.chat.leases import LEASE_S
from app.core.events import Event, coalesce, to_entry

log = logging.getLogger(__name__)
P = ParamSpec("P")

#: Least time between two commits, in seconds; as often a page is sent a frame. What is urgent does not wait for it.
TICK_S = 0.1
#: Commits that fail for this long, in seconds, end the replies they are of: their leases are over.
STORAGE_S = LEASE_S
#: A reply that is this many events ahead of the database waits.
_PENDING_LIMIT = 2_000


@dataclass(eq=False)
class Pen:
    """One running reply's place in the journal: what is not committed yet, and the last number given.

    ``is_fenced`` says that the reply is another's by now, so that nothing more can be written.
    """

    reply_id: str
    epoch: int
    seq: int = 0
    pending: list[Event] = field(default_factory=list)
    is_fenced: bool = False

    def take(self) -> list[Entry]:
        """Take what is pending as numbered entries."""
        events, self.pending = self.pending, []
        entries = []
        for event in coalesce(events):
            self.seq += 1
            entries.append(Entry(self.seq, *to_entry(event)))
        return entries


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told: that a commit is due, that it took so many seconds or failed, that a reply is another's, that none
    can be kept.
    """

    on_due: Callable[[], object]
    on_commit: Callable[[float, Exception | None], None]
    on_fenced: Callable[[Pen], None]
    on_stuck: Callable[[], None]


class Writer:
    """Commits what the pens hold: what is urgent at once, the rest with what gathered meanwhile.

    One greenlet; a commit that fails is tried again with the same entries, and nothing is shown before
    it succeeded.
    """

    def __init__(self, db: Database, feed: Feed, watchers: Watchers, *, tick_s: float = TICK_S) -> None:
        self._db, self._feed, self._watchers, self._tick_s = db, feed, watchers, tick_s
        self._dirty: dict[Pen, None] = {}
        self._urgent: dict[Pen, None] = {}
        self._wake, self._hurry = Flag(), Flag()
        self._committed = Signal()
        self._busy: set[Pen] = set()

    def add(self, pen: Pen, event: Event, *, is_urgent: bool = False) -> None:
        """Hold an event for the next commit, or an urgent one of its own; waits while the database is far behind."""
        while len(pen.pending) >= _PENDING_LIMIT and not pen.is_fenced:
            self._committed.wait(1)
        if pen.is_fenced:
            return
        pen.pending.append(event)
        if pen not in self._dirty:
            self._dirty[pen] = None
            self._wake.set()
        if is_urgent:
            self._urge(pen)

    def flush(self, pen: Pen) -> None:
        """Wait until all that was added is committed, or cannot be."""
        if pen.pending:
            self._urge(pen)
        while (pen.pending or pen in self._busy) and not pen.is_fenced:
            self._committed.wait(1)

    def run(self) -> None:
        """Commit for ever; spawn this once."""
        due = 0.0
        while True:
            self._wake.wait()
            left_s = due - monotonic()
            if left_s <= 0 or not self._hurry.wait(left_s):
                due = monotonic() + self._tick_s
                _guarded(self._watchers.on_due)
                gevent.sleep(0)
                self._urgent = self._dirty
            self._commit()

    def _urge(self, pen: Pen) -> None:
        self._urgent[pen] = None
        self._hurry.set()

    def _commit(self) -> None:
        """Commit what is urgent; the rest stays for when it is due."""
        pens = {pen.reply_id: pen for pen in self._urgent if not pen.is_fenced}
        self._dirty = {pen: None for pen in self._dirty if pen not in self._urgent}
        self._urgent = {}
        self._hurry.clear()
        if not self._dirty:
            self._wake.clear()
        batch, lost = _taken(pens.values())
        self._busy = set(pens.values())
        lost |= self._append(batch)
        for reply_id in lost:
            pens[reply_id].is_fenced = True
            _guarded(self._watchers.on_fenced, pens[reply_id])
        self._busy = set()
        for reply_id, _epoch, entries in batch:
            if reply_id not in lost:
                _guarded(self._feed.publish, reply_id, entries)
        self._committed.set()

    def _append(self, batch: Sequence[journal.Batch]) -> set[str]:
        """Append, again and again while the database is out of reach; gives the ids that could not be."""
        delay_s, failing_since = 0.1, monotonic()
        while batch:
            started, failure = monotonic(), None
            try:
                lost = self._db.write_journal(journal.append, batch)
            except Exception as error:
                failure = error
            _guarded(self._watchers.on_commit, monotonic() - started, failure)
            if failure is None:
                return lost
            if not isinstance(failure, Unreachable):  # something in it cannot be stored: find what
                return {batch[0][0]} if len(batch) == 1 else set().union(*(self._append([one]) for one in batch))
            if monotonic() - failing_since > STORAGE_S:
                _guarded(self._watchers.on_stuck)
            gevent.sleep(delay_s)
            delay_s = min(2 * delay_s, 5)
        return set()


def _taken(pens: Iterable[Pen]) -> tuple[list[journal.Batch], set[str]]:
    """Take what is to be appended; gives it, and the ids of replies that have something nobody can write down."""
    batch: list[journal.Batch] = []
    lost = set()
    for pen in pens:
        try:
            entries = pen.take()
        except Exception as error:
            log.error("writer.unwritable", extra={"reply": pen.reply_id, "error": type(error).__name__})
            lost.add(pen.reply_id)
            continue
        if entries:
            batch.append((pen.reply_id, pen.epoch, entries))
    return batch, lost


def _guarded(tell: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Tell somebody, whose mistakes must not end the writer: without it no reply goes on."""
    try:
        tell(*args, **kwargs)
    except Exception as error:
        log.error("writer.failed", extra={"error": type(error).__name__})
