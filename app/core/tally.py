"""What a call to Claude is billed: each request, as Claude counted, or from above where it did not get to that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from time import monotonic
from typing import Any

from app.core.events import (
    BlockStart,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    TextDelta,
    ThinkingDelta,
)
from app.core.pricing import Tokens, most, weight
from app.core.request import MessagesRequest

#: Assumed: tokens a second that a model writes at most, and how long it takes to begin, in seconds.
_MOST_PER_S, _GRACE_S = 300.0, 0.3


@dataclass(frozen=True, slots=True)
class Bill:
    """How many requests a call sent, and what each took that was not refused."""

    requests: int = 0
    taken: tuple[Tokens, ...] = ()


@dataclass(slots=True)
class _Sent:
    """A request, and what came back of it; ``weight`` is what its text takes at most, in tokens.

    ``silent_s`` is how long nothing of the answer was to be read, in seconds; None as long as that lasts.
    """

    began_s: float
    silent_s: float | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    weight: float = 0.0
    is_complete: bool = False
    is_refused: bool = False


class Tally:
    """Counts while a call goes on; ``bill`` says at any time what it took so far."""

    def __init__(self, request: MessagesRequest, clock: Callable[[], float] = monotonic) -> None:
        self._request, self._clock = request, clock
        self._sent: list[_Sent] = []

    @property
    def bill(self) -> Bill:
        """What is to be paid if nothing more comes."""
        return Bill(len(self._sent), tuple(self._taken(sent) for sent in self._sent if not sent.is_refused))

    def send(self) -> None:
        """A request goes out."""
        if self._sent:
            self._end_silence(self._sent[-1])
        self._sent.append(_Sent(self._clock()))

    def refuse(self) -> None:
        """The last one was refused by its status, or reached nobody: it is not billed."""
        self._sent[-1].is_refused = True

    def add(self, event: Event) -> None:
        """Take in what came back of the last one."""
        sent = self._sent[-1]
        match event:
            case MessageStart() | MessageDelta():
                sent.usage.update(event.usage)
            case TextDelta() | ThinkingDelta():
                sent.weight += weight(event.text)
                if isinstance(event, TextDelta):
                    self._end_silence(sent)
            case BlockStart():
                sent.weight += _weight(event.block)
            case OtherDelta():
                sent.weight += _weight(event.delta)
            case MessageStop():
                sent.is_complete = True
            case _:
                pass

    def _taken(self, sent: _Sent) -> Tokens:
        """Give what a request took: once it was accepted, its prompt is billed, and what was written till it broke off.

        What was thought before the first word is not all shown, but billed: of that only the time is known.
        Of one that is answered in one piece nobody sees how far it got, so it counts in full.
        """
        counted = Tokens.of(sent.usage)
        if sent.is_complete and counted.prompt and counted.output:
            return counted
        reserved = most(self._request)
        if not self._request.is_streamed and not sent.is_complete:
            return reserved
        written = min(ceil(sent.weight + self._thought(sent)), reserved.output)
        return replace(counted if counted.prompt else reserved, output=max(counted.output, written))

    def _end_silence(self, sent: _Sent) -> None:
        if sent.silent_s is None:
            sent.silent_s = self._clock() - sent.began_s

    def _thought(self, sent: _Sent) -> float:
        """Estimate from above how many tokens were thought that nobody was shown: newer models do so unasked."""
        silent_s = self._clock() - sent.began_s if sent.silent_s is None else sent.silent_s
        return _MOST_PER_S * max(0.0, silent_s - _GRACE_S)


def _weight(values: Mapping[str, Any]) -> float:
    """Weigh all texts of a block or a delta, whatever they are: they were written, so they are billed."""
    return sum(weight(value) for name, value in values.items() if name != "type" and isinstance(value, str))
