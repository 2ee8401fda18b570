"""What the events of a reply say when they are put in a row: rows to read, figures, gaps and retries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core import wire
from app.core.events import (
    BlockStart,
    End,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    Retrying,
    TextDelta,
    ThinkingDelta,
)
from app.core.trace import size

#: Silence that a person notices, in milliseconds, once text flows.
STALL_MS = 1_000

_Delta = TextDelta | ThinkingDelta | OtherDelta


@dataclass(slots=True)
class Row:
    """One event, or neighbouring deltas of one type and block: numbers from 1, times in milliseconds.

    ``type`` is the event's own, and empty for a retry, which is Rill's; ``detail`` is what matters in it.
    """

    number: int
    type: str
    detail: str
    index: int | None
    at_ms: int
    until_ms: int
    bytes: int
    count: int = 1
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nothing came: from when, and how long, in milliseconds."""

    at_ms: int
    ms: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens as one event gave them: cumulative, by name."""

    type: str
    at_ms: int
    tokens: dict[str, int]


@dataclass(slots=True)
class Timeline:
    """The events of a reply, summed up; ``end_ms`` is when it ended, or up to when it is looked at."""

    rows: list[Row] = field(default_factory=list)
    retries: list[tuple[int, Retrying]] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    arrivals: list[tuple[int, int]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    request_id: str | None = None
    is_complete: bool = False
    end_ms: int = 0

    @property
    def count(self) -> int:
        """How many events Claude sent."""
        return sum(row.count for row in self.rows if row.type)

    @property
    def bytes(self) -> int:
        """How many bytes they have, as JSON."""
        return sum(row.bytes for row in self.rows)

    @property
    def characters(self) -> int:
        """How many characters of text and thinking came."""
        return sum(length for _at, length in self.arrivals)

    @property
    def first_ms(self) -> int | None:
        """When the first piece of text or thinking came."""
        return self.arrivals[0][0] if self.arrivals else None

    @property
    def last_ms(self) -> int:
        """When the last event came."""
        return max(self.times, default=0)

    @property
    def longest(self) -> Gap | None:
        """The longest time without an event, once text flowed."""
        return max(self.gaps, key=lambda gap: gap.ms, default=None)

    @property
    def stalls(self) -> list[Gap]:
        """The gaps that a person notices."""
        return [gap for gap in self.gaps if gap.ms >= STALL_MS]

    @property
    def output_tokens(self) -> int | None:
        """How many tokens Claude wrote, which it says at the end."""
        said = [usage.tokens.get("output_tokens") for usage in self.usages if usage.type == "message_delta"]
        return said[-1] if said else None

    @property
    def tokens_per_character(self) -> float | None:
        """How many tokens a character is, on average of the whole reply."""
        tokens = self.output_tokens
        return tokens / self.characters if tokens and self.characters else None

    def per_second(self) -> float | None:
        """How many characters came a second, from the first piece to the last; None where that is too short to say."""
        if len(self.arrivals) < 2:
            return None
        (first_ms, first), (last_ms, _last) = self.arrivals[0], self.arrivals[-1]
        seconds = (last_ms - first_ms) / 1000
        return (self.characters - first) / seconds if seconds >= 0.1 else None


def timeline(events: Iterable[tuple[int, Event]], *, until_ms: int = 0) -> Timeline:
    """Sum up the events of a reply, each with when it came, in milliseconds.

    Up to ``until_ms`` nothing more came of a reply that has no ``message_stop``.
    """
    found = Timeline()
    for number, (at, event) in enumerate(events, 1):
        if found.arrivals and at > found.times[-1]:
            found.gaps.append(Gap(found.times[-1], at - found.times[-1]))
        found.times.append(at)
        _add_row(found.rows, number, at, event)
        _take(found, at, event)
    found.end_ms = found.last_ms if found.is_complete else max(found.last_ms, until_ms)
    if found.arrivals and found.end_ms > found.last_ms:
        found.gaps.append(Gap(found.last_ms, found.end_ms - found.last_ms))
    return found


def growth(usages: Sequence[Usage]) -> list[tuple[str, list[int | None]]]:
    """Write the usage of each event as one table: a name, and its value in each of them."""
    names = dict.fromkeys(name for usage in usages for name in usage.tokens)
    return [(name, [usage.tokens.get(name) for usage in usages]) for name in names]


def piece(event: Event) -> str:
    """Give the text that an event carries, if it does."""
    match event:
        case TextDelta() | ThinkingDelta():
            return event.text
        case OtherDelta():
            return str(event.delta.get("partial_json") or "")
        case _:
            return ""


def _take(found: Timeline, at: int, event: Event) -> None:
    match event:
        case TextDelta() | ThinkingDelta():
            found.arrivals.append((at, len(event.text)))
        case MessageStart():
            found.request_id = event.request_id
            found.usages.append(Usage("message_start", at, _flat(event.usage)))
        case MessageDelta():
            found.usages.append(Usage("message_delta", at, _flat(event.usage)))
        case MessageStop():
            found.is_complete = True
        case Retrying():
            found.retries.append((at, event))
        case _:
            pass


def _add_row(rows: list[Row], number: int, at: int, event: Event) -> None:
    raw = wire.raw(event)
    row = Row(number, "", "", getattr(event, "index", None), at, at, 0)
    if raw is not None:
        row.type, row.bytes = raw["type"], size(raw)
    row.detail = raw["delta"].get("type", "") if raw and isinstance(event, _Delta) else _detail(event)
    row.characters = len(piece(event))
    last = rows[-1] if rows else None
    if last and isinstance(event, _Delta) and (last.type, last.detail, last.index) == (row.type, row.detail, row.index):
        last.count, last.until_ms = last.count + 1, at
        last.bytes, last.characters = last.bytes + row.bytes, last.characters + row.characters
        return
    rows.append(row)


def _detail(event: Event) -> str:
    match event:
        case MessageStart():
            return event.model
        case BlockStart():
            return " ".join(str(event.block[key]) for key in ("type", "name") if event.block.get(key))
        case MessageDelta():
            return event.stop_reason or ""
        case Retrying():
            return f"{event.code or 'no answer'}, attempt {event.attempt} of {event.attempts}"
        case End():
            return event.status
        case _:
            return ""


def _flat(usage: dict[str, Any], before: str = "") -> dict[str, int]:
    """Give the figures of usage, those inside others under both names."""
    found: dict[str, int] = {}
    for name, value in usage.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        elif isinstance(value, int) and not isinstance(value, bool):
            found[f"{before}{name}"] = value
    return found
