"""Server-sent events: frames to bytes and back, and the cursor that comes back as Last-Event-ID."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")
_CURSOR = re.compile(r"([0-9a-f]{6})-([0-9]{1,9})")

#: Headers of every stream: no proxy may buffer, cache or compress it.
STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}


def encode(data: str, *, id: str | None = None, event: str | None = None, retry_s: float | None = None) -> bytes:
    """Write one event; line ends in ``data`` arrive as ``\\n``; ``retry_s`` is when to connect again after the end.

    Splits at CRLF, CR and LF only (WHATWG HTML, 9.2.6): ``str.splitlines`` would also split at U+2028.
    """
    head = f"event: {event}\n" if event else ""
    head += f"id: {id}\n" if id else ""
    head += f"retry: {round(1000 * retry_s)}\n" if retry_s is not None else ""
    body = "".join(f"data: {line}\n" for line in _LINE_END.split(data))
    return f"{head}{body}\n".encode()


def decode(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Cut bytes, as they come, into events: the name, and the data, each empty where there is none.

    Takes every line end that WHATWG HTML, 9.2.6, allows. An event without a blank line after it was never sent.
    """
    held, is_after_return = bytearray(), False
    for chunk in chunks:
        if is_after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            is_after_return = False
        if b"\r" in chunk:
            is_after_return = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        elif chunk:
            is_after_return = False
        start = max(0, len(held) - 1)
        held += chunk
        if held.find(b"\n\n", start) < 0:
            continue
        *events, rest = bytes(held).split(b"\n\n")
        held = bytearray(rest)
        for event in events:
            yield _read(event)


def _read(event: bytes) -> tuple[str, str]:
    name, data = b"", []
    for line in event.split(b"\n"):
        key, _colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value
    return name.decode(), b"\n".join(data).decode()


@dataclass(frozen=True, slots=True)
class Cursor:
    """How much of one live view a reader has: the view's own id, and the version it was shown."""

    view: str
    version: int

    def __str__(self) -> str:
        return f"{self.view}-{self.version}"

    @classmethod
    def parse(cls, text: str | None) -> "Cursor | None":
        """Read a cursor; anything else than what Rill wrote is None."""
        match = _CURSOR.fullmatch(text or "")
        return cls(match[1], int(match[2])) if match else None
