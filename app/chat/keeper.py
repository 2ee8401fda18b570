"""Renews the leases of this worker, takes over the replies of dead ones, and hears which were asked to stop."""

import logging
import os
from collections.abc import Callable
from datetime import datetime
from time import monotonic

import gevent
from sqlalchemy.orm import Session

from app.adapters.clock import CLOCK, now
from app.adapters.db import Database, end_frozen
from app.adapters.feed import Feed
from app.adapters.lock import hold
from app.chat import audit, budgets, journal, keeping, leases, logins, reaping, traces
from app.chat.reaping import Reaped
from app.chat.runner import Runner
from app.core.errors import ConfigurationError, Unavailable

log = logging.getLogger(__name__)

#: How often replies are checked for a request to stop, in seconds.
TICK_S = 1.0
#: How often leases are renewed, and expired ones looked for, in seconds: several times in the life of a lease.
ROUND_S = leases.LEASE_S / 4
#: A transaction of this age, in seconds, is of a worker that froze in it: no unit of work may take as long.
FROZEN_S = 15.0
#: How long one round may take over replies, or delete what is left of them, in seconds.
TAKING_S = 1.0
#: How often what has been kept for long enough is deleted, in seconds.
SWEEP_S = 600.0
#: Of how many replies the journal, and how many conversations, one transaction deletes: running replies wait for it.
SWEPT = 20


class Keeper:
    """One per worker; ``run`` is its greenlet."""

    def __init__(self, db: Database, runner: Runner, feed: Feed, *, traces_days: int, retention_days: int = 0) -> None:
        self._db, self._runner, self._feed = db, runner, feed
        self._traces_days, self._retention_days = traces_days, retention_days
        self._url = db.url.render_as_string(hide_password=False)
        self._lock: int | None = None
        self._is_open = db.is_shared
        self._started_at = now()
        self._alone_since: datetime | None = None
        self._round_at = self._sweep_at = 0.0

    def open(self) -> None:
        """Take over what earlier processes left: all of it where there can be only one process, once it is alone."""
        if not self._is_open:
            try:
                self._lock = hold(self._url, "worker")
            except ConfigurationError:  # the one before still lets its replies finish (SIGHUP)
                return
            self._is_open, self._alone_since = True, self._started_at
        self._take_over()

    def close(self) -> None:
        """Let the next process know that this one has left."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def run(self) -> None:
        """Go on for ever; spawn this once."""
        while True:
            gevent.sleep(TICK_S)
            try:
                self.tick()
            except Exception as error:  # the database may be away: the leases say what that means
                log.error("keeper.failed", extra={"error": type(error).__name__})

    def hear_stops(self) -> None:
        """Stop replies of this worker that others were asked to stop, for ever; spawn this once.

        Whoever presses Stop waits for that, so it waits for nothing else that there is to do.
        """
        while True:
            gevent.sleep(TICK_S)
            try:
                self.stop_cancelled()
            except Exception as error:
                log.error("keeper.failed", extra={"error": type(error).__name__})

    def stop_cancelled(self) -> None:
        """Stop those of this worker's replies that are to be stopped."""
        if held := self._runner.held:
            for reply_id in self._db.read(leases.cancelled, [reply_id for reply_id, _epoch in held]):
                self._runner.stop(reply_id)

    def watch_the_loop(self) -> None:
        """Measure for ever how late the event loop is; spawn this once."""
        while True:
            due = monotonic() + TICK_S
            gevent.sleep(TICK_S)
            self._runner.metrics.loop_lag.observe(max(0.0, monotonic() - due))

    def tick(self) -> None:
        """Do what is due."""
        if not self._is_open:
            self.open()
        if monotonic() < self._round_at:
            return
        self._round_at = monotonic() + ROUND_S
        if held := self._runner.held:
            self._runner.fence(self._db.write(leases.renew, held, self._runner.worker))
        if not self._runner.is_draining:
            self._take_over()
        self._sweep()

    def _sweep(self) -> None:
        """Delete what has been kept for long enough; what is left after some time comes with the next round."""
        self._in_steps(journal.sweep)
        if monotonic() < self._sweep_at:
            return
        self._sweep_at = monotonic() + SWEEP_S
        self._db.write(self._sweep_small)
        is_done = self._in_steps(keeping.sweep, self._retention_days)
        if not (self._in_steps(traces.sweep, self._traces_days) and is_done):
            self._sweep_at = 0.0

    def _sweep_small(self, session: Session) -> None:
        logins.sweep(session)
        budgets.sweep(session)
        audit.sweep(session)

    def _in_steps(self, sweep: Callable[..., int], *args: object) -> bool:
        """Delete with a commit for each step, so that replies go on between them; False if some is left."""
        until = monotonic() + TAKING_S
        while self._db.write(sweep, *args, SWEPT) == SWEPT:
            if monotonic() > until:
                return False
            gevent.sleep(0)
        return True

    def _take_over(self) -> None:
        """Take over as much as there is time for; what is left comes with the next tick."""
        if self._db.is_shared:
            self._db.read(CLOCK.look)
            self._end_frozen()
        until = monotonic() + TAKING_S
        worker, is_here = self._runner.worker, self._runner.has
        for reaped in reaping.reap(self._db, worker, is_here=is_here, alone_since=self._alone_since):
            if reaped is not None:
                self._take_up(reaped)
                self._round_at = 0.0
            if monotonic() > until:
                break

    def _take_up(self, reaped: Reaped) -> None:
        reply = reaped.reply
        if reaped.entry is None:
            self._runner.start(reply)
        else:
            self._feed.publish(reply.id, [reaped.entry])
        to = "queued" if reaped.entry is None else "interrupted"
        self._runner.metrics.reaps.labels(to).inc()
        log.warning("reply.reaped", extra={"reply": reply.id, "to": to})

    def _end_frozen(self) -> None:
        """Free the rows that a frozen worker has locked: else its replies could not be taken over."""
        try:
            ended = self._db.read(end_frozen, FROZEN_S)
        except Unavailable:
            raise
        except Exception as error:  # not every Postgres allows it, and most workers do not freeze there
            log.warning("db.frozen_left", extra={"error": type(error).__name__})
            return
        if ended:
            log.warning("db.frozen_ended", extra={"count": ended})
            self._round_at = 0.0  # what they had locked is free by the next tick
