"""What Claude said, as values: the six stream events, our own two, and their journal form.

A journal entry is ``(kind, body)``: ``kind`` names the class below, ``body`` is JSON of its fields.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from app.core.text import storable

Json = dict[str, Any]
Status = Literal["queued", "running", "done", "stopped", "interrupted", "failed", "refused"]

#: A reply in one of these is still being written.
LIVE: frozenset[str] = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class MessageStart:
    """``message_start``: who answers, and the first usage figures."""

    model: str
    request_id: str | None = None
    usage: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlockStart:
    """``content_block_start``: a block opens; ``block`` is exactly as received."""

    index: int
    block: Json


@dataclass(frozen=True, slots=True)
class TextDelta:
    """``content_block_delta`` of type ``text_delta``."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """``content_block_delta`` of type ``thinking_delta``."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class OtherDelta:
    """Any other ``content_block_delta``, exactly as received (tool input, signature, citation, unknown)."""

    index: int
    delta: Json


@dataclass(frozen=True, slots=True)
class BlockStop:
    """``content_block_stop``."""

    index: int


@dataclass(frozen=True, slots=True)
class MessageDelta:
    """``message_delta``: the stop reason, and usage so far (cumulative)."""

    stop_reason: str | None = None
    stop_details: Json | None = None
    usage: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageStop:
    """``message_stop``: Claude's reply is complete."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """Ours: the request failed before its first token; ``attempt`` of ``attempts`` starts in ``wait_s``."""

    attempt: int
    attempts: int
    wait_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """Ours, always the last entry of a journal: how the reply ended, and the sentence that goes with it."""

    status: str
    note: str = ""
    error_code: str | None = None


Event = (
    MessageStart
    | BlockStart
    | TextDelta
    | ThinkingDelta
    | OtherDelta
    | BlockStop
    | MessageDelta
    | MessageStop
    | Retrying
    | End
)

_KINDS: dict[str, type[Event]] = {
    "message_start": MessageStart,
    "block_start": BlockStart,
    "text": TextDelta,
    "thinking": ThinkingDelta,
    "delta": OtherDelta,
    "block_stop": BlockStop,
    "message_delta": MessageDelta,
    "message_stop": MessageStop,
    "retrying": Retrying,
    "end": End,
}
_NAMES = {cls: kind for kind, cls in _KINDS.items()}


def to_entry(event: Event) -> tuple[str, str]:
    """Turn an event into its journal form: kind and JSON body."""
    return _NAMES[type(event)], storable(json.dumps(asdict(event), ensure_ascii=False, separators=(",", ":")))


def from_entry(kind: str, body: str) -> Event:
    """Turn a journal entry back into the event; ``from_entry(*to_entry(e)) == e``."""
    event: Event = _KINDS[kind](**json.loads(body))
    return event


def coalesce(events: Iterable[Event]) -> Iterator[Event]:
    """Join neighbouring deltas of the same kind and block, so that a tick writes few rows."""
    held: TextDelta | ThinkingDelta | None = None
    for event in events:
        if isinstance(event, TextDelta | ThinkingDelta):
            if held is not None and type(held) is type(event) and held.index == event.index:
                held = replace(held, text=held.text + event.text)
                continue
            if held is not None:
                yield held
            held = event
            continue
        if held is not None:
            yield held
            held = None
        yield event
    if held is not None:
        yield held
