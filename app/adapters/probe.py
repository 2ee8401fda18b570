"""Reads a test stream as a browser would, from wherever this is run: what is on the way to a Rill."""

import re
from collections.abc import Iterator
from time import time
from urllib.error import URLError
from urllib.request import Request, urlopen

from app.core.diagnosis import PLAN, Finding, diagnose

#: How long nothing may come, in seconds, before the stream is given up.
_PATIENCE_S = 30
_TICK = re.compile(rb"event: tick-(\d+)")


def probe(url: str) -> list[Finding]:
    """Follow the test stream of the Rill at ``url``, and judge what arrived."""
    if not url.startswith(("http://", "https://")):
        return [Finding("Streaming", "bad", "The address must start with http:// or https://.")]
    start = time() + 1
    request = Request(
        f"{url.rstrip('/')}/doctor/stream/{start:.3f}",
        headers={"Accept": "text/event-stream", "Accept-Encoding": "gzip, deflate, br, zstd"},
    )
    delays: dict[int, float] = {}
    try:
        with urlopen(request, timeout=_PATIENCE_S) as response:
            kind, encoding = response.headers.get("Content-Type", ""), response.headers.get("Content-Encoding", "")
            if encoding:  # what is compressed is no text any more, and its arrival says nothing
                return diagnose({}, encoding=encoding)[-1:]
            if not kind.startswith("text/event-stream"):
                return [Finding("Streaming", "bad", f"{url} answers with {kind or 'nothing'}: is that a Rill?")]
            for tick in _ticks(response):
                delays[tick] = time() - start - PLAN[tick]
    except (URLError, OSError, ValueError) as error:
        if not delays:
            return [Finding("Streaming", "bad", f"{url} cannot be reached ({type(error).__name__}).")]
    return diagnose(delays, was_cut=len(PLAN) - 1 not in delays)


def _ticks(lines: Iterator[bytes]) -> Iterator[int]:
    for line in lines:
        if match := _TICK.match(line):
            tick = int(match[1])
            if tick >= len(PLAN):
                raise ValueError(tick)
            yield tick
