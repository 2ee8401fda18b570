"""Runs replies: one greenlet each, from Claude's events to the journal to the finished message."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

import gevent
from gevent import Greenlet
from gevent.pool import Group
from sqlalchemy.orm import Session

from app.adapters.claude import Stopped
from app.adapters.db import Database
from app.adapters.feed import Feed
from app.adapters.models import Message
from app.chat import conversations, ending, transcript
from app.chat.journal import Pen, Writer
from app.core.assembly import Assembly
from app.core.errors import Unavailable, Upstream
from app.core.events import End, Event, TextDelta, ThinkingDelta
from app.core.request import MessagesRequest, Thinking

log = logging.getLogger(__name__)

#: Replies that are written at once, by one process.
MAX_RUNNING = 500


class Call(Protocol):
    """A request to Claude under way."""

    def __iter__(self) -> Iterator[Event]: ...

    def close(self) -> None:
        """Break it off, from another greenlet."""


class Caller(Protocol):
    """What makes calls: ``adapters.claude.Claude``."""

    def call(self, request: MessagesRequest) -> Call:
        """Prepare a call; nothing is sent before it is iterated."""


@dataclass(frozen=True, slots=True)
class Prompting:
    """What goes with every request: the operator's choices."""

    max_tokens: int
    system: str | None = None
    thinking: Thinking = "off"


@dataclass(eq=False)
class Run:
    """One reply being written."""

    reply_id: str
    pen: Pen
    assembly: Assembly = field(default_factory=Assembly)
    call: Call | None = None
    stop_status: str | None = None
    started_s: float = field(default_factory=monotonic)
    first_token_s: float | None = None


class Runner:
    """Starts, stops and drains the replies of this worker."""

    def __init__(
        self,
        *,
        db: Database,
        claude: Caller,
        feed: Feed,
        prompting: Prompting,
        spawn: Callable[..., Greenlet] = gevent.spawn,
    ) -> None:
        self._db, self._claude, self._feed, self._prompting = db, claude, feed, prompting
        self._spawn = spawn
        self._runs: dict[str, Run] = {}
        self._greenlets = Group()
        self._is_draining = False
        self._writer = Writer(db, feed, on_error=_commit_failed)
        self._writer_greenlet = spawn(self._writer.run)

    @property
    def running(self) -> int:
        """How many replies are being written here."""
        return len(self._runs)

    def check(self) -> None:
        """Raise Unavailable while no new replies are taken: before anything is stored that could not be answered."""
        if len(self._runs) >= MAX_RUNNING:
            raise Unavailable("Rill is answering as many messages as it can. Your text is kept; send it again soon.")
        if self._is_draining:
            raise Unavailable("Rill is restarting. Your message was not sent; please send it again in a moment.")

    def refuse(self) -> None:
        """Take no new replies from now on."""
        self._is_draining = True

    def start(self, reply: Message) -> None:
        """Begin to write a queued reply; returns at once."""
        run = Run(reply.id, Pen(reply.id, reply.epoch))
        self._runs[reply.id] = run
        self._greenlets.add(self._spawn(self._run, run))

    def stop(self, reply_id: str, status: str = "stopped") -> bool:
        """Break a reply off and keep what has arrived; False if it is not running here."""
        run = self._runs.get(reply_id)
        if run is None:
            return False
        run.stop_status = run.stop_status or status
        if run.call is not None:
            run.call.close()
        return True

    def drain(self, timeout_s: float) -> None:
        """Let replies finish for ``timeout_s``, then break the rest off and wait until they are stored."""
        self.refuse()
        self._greenlets.join(timeout=timeout_s)
        for reply_id in list(self._runs):
            self.stop(reply_id, "interrupted")
        self._greenlets.join(timeout=5)

    def close(self) -> None:
        """Drain without waiting, and end the writer; for tests and commands."""
        self.drain(0)
        self._writer_greenlet.kill()

    def _run(self, run: Run) -> None:
        end = End("failed", ending.FAILED, "internal")
        try:
            request = self._db.write(_begin, run.reply_id, self._prompting)
            run.call = self._claude.call(request)
            if run.stop_status is not None:
                raise Stopped
            for event in run.call:
                self._take(run, event)
            end = ending.ended(run.assembly)
        except Stopped:
            status = run.stop_status or "stopped"
            end = End(status, ending.STOPPED if status == "stopped" else ending.INTERRUPTED)
        except Upstream as error:
            run.assembly.request_id = run.assembly.request_id or error.request_id
            end = End("failed", error.sentence, error.code)
        except Exception:
            log.exception("reply.crashed", extra={"reply": run.reply_id})
        finally:
            self._finish(run, end)

    def _take(self, run: Run, event: Event) -> None:
        if run.first_token_s is None and isinstance(event, TextDelta | ThinkingDelta):
            run.first_token_s = monotonic() - run.started_s
        run.assembly.add(event)
        self._writer.add(run.pen, event)

    def _finish(self, run: Run, end: End) -> None:
        try:
            self._writer.flush(run.pen)
            figures = {"first_token_s": run.first_token_s, "total_s": monotonic() - run.started_s}
            entry = self._db.write(ending.finish, run.reply_id, run.assembly, end, figures)
            self._feed.publish(run.reply_id, [entry])
        except Exception:
            log.exception("reply.not_stored", extra={"reply": run.reply_id})
        finally:
            del self._runs[run.reply_id]
            _log_end(run, end)


def _begin(session: Session, reply_id: str, prompting: Prompting) -> MessagesRequest:
    reply = session.get_one(Message, reply_id)
    reply.status = "running"
    path = conversations.path(session, reply)[:-1]
    return MessagesRequest(
        model=reply.model or "",
        max_tokens=prompting.max_tokens,
        messages=transcript.to_api(path),
        system=prompting.system,
        thinking=prompting.thinking,
    )


def _commit_failed(error: Exception) -> None:
    log.error("journal.commit_failed", extra={"error": type(error).__name__})


def _log_end(run: Run, end: End) -> None:
    log.info(
        "reply.ended",
        extra={
            "reply": run.reply_id,
            "status": end.status,
            "code": end.error_code,
            "duration_s": round(monotonic() - run.started_s, 3),
        },
    )
