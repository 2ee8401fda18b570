"""The journal: what Claude said, committed for all live replies of this worker at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any

import gevent
from gevent.event import Event as Flag
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.adapters.db import Database
from app.adapters.feed import Entry, Feed, Signal
from app.adapters.models import JournalEntry, Message, now
from app.core.events import Event, coalesce, to_entry

#: Least time between two commits, in seconds: 30 ticks a second.
TICK_S = 1 / 30
#: How long a journal is kept after its reply ended.
KEPT = timedelta(minutes=10)
#: A reply that is this many events ahead of the database waits.
_PENDING_LIMIT = 2_000


def read_after(session: Session, reply_id: str, seq: int) -> list[Entry]:
    """Read the entries of a reply that follow ``seq``, in order."""
    columns = (JournalEntry.seq, JournalEntry.kind, JournalEntry.body)
    rows = session.execute(
        select(*columns).where(JournalEntry.message_id == reply_id, JournalEntry.seq > seq).order_by(JournalEntry.seq)
    )
    return [Entry(*row) for row in rows]


def append(session: Session, batch: Iterable[tuple[str, int, Sequence[Entry]]]) -> None:
    """Add entries, given as (reply id, epoch, entries), and move each reply's ``last_seq``."""
    rows: list[dict[str, Any]] = []
    for reply_id, epoch, entries in batch:
        rows += [{"message_id": reply_id, "epoch": epoch, **entry._asdict()} for entry in entries]
        session.execute(update(Message).where(Message.id == reply_id).values(last_seq=entries[-1].seq))
    if rows:
        session.execute(insert(JournalEntry), rows)


def sweep(session: Session) -> None:
    """Delete the entries of replies that ended a while ago: the finished message has everything."""
    ended = (
        select(JournalEntry.message_id)
        .join(Message, Message.id == JournalEntry.message_id)
        .where(Message.ended_at < now() - KEPT)
        .distinct()
    )
    session.execute(delete(JournalEntry).where(JournalEntry.message_id.in_(ended)))


@dataclass(eq=False)
class Pen:
    """One running reply's place in the journal: what is not committed yet, and the next number."""

    reply_id: str
    epoch: int
    seq: int = 0
    pending: list[Event] = field(default_factory=list)

    def take(self) -> list[Entry]:
        """Take what is pending as numbered entries."""
        events, self.pending = self.pending, []
        entries = []
        for event in coalesce(events):
            self.seq += 1
            entries.append(Entry(self.seq, *to_entry(event)))
        return entries


class Writer:
    """Commits what the pens hold: the first event at once, then what gathered meanwhile.

    One greenlet; a commit that fails is tried again with the same entries, and nothing is shown before
    it succeeded.
    """

    def __init__(self, db: Database, feed: Feed, *, on_error: Callable[[Exception], None]) -> None:
        self._db, self._feed, self._on_error = db, feed, on_error
        self._dirty: dict[Pen, None] = {}
        self._wake = Flag()
        self._committed = Signal()
        self._busy: set[Pen] = set()

    def add(self, pen: Pen, event: Event) -> None:
        """Hold an event for the next commit; waits while the database is far behind."""
        while len(pen.pending) >= _PENDING_LIMIT:
            self._committed.wait(1)
        pen.pending.append(event)
        self._dirty[pen] = None
        self._wake.set()

    def flush(self, pen: Pen) -> None:
        """Wait until all that was added is committed."""
        while pen.pending or pen in self._busy:
            self._committed.wait(1)

    def run(self) -> None:
        """Commit for ever; spawn this once."""
        while True:
            self._wake.wait()
            self._wake.clear()
            started = monotonic()
            self._commit()
            gevent.sleep(max(0.0, started + TICK_S - monotonic()))

    def _commit(self) -> None:
        pens, self._dirty = list(self._dirty), {}
        batch = [(pen.reply_id, pen.epoch, entries) for pen in pens if (entries := pen.take())]
        self._busy = set(pens)
        delay_s = 0.1
        while batch:
            try:
                self._db.write(append, batch)
                break
            except Exception as error:
                self._on_error(error)
                gevent.sleep(delay_s)
                delay_s = min(2 * delay_s, 5)
        self._busy = set()
        for reply_id, _epoch, entries in batch:
            self._feed.publish(reply_id, entries)
        self._committed.set()
