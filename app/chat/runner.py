"""Runs replies: one greenlet each, from Claude's events to the journal to the finished message."""

import logging
from collections.abc import Iterable
from contextlib import nullcontext
from time import monotonic

import gevent
from gevent.lock import BoundedSemaphore
from gevent.pool import Group

from app.adapters.db import Database, Unreachable
from app.adapters.feed import Feed
from app.adapters.metrics import Metrics
from app.adapters.models import Message
from app.adapters.pulse import Stopped
from app.chat import ending
from app.chat.asking import Caller, begin
from app.chat.leases import Fenced
from app.chat.runs import Run
from app.chat.writer import Pen, Watchers, Writer
from app.core.errors import Invalid, TooMany, Unavailable, Upstream
from app.core.events import End, Event, Retrying, TextDelta, ThinkingDelta
from app.core.request import MessagesRequest
from app.core.settings import Settings

log = logging.getLogger(__name__)

#: Replies that are written at once, by one process.
MAX_RUNNING = 500
#: Ends that are stored at once: where many replies end together, pages have their turn between; not in a drain.
ENDS_AT_ONCE = 2
#: Longest wait between two attempts to store how a reply ended, in seconds.
_PATIENCE_S = 5.0

#: Longest wait between two attempts to begin one, in seconds.
_PAUSE_S = 1.0

STOPPED = End("stopped", ending.STOPPED)
_INTERRUPTED = End("interrupted", ending.INTERRUPTED)
_FAILED = End("failed", ending.FAILED, "internal")
_STORAGE = End("failed", ending.STORAGE, "storage")


