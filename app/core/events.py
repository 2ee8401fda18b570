"""What Claude said, as values: the six stream events, our own three, and their journal form.

A journal entry is ``(kind, body)``: ``kind`` names the class below, ``body`` is JSON of its fields. ``at`` is when
an event came, in milliseconds since the request began, and ``more`` what it had that no other field holds, by the
names of the API; two events that differ in those alone are equal.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from app.core.text import storable

Json = dict[str, Any]
Status = Literal["queued", "running", "done", "stopped", "interrupted", "failed", "refused"]


def _at() -> int:
    """Declare the field for when an event came."""
    when: int = field(default=0, compare=False)
    return when


def _more() -> Json | None:
    """Declare the field for what an event had besides."""
    more: Json | None = field(default=None, compare=False)
    return more


#: A reply in one of these is still being written.
LIVE: frozenset[str] = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class MessageStart:
    """``message_start``: who answers, and the first usage figures; ``message`` is exactly as received."""

    model: str
    request_id: str | None = None
    usage: Json = field(default_factory=dict)
    at: int = _at()
    message: Json = field(default_factory=dict, compare=False)
    more: Json | None = _more()


@dataclass(frozen=True, slots=True)
class BlockStart:
    """``content_block_start``: a block opens; ``block`` is exactly as received."""

    index: int
    block: Json
    at: int = _at()
    more: Json | None = _more()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """``content_block_delta`` of type ``text_delta``, or several; ``marks`` has ``at:length`` and a space for each."""

    index: int
    text: str
    marks: str = field(default="", compare=False)
    more: Json | None = _more()


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """``content_block_delta`` of type ``thinking_delta``, or several, with marks as above."""

    index: int
    text: str
    marks: str = field(default="", compare=False)
    more: Json | None = _more()


@dataclass(frozen=True, slots=True)
class OtherDelta:
    """Any other ``content_block_delta``, exactly as received (tool input, signature, citation, unknown)."""

    index: int
    delta: Json
    at: int = _at()
    more: Json | None = _more()


@dataclass(frozen=True, slots=True)
class BlockStop:
    """``content_block_stop``."""

    index: int
    at: int = _at()
    more: Json | None = _more()


@dataclass(frozen=True, slots=True)
class MessageDelta:
    """``message_delta``: the stop reason, and usage so far (cumulative); ``delta`` is exactly as received."""

    stop_reason: str | None = None
    stop_details: Json | None = None
    usage: Json = field(default_factory=dict)
    at: int = _at()
    delta: Json = field(default_factory=dict, compare=False)
    more: Json | None = _more()


@dataclass(frozen=True, slots=True)
class MessageStop:
    """``message_stop``: Claude's reply is complete."""

    at: int = _at()
    more: Json | None = _more()


@dataclass(frozen=True, slots=True)
class Retrying:
    """Ours: the request failed before its first token; ``attempt`` of ``attempts`` starts in ``wait_s``.

    ``reason`` is for the person, ``code`` says what it was.
    """

    attempt: int
    attempts: int
    wait_s: float
    reason: str
    at: int = _at()
    code: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Void:
    """Ours: what Claude sent in an attempt that came to nothing; it is shown in the stream, and is in no reply."""

    sent: "Event"

    @property
    def at(self) -> int:
        """When it came."""
        at: int = getattr(self.sent, "at", 0)
        return at


@dataclass(frozen=True, slots=True)
class End:
    """Ours, always the last entry of a journal: how the reply ended, and the sentence that goes with it.

    ``retry_after_s`` is how long Claude asked to wait, in seconds.
    """

    status: str
    note: str = ""
    error_code: str | None = None
    retry_after_s: float | None = None


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
    | Void
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
    "void": Void,
    "end": End,
}
_FORMS = {cls: (kind, tuple(f.name for f in fields(cls))) for kind, cls in _KINDS.items()}


def to_entry(event: Event) -> tuple[str, str]:
    """Turn an event into its journal form: kind and JSON body."""
    kind, names = _FORMS[type(event)]
    body = {name: value for name in names if (value := getattr(event, name)) is not None or name != "more"}
    if isinstance(event, Void):
        body["sent"] = to_entry(event.sent)
    return kind, storable(json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def from_entry(kind: str, body: str) -> Event:
    """Turn a journal entry back into the event; ``from_entry(*to_entry(e)) == e``."""
    fields = json.loads(body)
    if kind == "void":
        return Void(from_entry(*fields["sent"]))
    event: Event = _KINDS[kind](**fields)
    return event


def coalesce(events: Iterable[Event]) -> Iterator[Event]:
    """Join neighbouring deltas of the same kind and block, so that a tick writes few rows."""
    held: list[TextDelta | ThinkingDelta] = []
    for event in events:
        is_delta = isinstance(event, TextDelta | ThinkingDelta)
        if held and not (is_delta and _is_alike(event, held[0])):
            yield _joined(held)
            held = []
        if isinstance(event, TextDelta | ThinkingDelta):
            held.append(event)
        else:
            yield event
    if held:
        yield _joined(held)


def _is_alike(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one.index == other.index and one.more == other.more


def _joined(deltas: list[TextDelta | ThinkingDelta]) -> TextDelta | ThinkingDelta:
    first = deltas[0]
    if len(deltas) == 1:
        return first
    return type(first)(first.index, "".join([d.text for d in deltas]), "".join([d.marks for d in deltas]), first.more)
