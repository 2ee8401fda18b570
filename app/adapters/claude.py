"""Claude, through Anthropic's SDK: each request retried, watched, and stoppable."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any

import anthropic
import gevent
from gevent.lock import BoundedSemaphore

from app.adapters.claude_errors import Failure, TooLarge, Truncated, classify, is_unbilled
from app.adapters.claude_wire import Limits, events, http_client, params, refuse_other_than, timeouts, whole
from app.adapters.pulse import Pulse, Stopped, Waiter
from app.core import catalog
from app.core.events import (
    BlockStart,
    BlockStop,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    Retrying,
    TextDelta,
    ThinkingDelta,
    Void,
)
from app.core.request import MessagesRequest
from app.core.tally import Tally
from app.core.text import from_json

log = logging.getLogger(__name__)
_END: Any = object()
#: In place of a model: what is refused to the key or the account is refused to all.
_ALL = ""


class Claude:
    """The one client of a worker; make it after gevent has patched the process."""

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None = None,
        app: Any = None,
        limits: Limits | None = None,
        sleep: Callable[[float], object] = gevent.sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.limits = bounds = limits or Limits()
        self.slots = BoundedSemaphore(self.limits.calls)
        self.sleep, self.clock = sleep, clock
        self.pulse = Pulse()
        self._circuits: dict[str, tuple[float, Failure]] = {}
        self._alerted_at = -60.0
        self.options: dict[str, Any] = {}
        self._models: dict[str, catalog.Model] = {}
        self._is_anthropic = base_url is None
        if self._is_anthropic:  # other servers may not know it
            self.options["cache_control"] = {"type": "ephemeral"}
        self.client = anthropic.Anthropic(
            api_key=api_key or "none",
            base_url="http://demo.invalid" if app else base_url or "https://api.anthropic.com",
            max_retries=0,
            http_client=http_client(
                app, connections=bounds.calls, meter=(bounds.event_bytes, bounds.total_bytes), pulse=self.pulse
            ),
            open_telemetry=False,
        )

    def call(self, request: MessagesRequest) -> "Call":
        """Prepare a request; it is sent when the call is iterated."""
        return Call(self, request)

    def read_on(self) -> None:
        """Have all calls read what has come, before the next turn of the event loop: it is wanted now."""
        self.pulse.beat()

    def models(self) -> list[catalog.Model]:
        """Ask which models are offered; raises Upstream. Costs nothing, and shows whether the key is taken."""
        try:
            answer = self.client.models.with_raw_response.list(limit=100, timeout=10)
            refuse_other_than(answer.http_response, "application/json")
            models = catalog.read(from_json(answer.read().decode()))
        except Exception as error:  # a server may answer anything
            raise classify(error, model="", at=datetime.now(UTC)).to_error() from None
        self._models = {model.id: model for model in models}
        return models

    def params(self, request: MessagesRequest) -> dict[str, Any]:
        """Write a request as the SDK's parameters, with nothing that its model is not known to take."""
        model = self._models.get(request.model)
        if model is None and self._is_anthropic:
            model = catalog.known(request.model)
        return params(request, self.options, thinking_off=catalog.thinking_off(model, request) if model else None)

    def refuse_while_open(self, model: str) -> None:
        """Raise what a recent failure said of all requests, or of those to a model, as long as it holds."""
        for of in (_ALL, model):
            until_s, failure = self._circuits.get(of, (0.0, None))
            if failure is not None and (left_s := until_s - self.clock()) > 0:
                raise replace(failure, wait_s=None if failure.wait_s is None else left_s).to_error()

    def note(self, failure: Failure, model: str, *, attempt: int) -> None:
        """Take down a failure: the log, the circuit, and at most once a minute an alert."""
        fields = {"code": failure.code, "attempt": attempt, "request_id": failure.request_id}
        fields |= {"detail": failure.detail}
        log.warning("claude.failed", extra=fields)
        if failure.circuit_s:
            of = _ALL if failure.kind == "account" else model
            self._circuits[of] = (self.clock() + failure.circuit_s, failure)
        if failure.is_alert and self.clock() >= self._alerted_at + 60:
            self._alerted_at = self.clock()
            log.critical("claude.needs_administrator", extra=fields)


