"""The loudspeaker: tells live views which journal entries have been committed. This one reaches its own process."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from app.adapters.signal import Signal


class Entry(NamedTuple):
    """A committed journal entry: its place, and the event in journal form."""

    seq: int
    kind: str
    body: str


@dataclass(eq=False)
class Subscription:
    """The entries of one reply that were published since it was made.

    It keeps the newest 1,024; whoever finds a gap reads the journal. ``is_remote`` says that another
    process writes the reply.
    """

    reply_id: str
    is_remote: bool = False
    changed: Signal = field(default_factory=Signal)
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=1024))


class Feed:
    """Hands committed entries to the subscriptions of a reply."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, list[Subscription]] = {}
        #: Is called with the id of a reply that another process was asked to stop.
        self.on_stop: Callable[[str], object] = lambda reply_id: None

    @property
    def is_up(self) -> bool:
        """Whether it reaches other processes; this one never does."""
        return False

    def publish(self, reply_id: str, entries: Iterable[Entry]) -> None:
        """Say that these entries of a reply are committed."""
        self._hand_on(reply_id, tuple(entries))

    def ask_to_stop(self, reply_id: str) -> None:
        """Tell the other processes that a reply is to be stopped; here there are none."""

    def subscribe(self, reply_id: str, *, is_remote: bool = False) -> Subscription:
        """Listen from now on; close with ``unsubscribe``."""
        subscription = Subscription(reply_id, is_remote)
        self._subscriptions.setdefault(reply_id, []).append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop listening."""
        listeners = self._subscriptions.get(subscription.reply_id, [])
        if subscription in listeners:
            listeners.remove(subscription)
        if not listeners:
            self._subscriptions.pop(subscription.reply_id, None)

    def check(self) -> int | None:
        """Raise where what it stands on does not answer; gives how many connections that allows, if it says."""
        return None

    def run(self) -> None:
        """Do what has to go on beside the requests; here, nothing."""

    def close(self) -> None:
        """Let connections go; here there are none."""

    def _hand_on(self, reply_id: str, entries: tuple[Entry, ...]) -> None:
        for subscription in self._subscriptions.get(reply_id, ()):
            subscription.entries.extend(entries)
            subscription.changed.set()
