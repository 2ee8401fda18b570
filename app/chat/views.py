"""The live views of this process: made when somebody reads, kept up to date, and dropped when nobody does."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import gevent
from gevent.lock import BoundedSemaphore

from app.adapters.db import Database
from app.adapters.feed import Feed
from app.adapters.metrics import Metrics
from app.chat import journal
from app.chat.live import LiveReply
from app.core.errors import TooMany, Unavailable
from app.core.events import LIVE, End

log = logging.getLogger(__name__)

#: How long the feed may be silent about a reply before the journal is asked, in seconds, and how often that is judged.
SILENT_S, POLL_S = 0.4, 0.25
#: Streams that one process holds open, and those that one person has of them.
MAX_READERS, MAX_READERS_OF_ONE = 3_000, 100

#: Streams that are looked up at once: where everybody comes back at the same time, pages have their turn between. Who
#: has waited for so long, in seconds, goes in all the same: perhaps those before wait for what is out of reach.
OPENING, OPENING_S = 4, 3.0


class LiveReplies:
    """The live views, one for each reply that is or was just being read; ``is_local`` says which are written here."""

    def __init__(
        self,
        db: Database,
        feed: Feed,
        *,
        is_local: Callable[[str], bool],
        metrics: Metrics,
        keep_s: float = 60,
    ) -> None:
        self._db, self._feed, self._keep_s, self._is_local = db, feed, keep_s, is_local
        self._metrics = metrics
        self._opening = BoundedSemaphore(OPENING)
        self._views: dict[str, LiveReply] = {}
        self._readers: Counter[str | None] = Counter()

    @property
    def readers(self) -> int:
        """How many readers there are."""
        return self._readers.total()

    @contextmanager
    def view(self, reply_id: str, reader: str | None = None) -> Iterator[LiveReply]:
        """Give the view of a reply, up to date; it is kept for a while after the last reader left.

        A ``reader`` is who stays; without one it is a look at what there is. Raises TooMany and Unavailable
        while this person has, or all have, as many streams as there may be.
        """
        self._refuse(reader)
        self._sweep()
        view = self._views.get(reply_id)
        if view is None:
            view = self._make(reply_id)
        elif not self._is_local(reply_id):
            view.catch_up()
        view.readers += 1
        self._readers[reader] += 1
        self._metrics.viewers.inc()
        try:
            view.refresh()
            yield view
        finally:
            self._metrics.viewers.dec()
            self._readers[reader] -= 1
            if not self._readers[reader]:
                del self._readers[reader]
            view.readers -= 1
            view.left_at = monotonic()

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Take one's turn to look a stream up."""
        has_turn = self._opening.acquire(timeout=OPENING_S)
        try:
            yield
        finally:
            if has_turn:
                self._opening.release()

    def wake(self) -> None:
        """Have all readers look up: the worker has to go."""
        for view in self._views.values():
            view.changed.set()

    def follow(self) -> None:
        """Look after the views of replies that other workers write, for ever; spawn this once."""
        while True:
            gevent.sleep(POLL_S)
            self._sweep()
            try:
                self.poll()
            except Exception as error:  # the database may be away: readers wait, and nothing is lost
                log.error("views.poll_failed", extra={"error": type(error).__name__})

    def poll(self) -> None:
        """Ask the journal how far those replies are, and have the views that are behind read on."""
        watched = {id: view for id, view in self._views.items() if self._is_in_doubt(view)}
        if not watched:
            return
        positions = self._db.read(journal.positions, watched)
        for id, view in watched.items():
            seq, status = positions.get(id, (-1, "interrupted"))
            if seq > view.seq or status not in LIVE:
                view.catch_up(None if status in LIVE else End(status))

    def _is_in_doubt(self, view: LiveReply) -> bool:
        is_followed = bool(view.readers) and view.end is None and not self._is_local(view.reply_id)
        return is_followed and monotonic() - view.grew_at > SILENT_S

    def _refuse(self, reader: str | None) -> None:
        if reader is None:
            return
        if self.readers >= MAX_READERS:
            raise Unavailable("More pages are open on Rill than it can serve. Your reply goes on; this page waits.")
        if self._readers[reader] >= MAX_READERS_OF_ONE:
            raise TooMany("You have more pages of running replies open than Rill serves. Close some; this page waits.")

    def _make(self, reply_id: str) -> LiveReply:
        subscription = self._feed.subscribe(reply_id, is_remote=not self._is_local(reply_id))
        try:
            view = LiveReply(subscription, lambda seq: self._db.read(journal.read_after, reply_id, seq))
        except BaseException:
            self._feed.unsubscribe(subscription)
            raise
        if reply_id in self._views:  # made by another reader while the journal was read
            self._feed.unsubscribe(subscription)
        return self._views.setdefault(reply_id, view)

    def _sweep(self) -> None:
        limit = monotonic() - self._keep_s
        for reply_id, view in list(self._views.items()):
            if not view.readers and view.left_at < limit:
                self._feed.unsubscribe(view.subscription)
                del self._views[reply_id]
