"""Server-sent events: frames to bytes, and the cursor that comes back as Last-Event-ID."""

import re
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
