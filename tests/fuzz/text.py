"""Fuzzed: what makes HTML and events of texts, and what reads the JSON of programs.

Each target takes any bytes, and raises where something is so that may never be.
"""

import json
from contextlib import suppress

from app.core import asked
from app.core.errors import Malformed
from app.core.markdown import CURSOR, Incremental, render, sanitise
from app.core.sse import Cursor, encode
from tests.core.markdown.test_safety import check
from tests.core.markdown.test_safety_families import read


def markdown(data: bytes) -> None:
    """Render a text whole and cut in two: both are safe, and end alike."""
    text = data.decode("utf-8", "replace")
    cut = len(text) * (data[-1] if data else 0) // 255
    html = render(text)
    growing = Incremental()
    steps = [growing.feed(text[:cut]), growing.feed(text[cut:]), growing.finish()]
    while growing.is_busy:
        steps.append(growing.feed())
    for found in {
        html,
        growing.html(),
        *(change.html.replace(CURSOR, "") for step in steps for change in step.changes),
    }:
        check(found)
        read(found)
    assert growing.is_late or growing.html() == html


def sanitiser(data: bytes) -> None:
    """Sanitise what a converter may have let through."""
    html = sanitise(data.decode("utf-8", "replace"))
    read(html)
    assert sanitise(html) == html


def cursors(data: bytes) -> None:
    """Read any text as a cursor, and write any text as an event: it stays one event."""
    text = data.decode("utf-8", "replace")
    found = Cursor.parse(text)
    assert found is None or str(found).partition("-")[0] == text.partition("-")[0]
    lines = encode(text).split(b"\n")
    assert lines[-2:] == [b"", b""]
    assert all(line.startswith(b"data: ") for line in lines[:-2])


def api(data: bytes) -> None:
    """Read the JSON of a request to the API: what is taken is made of known values, and can be sent."""
    with suppress(Malformed):
        found = asked.read(data)
        json.dumps(found.messages, ensure_ascii=False).encode()
        assert '"url"' not in json.dumps([block for message in found.messages or [] for block in _images(message)])


def _images(message: dict[str, object]) -> list[object]:
    content = message["content"]
    return [block["source"] for block in content if block["type"] == "image"] if isinstance(content, list) else []


TARGETS = (markdown, sanitiser, cursors, api)


def every(data: bytes) -> None:
    """Give an input to one of all, which its first byte names: a short run then starts one process."""
    TARGETS[data[0] % len(TARGETS) if data else 0](data[1:])
