"""How a reply is written for programs: as server-sent events, or as bare text."""

import json
from collections.abc import Iterable
from errno import EPIPE
from typing import Any, Protocol

from app.core import wire
from app.core.assembly import Assembly
from app.core.errors import RillError
from app.core.events import BlockStart, Event, TextDelta
from app.core.sse import STREAM_HEADERS, encode
from app.web import api_errors


class Source(Protocol):
    """What a reply is read from: ``chat.direct.Direct``, or ``chat.followed.Followed``."""

    assembly: Assembly
    error: RillError | None
    is_over: bool
    is_stopped: bool
    about: dict[str, str]

    def read(self, timeout_s: float) -> list[Event]:
        """Wait for what comes next."""

    def close(self) -> None:
        """Break it off."""


class Form(Protocol):
    """A way to write a reply."""

    headers: dict[str, str]

    def pieces(self, events: Iterable[Event]) -> bytes:
        """Write what came."""

    def beat(self) -> bytes:
        """Write a sign of life."""

    def last(self, source: Source) -> bytes:
        """Write the end of a reply that is complete."""

    def error(self, error: RillError) -> bytes:
        """Write why it broke off; raises where the form has no words for that."""


class ServerSentEvents:
    """``data: {"text": …}`` for each piece, the figures, and ``data: [DONE]``; perhaps the six events as they came."""

    headers = {**STREAM_HEADERS, "Cache-Control": "no-cache, no-store, no-transform"}

    def __init__(self, *, has_events: bool) -> None:
        self._has_events = has_events

    def pieces(self, events: Iterable[Event]) -> bytes:
        """Write what came: a frame for each piece of text."""
        return b"".join(map(self._piece, events))

    def beat(self) -> bytes:
        """Write a comment, which every client passes over."""
        return b":\n\n"

    def last(self, source: Source) -> bytes:
        """Write the figures, then the mark of the end."""
        return _data(figures(source)) + encode("[DONE]")

    def error(self, error: RillError) -> bytes:
        """Write the error; without the mark of the end nobody takes the reply for whole."""
        return _data(api_errors.of(error))

    def _piece(self, event: Event) -> bytes:
        raw = wire.raw(event) if self._has_events else None
        written = encode(json.dumps(raw, ensure_ascii=False), event=raw["type"]) if raw else b""
        if text := _text(event):
            written += _data({"text": text})
        return written


class PlainText:
    """The bare text. One that breaks off ends without the last chunk, so that it is not taken for whole."""

    headers = {**ServerSentEvents.headers, "Content-Type": "text/plain; charset=utf-8"}

    def pieces(self, events: Iterable[Event]) -> bytes:
        """Write what came."""
        return "".join(map(_text, events)).encode()

    def beat(self) -> bytes:
        """Write nothing: there is nothing a reader would not see."""
        return b""

    def last(self, source: Source) -> bytes:
        """Write nothing more."""
        return b""

    def error(self, error: RillError) -> bytes:
        """Break the connection: raises BrokenPipeError, which the server takes for a reader that left."""
        raise BrokenPipeError(EPIPE, "broken off") from error


def figures(source: Source) -> dict[str, Any]:
    """Give what is said of a complete reply."""
    assembly = source.assembly
    return {
        "usage": assembly.usage,
        "model": assembly.model,
        "stop_reason": assembly.stop_reason,
        "id": assembly.id,
        **source.about,
    }


def _text(event: Event) -> str:
    """Give the piece of text that an event carries; a block may come with the first of its own."""
    if isinstance(event, TextDelta):
        return event.text
    if isinstance(event, BlockStart) and event.block.get("type") == "text":
        return str(event.block.get("text") or "")
    return ""


def _data(content: dict[str, Any]) -> bytes:
    return encode(json.dumps(content, ensure_ascii=False))
