"""A stored reply as a program reads it: event by event, from the feed and, where that has a gap, from the journal."""

from sqlalchemy.orm import Session

from app.adapters.db import Database
from app.adapters.feed import Entry, Feed
from app.adapters.models import Message
from app.chat import conversations, journal
from app.chat.conversations import Sent
from app.chat.runner import Runner
from app.core import wire
from app.core.assembly import Assembly
from app.core.errors import RillError, Upstream
from app.core.events import LIVE, End, Event, from_entry

_GONE = End("stopped", "The program that asked for this reply went away. What had arrived is kept.")


def say(session: Session, owner: str, conversation_id: str, *, text: str, nonce: str, model: str) -> Sent:
    """Say something in a conversation of the owner, or in one that ``new`` begins; raises as those do."""
    if conversation_id == "new":
        return conversations.start(session, owner, text=text, nonce=nonce, model=model)
    return conversations.send(session, owner, conversation_id, text=text, nonce=nonce, model=model)


class Followed:
    """Reads one reply that is begun here; the same to its reader as a ``Direct``."""

    def __init__(self, db: Database, feed: Feed, runner: Runner, reply: Message) -> None:
        self.assembly = Assembly()
        self.error: RillError | None = None
        self.is_over = self.is_stopped = False
        self.about = {"conversation": reply.conversation_id, "reply": reply.id}
        self._db, self._feed, self._runner, self._id = db, feed, runner, reply.id
        self._seq = reply.last_seq
        self._subscription = feed.subscribe(reply.id)
        runner.start(reply)

    def read(self, timeout_s: float) -> list[Event]:
        """Wait for what comes next; nothing where that took too long, or it is over."""
        entries = self._subscription.entries
        if not entries and not self.is_over and not self._subscription.changed.wait(timeout_s):
            self._look()
        came: list[Event] = []
        while entries and not self.is_over:
            entry = entries.popleft()
            if entry.seq > self._seq + 1:
                self._take_missed(came)
            self._take(entry, came)
        return came

    def close(self) -> None:
        """Stop the reply, if it is not over: nobody reads it."""
        if not self.is_over:
            self.is_stopped = True
            self._runner.stop(self._id, _GONE)

    def leave(self) -> None:
        """Listen no more."""
        self.close()
        self._feed.unsubscribe(self._subscription)

    def _look(self) -> None:
        """See what became of a reply that is not written here any more: another worker may have taken it over."""
        if self._runner.has(self._id):
            return
        _seq, status = self._db.read(journal.positions, [self._id]).get(self._id, (0, "interrupted"))
        if status not in LIVE:
            self._subscription.entries.extend(self._db.read(journal.read_after, self._id, self._seq))
            if not self._subscription.entries:
                self._end(End(status))

    def _take_missed(self, came: list[Event]) -> None:
        for entry in self._db.read(journal.read_after, self._id, self._seq):
            self._take(entry, came)

    def _take(self, entry: Entry, came: list[Event]) -> None:
        if entry.seq <= self._seq or self.is_over:
            return
        self._seq = entry.seq
        event = from_entry(entry.kind, entry.body)
        if isinstance(event, End):
            self._end(event)
            return
        self.assembly.add(event)
        came.extend(wire.parts(event))

    def _end(self, end: End) -> None:
        self.is_over = True
        if end.status not in ("done", "refused"):
            code, note = end.error_code or end.status, end.note or "The reply ended before it was complete."
            self.error = Upstream(code, note, retry_after_s=end.retry_after_s)