class Runner:
    """Starts, stops and drains the replies of this worker."""

    def __init__(
        self,
        *,
        db: Database,
        claude: Caller,
        feed: Feed,
        settings: Settings,
        metrics: Metrics,
        worker: str,
    ) -> None:
        self._db, self._claude, self._feed, self._settings = db, claude, feed, settings
        self.metrics, self.worker = metrics, worker
        self._runs: dict[str, Run] = {}
        self._greenlets = Group()
        self._ends = BoundedSemaphore(ENDS_AT_ONCE)
        self.is_draining = self._is_closed = False
        self._writer = Writer(db, feed, Watchers(claude.read_on, self._note_commit, self._fence, self._give_up))
        self._writer_greenlet = gevent.spawn(self._writer.run)

    @property
    def running(self) -> int:
        """How many replies are being written here."""
        return len(self._runs)

    @property
    def is_writing(self) -> bool:
        """Whether the journal is being written: without that, no reply goes on."""
        return not self._writer_greenlet.dead

    def check(self) -> None:
        """Raise Unavailable while no new replies are taken: before anything is stored that could not be answered."""
        if len(self._runs) >= MAX_RUNNING:
            raise Unavailable("Rill is answering as many messages as it can. Your text is kept; send it again soon.")
        if self.is_draining:
            raise Unavailable("Rill is restarting. Your message was not sent; please send it again in a moment.")

    def refuse(self) -> None:
        """Take no new replies from now on."""
        self.is_draining = True

    def start(self, reply: Message) -> None:
        """Begin to write a queued reply; returns at once, and does nothing where it is written here already."""
        earlier = self._runs.get(reply.id)
        if earlier is not None:
            if earlier.pen.epoch >= reply.epoch:
                return
            self.fence([(reply.id, earlier.pen.epoch)])
        run = Run(reply.id, Pen(reply.id, reply.epoch, reply.last_seq))
        self._runs[reply.id] = run
        self.metrics.running.inc()
        self._greenlets.add(gevent.spawn(self._run, run))

    def has(self, reply_id: str) -> bool:
        """Whether the reply is being written here."""
        return reply_id in self._runs

    @property
    def ids(self) -> list[str]:
        """The replies that are written here, or are about to be."""
        return list(self._runs)

    @property
    def held(self) -> list[tuple[str, int]]:
        """The replies that this worker has a lease for, each with its epoch."""
        return [(run.reply_id, run.pen.epoch) for run in self._runs.values() if run.is_held]

    def stop(self, reply_id: str, end: End = STOPPED, *, epoch: int = 0) -> bool:
        """Break a reply off and keep what has arrived; False if it is not running here, or ends otherwise."""
        run = self._runs.get(reply_id)
        if run is None or run.pen.is_fenced or run.pen.epoch < epoch:
            return False
        return run.break_off(end) is end

    def fence(self, lost: Iterable[tuple[str, int]]) -> None:
        """Drop replies, given as (id, epoch), that other workers have taken over; not those that came back since."""
        for reply_id, epoch in lost:
            run = self._runs.get(reply_id)
            if run is not None and run.pen.epoch <= epoch:
                run.pen.is_fenced = True
                run.break_off(STOPPED)

    def drain(self, timeout_s: float) -> None:
        """Let replies finish for ``timeout_s``, then break the rest off and wait until they are stored."""
        self.refuse()
        self._greenlets.join(timeout=timeout_s)
        for run in list(self._runs.values()):
            run.break_off(_INTERRUPTED)
        self._greenlets.join(timeout=5)

    def close(self) -> None:
        """Drain without waiting, and end the writer; for tests and commands."""
        self.drain(0)
        self._is_closed = True
        self._writer_greenlet.kill()

    def _run(self, run: Run) -> None:
        end = _FAILED
        try:
            run.call = self._claude.call(self._begin(run))
            if run.stop is not None:
                raise Stopped
            for event in run.call:
                self._take(run, event)
            end = ending.ended(run.assembly)
        except Stopped:
            end = run.stop or STOPPED
        except Fenced:
            run.pen.is_fenced = True
        except (Invalid, TooMany) as error:
            code = "budget" if isinstance(error, TooMany) else "not_offered"
            end = End("failed", str(error), code, getattr(error, "retry_after_s", None))
        except Upstream as error:
            run.assembly.request_id = error.request_id or run.assembly.request_id
            end = ending.failed(error, has_members=bool(self._settings.ways))
        except Exception:
            log.exception("reply.crashed", extra={"reply": run.reply_id})
        finally:
            self._finish(run, end)

    def _begin(self, run: Run) -> MessagesRequest:
        """Claim a reply as soon as the database can be reached; raises what ``begin`` does, and Stopped."""
        delay_s = 0.1
        while run.stop is None:
            try:
                request = self._db.write(begin, run.reply_id, run.pen.epoch, self.worker, self._settings)
            except Unreachable as error:
                log.warning("reply.waits", extra={"reply": run.reply_id, "error": type(error).__name__})
            else:
                run.is_held = True
                return request
            if self.is_draining:
                run.stop = run.stop or _INTERRUPTED
            gevent.sleep(delay_s)
            delay_s = min(2 * delay_s, _PAUSE_S)
        raise Stopped

    def _take(self, run: Run, event: Event) -> None:
        is_first = run.first_token_s is None and isinstance(event, TextDelta | ThinkingDelta)
        if is_first:
            run.first_token_s = monotonic() - run.started_s
            self.metrics.first_token.observe(run.first_token_s)
        if isinstance(event, Retrying):
            self.metrics.retries.inc()
        run.assembly.add(event)
        run.trace.add(event)
        self._writer.add(run.pen, event, is_urgent=is_first)

    def _finish(self, run: Run, end: End) -> None:
        delay_s = 0.1
        try:
            while not self._is_closed and not self._store(run, end):
                gevent.sleep(delay_s)
                delay_s = min(2 * delay_s, _PATIENCE_S)
        finally:
            if self._runs.get(run.reply_id) is run:
                del self._runs[run.reply_id]
            self.metrics.running.dec()
            self.metrics.replies.labels("fenced" if run.pen.is_fenced else end.status).inc()
            run.log_end(end)

    def _store(self, run: Run, end: End) -> bool:
        """Store how a reply ended, or give it back if nothing has been written of it; False to try again."""
        self._writer.flush(run.pen)
        if run.pen.is_fenced:
            return True
        try:
            if end is _INTERRUPTED and not run.assembly.content:
                self._db.write(ending.give_back, run.reply_id, run.pen.epoch, run.bill)
                return True
            outcome = run.outcome(end)
            with nullcontext() if self.is_draining else self._ends:
                entry = self._db.write(ending.finish, run.reply_id, run.pen.epoch, outcome)
        except Fenced:
            run.pen.is_fenced = True
            return True
        except Exception as error:
            log.error("reply.not_stored", extra={"reply": run.reply_id, "error": type(error).__name__})
            run.refused += not isinstance(error, Unreachable)
            return False
        self._feed.publish(run.reply_id, [entry])
        return True

    def _note_commit(self, seconds: float, error: Exception | None) -> None:
        self.metrics.commit.observe(seconds)
        if error is not None:
            log.error("journal.commit_failed", extra={"error": type(error).__name__})

    def _fence(self, pen: Pen) -> None:
        self.fence([(pen.reply_id, pen.epoch)])

    def _give_up(self) -> None:
        for run in self._runs.values():
            if run.stop is None:
                log.error("reply.stuck", extra={"reply": run.reply_id})
                run.break_off(_STORAGE)
