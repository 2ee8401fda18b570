"""One timer for all calls under way: what gathered is read, and who has waited for too long is told."""

from collections.abc import Callable
from math import inf
from time import monotonic
from typing import TypeVar

import gevent

from app.adapters.claude_errors import TimedOut
from app.adapters.signal import Signal

_T = TypeVar("_T")

#: Once text flows, what comes is left to gather for as long as this, in seconds, or until it is wanted: several deltas
#: for one switch of greenlets. A page is sent frames less often than that. Watchdogs are looked at as often.
GATHER_S = 0.05


class Stopped(Exception):
    """The call was closed from elsewhere."""


class _Interrupted(BaseException):
    """Thrown into a waiting call; no Exception, because the SDK would take it for a connection error."""


class _Expired(_Interrupted):
    """Thrown into a call that has waited for too long."""


class Waiter:
    """What waits, never for longer than it says, and can be told to stop from another greenlet."""

    def __init__(self) -> None:
        self._is_closed = False
        self._waiting: gevent.Greenlet | None = None
        self._until_s = 0.0

    def close(self) -> None:
        """Break it off; whatever it waits for ends with Stopped."""
        self._is_closed = True
        gevent.get_hub().loop.run_callback(self._interrupt)

    def look(self, now_s: float) -> None:
        """End a wait that should have been over by now, on the monotonic clock."""
        if self._waiting is not None and now_s > self._until_s:
            gevent.get_hub().loop.run_callback(self._interrupt, now_s)

    def within(self, seconds: float, work: Callable[[], _T]) -> _T:
        """Do what may take so many seconds; raises TimedOut after them, and Stopped when it is closed."""
        if self._is_closed:
            raise Stopped
        self._waiting, self._until_s = gevent.getcurrent(), monotonic() + seconds
        try:
            return work()
        except _Expired:
            raise TimedOut from None
        except _Interrupted:
            raise Stopped from None
        finally:
            self._waiting = None

    def _interrupt(self, now_s: float = inf) -> None:
        # Runs in the hub, so that the greenlet is surely where it said it waits, not in a commit.
        if self._waiting is not None and now_s > self._until_s:
            self._waiting.throw(_Interrupted() if self._is_closed else _Expired())


class Pulse:
    """Beats while there are calls."""

    def __init__(self) -> None:
        self._calls: dict[Waiter, None] = {}
        self._gathered = Signal()
        self._beat_at = 0.0
        self._is_beating = False

    def add(self, call: Waiter) -> None:
        """Look after a call, until it is removed."""
        self._calls[call] = None
        if not self._is_beating:
            self._is_beating = True
            gevent.spawn(self._run)

    def remove(self, call: Waiter) -> None:
        """Look after a call no more."""
        self._calls.pop(call, None)

    def beat(self) -> None:
        """Have all calls read what has gathered."""
        self._beat_at = monotonic()
        self._gathered.set()

    def wait(self) -> None:
        """Let more gather, until the next beat; without calls there is none."""
        if self._is_beating:
            self._gathered.wait()

    def _run(self) -> None:
        try:
            while self._calls:
                gevent.sleep(max(GATHER_S / 5, self._beat_at + GATHER_S - monotonic()))
                now_s = monotonic()
                if now_s >= self._beat_at + GATHER_S:
                    self.beat()
                for call in list(self._calls):
                    call.look(now_s)
        finally:
            self._is_beating = False
            self.beat()
