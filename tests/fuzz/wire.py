"""Fuzzed: what reads the bytes that come from Claude, or from whatever stands in its place.

Each target takes any bytes, and raises where something is so that may never be.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import httpx2

from app.adapters.claude_errors import classify
from app.adapters.claude_wire import Meter, events, whole
from app.core.assembly import Assembly
from app.core.errors import Upstream
from app.core.events import Event, coalesce, from_entry, to_entry
from app.core.text import from_json
from app.core.timeline import timeline
from app.core.trace import Trace
from app.core.wire import parts, raw


def upstream(data: bytes) -> None:
    """Read a stream of any bytes as Claude's: it gives events that can be kept and shown, or an error of ours."""
    response = httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_Chunks(data))
    _keep([event for event in _given(lambda: events(response, 0.0)) if event is not None])


def in_one_piece(data: bytes) -> None:
    """Read any JSON as a reply that was not streamed."""
    _keep(_given(lambda: whole(from_json(data.decode()), None, 0)))


def _given(read: Callable[[], Iterable[Event | None]]) -> list[Any]:
    """Read to the end or to an error, which has to be one that means something."""
    found: list[Any] = []
    try:
        found.extend(read())
    except Exception as error:
        judged = classify(error, model="m", at=datetime.now()).to_error()
        if not isinstance(judged, Upstream):
            raise
    return found


def _keep(found: list[Event]) -> None:
    """Do with the events what the journal, the message and Show stream do, in both forms in which they are kept."""
    assembly, trace = Assembly(), Trace()
    for event in coalesce(found):
        assert from_entry(*to_entry(event)) == event
        assembly.add(event)
        trace.add(event)
        for part in parts(event):
            json.dumps(raw(part), ensure_ascii=False, allow_nan=False).encode()
    json.dumps(assembly.content, ensure_ascii=False).encode()
    assembly.text.encode()
    timeline(Trace.load(trace.dump()).events(assembly.content))


class _Chunks(httpx2.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._meter = Meter(_Pieces(data), 10_000, 100_000)

    def __iter__(self):
        return iter(self._meter)

    def close(self) -> None:
        """Nothing is open."""


class _Pieces:
    """Bytes in pieces, whose length each says the piece before."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self):
        data = self._data
        while data:
            length = 1 + data[0] % 64
            yield data[:length]
            data = data[length:]

    def close(self) -> None:
        """Nothing is open."""


TARGETS = (upstream, in_one_piece)


def every(data: bytes) -> None:
    """Give an input to one of all, which its first byte names: a short run then starts one process."""
    TARGETS[data[0] % len(TARGETS) if data else 0](data[1:])