class Call(Waiter):
    """One request; iterate it once. ``close`` ends it from another greenlet; ``tally`` says what it is billed."""

    def __init__(self, claude: Claude, request: MessagesRequest) -> None:
        super().__init__()
        self._claude, self._request, self._limits = claude, request, claude.limits
        self.tally = Tally(request)
        self._has_shown = False
        self._began_s = monotonic()

    def __iter__(self) -> Iterator[Event]:
        """Give Claude's events, and Retrying before each wait; ends after ``message_stop``.

        Raises Upstream when the policy has no further attempt, Stopped after ``close``.
        """
        self._claude.refuse_while_open(self._request.model)
        self._claude.pulse.add(self)
        try:
            yield from self._tries()
        finally:
            self._claude.pulse.remove(self)

    def _tries(self) -> Iterator[Event]:
        self._began_s = monotonic()
        attempt = 1
        while True:
            try:
                yield from self._attempt()
                return
            except Exception as error:
                if isinstance(error, Stopped):
                    raise
                if is_unbilled(error):
                    self.tally.refuse()
                failure = self._judge(error, attempt)
            wait_s = failure.pause_s(attempt)
            yield Retrying(attempt + 1, failure.tries, wait_s, "Claude is busy.", self._ms(), failure.code)
            self.within(self._limits.total_s, partial(self._claude.sleep, wait_s))
            attempt += 1

    def _judge(self, error: Exception, attempt: int) -> Failure:
        """Decide what follows: give the failure if another attempt is due, raise Upstream if not."""
        failure = classify(error, model=self._request.model, at=datetime.now(UTC))
        if self._has_shown:
            failure = failure.in_mid_stream()
        elif not self._request.is_streamed and failure.code == "timeout" and not is_unbilled(error):
            failure = replace(failure, tries=1)  # all the time there is for a reply has passed, and it is billed
        self._claude.note(failure, self._request.model, attempt=attempt)
        if attempt >= failure.tries:
            raise failure.to_error() from None
        return failure

    def _attempt(self) -> Iterator[Event]:
        self.within(self._limits.first_event_s, self._claude.slots.acquire)
        self.tally.send()
        try:
            yield from self._streamed() if self._request.is_streamed else self._whole()
        finally:
            self._claude.slots.release()

    def _streamed(self) -> Iterator[Event]:
        deadline = monotonic() + self._limits.total_s
        asked = self._claude.params(self._request)
        send: Callable[[], Any] = partial(self._claude.client.messages.create, stream=True, **asked)
        stream = self.within(self._limits.first_event_s, send)
        try:
            refuse_other_than(stream.response, "text/event-stream")
            yield from self._events(stream, deadline)
        finally:
            stream.close()

    def _whole(self) -> Iterator[Event]:
        """Ask for the reply in one piece: nothing is known of it before all of it is there."""
        asked = self._claude.params(self._request)
        send = self._claude.client.messages.with_raw_response.create
        response = self.within(self._limits.total_s, partial(send, timeout=timeouts(self._limits.total_s), **asked))
        try:
            refuse_other_than(response.http_response, "application/json")
            message = from_json(response.read().decode())
        finally:
            response.http_response.close()
        for event in whole(message, response.request_id, self._ms()):
            self.tally.add(event)
            yield event

    def _ms(self) -> int:
        return round(1000 * (monotonic() - self._began_s))

    def _events(self, stream: Any, deadline: float) -> Iterator[Event]:
        """Give the events of one attempt; blocks are held back until the first delta, for a retry to replace.

        Where the attempt fails before that, they are given as events of no reply.
        """
        held: list[Event] = []
        try:
            for event in self._read(stream, deadline):
                if not self._has_shown and isinstance(event, BlockStart | BlockStop | MessageDelta):
                    held.append(event)
                    continue
                if not isinstance(event, MessageStart):
                    self._has_shown = True
                    yield from held
                    held = []
                yield event
        except Exception:
            yield from map(Void, held)
            raise

    def _read(self, stream: Any, deadline: float) -> Iterator[Event]:
        """Give the events as they come, up to ``message_stop``, under the watchdogs."""
        text_bytes, gap_s = 0, self._limits.first_event_s
        read = partial(next, events(stream.response, self._began_s), _END)
        while True:
            event = self.within(min(gap_s, deadline - monotonic()), read)
            if event is _END:
                raise Truncated
            gap_s = self._limits.event_gap_s
            if isinstance(event, TextDelta | ThinkingDelta):
                text_bytes += len(event.text)
            if text_bytes > self._limits.text_bytes:
                raise TooLarge
            if event is not None:
                self.tally.add(event)
                yield event
            if isinstance(event, MessageStop):
                return
