"""Replies that are stored nowhere: a program reads them as they come, and they end when it goes."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

import gevent
from gevent.event import Event as Flag

from app.adapters.db import Database
from app.adapters.metrics import Metrics
from app.adapters.pulse import Stopped
from app.chat import budgets
from app.chat.allowance import Rules
from app.chat.asking import Call, Caller
from app.core import failing
from app.core.assembly import Assembly
from app.core.errors import RillError, TooMany, Unavailable, Upstream
from app.core.events import Event
from app.core.pricing import most
from app.core.request import MessagesRequest
from app.core.tally import Bill

log = logging.getLogger(__name__)

#: Calls of programs that one process makes at once.
MAX_CALLS = 250
#: Of these, how many may be one person's where people sign in.
MAX_EACH = 20


class Direct:
    """One call under way. ``read`` gives what came; once it is over, ``error`` says why, if it did not end well."""

    def __init__(self, call: Call) -> None:
        self.assembly = Assembly()
        self.error: RillError | None = None
        self.is_over = self.is_stopped = False
        self.about: dict[str, str] = {}
        self._call = call
        self._came: list[Event] = []
        self._news = Flag()
        self._greenlet = gevent.spawn(self._run)

    @property
    def bill(self) -> Bill:
        """What it took so far."""
        return self._call.tally.bill

    def read(self, timeout_s: float) -> list[Event]:
        """Wait for what comes next; nothing where that took too long, or it is over."""
        if not self._came and not self.is_over:
            self._news.wait(timeout_s)
        self._news.clear()
        came, self._came = self._came, []
        return came

    def close(self) -> None:
        """Break it off, if it is not over; from any greenlet."""
        if not self.is_over:
            self.is_stopped = True
            self._call.close()

    def _run(self) -> None:
        try:
            for event in self._call:
                self.assembly.add(event)
                self._came.append(event)
                self._news.set()
        except Stopped:
            self.is_stopped = True
        except Upstream as error:
            self.error = replace(error, sentence=failing.sentence(error))
        except RillError as error:
            self.error = error
        except Exception:
            log.exception("api.crashed")
            self.error = Upstream("internal", "Something went wrong in Rill while Claude was answering.")
        finally:
            self.is_over = True
            self._news.set()


class Directs:
    """Makes the calls of one process."""

    def __init__(
        self, claude: Caller, metrics: Metrics, db: Database, rules: Rules, *, is_shared: bool = False
    ) -> None:
        self._claude, self._metrics, self._db, self._rules = claude, metrics, db, rules
        self._is_shared = is_shared
        self._owners: Counter[str] = Counter()
        self.running = 0

    @contextmanager
    def call(self, request: MessagesRequest, owner: str) -> Iterator[Direct]:
        """Make a call for somebody, which ends with the context at the latest.

        Raises Unavailable while there are too many, and TooMany while there are too many of theirs, or where the
        budget does not have what it may cost.
        """
        with self._place(owner):
            asked = budgets.Call(owner, request.model, most(request))
            reservation = self._db.write(budgets.reserve, self._rules, asked)
            started_s = monotonic()
            direct = Direct(self._claude.call(request))
            try:
                yield direct
            finally:
                status = _status(direct)
                direct.close()
                self._metrics.calls.labels(status).inc()
                _log_end(direct, status, started_s)
                self._settle(reservation, direct, request.model)

    @contextmanager
    def _place(self, owner: str) -> Iterator[None]:
        """Count a call while it goes on."""
        if self._is_shared and self._owners[owner] >= MAX_EACH:
            raise TooMany(f"You may ask {MAX_EACH} things at once. Ask again when one of them has been answered.")
        if self.running >= MAX_CALLS:
            raise Unavailable("Rill is answering as many programs as it can. Try again soon.")
        self.running += 1
        self._owners[owner] += 1
        self._metrics.running.inc()
        try:
            yield
        finally:
            self.running -= 1
            self._owners[owner] -= 1
            self._owners += Counter()  # forgets who has none
            self._metrics.running.dec()

    def _settle(self, reservation: str, direct: Direct, model: str) -> None:
        """Settle what it took; where the database is away, what was reserved stays reserved."""
        try:
            self._db.write(budgets.settle, reservation, direct.assembly.model or model, direct.bill)
        except Unavailable:
            log.error("budget.not_settled")


def _status(direct: Direct) -> str:
    if direct.error is not None:
        return "failed"
    return "done" if direct.assembly.is_complete else "stopped"


def _log_end(direct: Direct, status: str, started_s: float) -> None:
    usage = direct.assembly.usage
    fields = {
        "status": status,
        "code": getattr(direct.error, "code", None),
        "request_id": direct.assembly.request_id,
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
        "duration_s": round(monotonic() - started_s, 3),
    }
    log.info("api.ended", extra=fields)
