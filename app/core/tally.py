"""What a call to Claude is billed: each request, as Claude counted, or from above where it did not get to that."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
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


@dataclass(frozen=True, slots=True)
class Bill:
    """How many requests a call sent, and what each took that was not refused."""

    requests: int = 0
    taken: tuple[Tokens, ...] = ()


@dataclass(slots=True)
class _Sent:
    """A request, and what came back of it; ``weight`` is what its text takes at most, in tokens."""

    usage: dict[str, Any] = field(default_factory=dict)
    weight: float = 0.0
    is_complete: bool = False
    is_refused: bool = False


class Tally:
    """Counts while a call goes on; ``bill`` says at any time what it took so far."""

    def __init__(self, request: MessagesRequest) -> None:
        self._request = request
        self._sent: list[_Sent] = []

    @property
    def bill(self) -> Bill:
        """What is to be paid if nothing more comes."""
        return Bill(len(self._sent), tuple(self._taken(sent) for sent in self._sent if not sent.is_refused))

    def send(self) -> None:
        """A request goes out."""
        self._sent.append(_Sent())

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

        Of one that is answered in one piece nobody sees how far it got, so it counts in full.
        """
        counted = Tokens.of(sent.usage)
        if sent.is_complete and counted.prompt and counted.output:
            return counted
        reserved = most(self._request)
        if not self._request.is_streamed and not sent.is_complete:
            return reserved
        written = min(ceil(sent.weight), reserved.output)
        return replace(counted if counted.prompt else reserved, output=max(counted.output, written))


def _weight(values: Mapping[str, Any]) -> float:
    """Weigh all texts of a block or a delta, whatever they are: they were written, so they are billed."""
    return sum(weight(value) for name, value in values.items() if name != "type" and isinstance(value, str))
