"""Fuzzed: what reads the bytes that come from Claude, or from whatever stands in its place.

Each target takes any bytes, and raises where something is so that may never be.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime

import httpx2

from app.adapters.claude_errors import classify
from app.adapters.claude_wire import Meter, events, whole
from app.core.assembly import Assembly
from app.core.errors import Upstream
from app.core.trace import size
from app.core.wire import parts, raw


def upstream(data: bytes) -> None:
    """Read a stream of any bytes as Claude's: it gives events that can be kept and shown, or an error of ours."""
    response = httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_Chunks(data))
    assembly = Assembly()
    for event in _given(lambda: events(response, 0.0)):
        if event is not None:
            assembly.add(event)
            _keep(event)


def in_one_piece(data: bytes) -> None:
    """Read any JSON as a reply that was not streamed."""
    for event in _given(lambda: whole(json.loads(data), None, 0)):
        _keep(event)


def _given(read: Callable[[], Iterable[object]]) -> list[object]:
    """Read to the end or to an error, which has to be one that means something."""
    found: list[object] = []
    try:
        found.extend(read())
    except Exception as error:
        judged = classify(error, model="m", at=datetime.now()).to_error()
        if not isinstance(judged, Upstream):
            raise
    return found


def _keep(event: object) -> None:
    """Do with an event what the journal and Show stream do."""
    for part in parts(event):
        json.dumps(raw(part), ensure_ascii=False).encode("utf-8", "replace")
        size(raw(part) or {})


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
