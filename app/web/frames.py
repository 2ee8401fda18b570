"""From a live view to what a reader is sent: frames for htmx, and plain HTML for a browser without it."""

from collections.abc import Callable, Iterator
from math import ceil
from time import monotonic

import gevent
from jinja2 import Environment
from markupsafe import Markup

from app.chat.live import Block, LiveReply
from app.core.sse import Cursor, encode
from app.web.htmx import partial

#: Least time between two frames, in seconds: 25 a second, because painting is what costs a browser.
FRAME_S = 0.04
#: The “Reconnecting…” mark appears 8 s after it was last renewed (message.css), so it is renewed sooner.
BEAT_S = 5.0
#: A stream is ended and resumed now and then, so that no connection lives for ever.
ROTATE_S = 600.0
#: A plain page cannot take HTML back, only hide what it replaced, so it gets fewer steps.
PLAIN_FRAME_S = 0.25

#: After this long without anything new, the page says that Claude is still working.
SILENCE_S = 15.0

_BEAT = '<span class="beat">Reconnecting…</span>'


class Frames:
    """Renders the frames of one reader."""

    def __init__(self, view: LiveReply, env: Environment, *, is_alive: Callable[[], bool]) -> None:
        self._view, self._is_alive = view, is_alive
        self._block = env.get_template("replies/_block.html")
        self._shown_wait = ""
        self._beat_at = 0.0

    def stream(self, cursor: Cursor | None) -> Iterator[bytes]:
        """Give server-sent events from ``cursor`` on, until the reply ends or the worker has to go."""
        view, started = self._view, monotonic()
        is_known = cursor is not None and cursor.view == view.id and cursor.version <= view.version
        since = cursor.version if cursor and is_known else view.version
        html = self._since(since) if is_known else self._reset()
        while True:
            version = view.version
            if html := html + self._wait() + self._beat():
                yield encode(html, id=str(Cursor(view.id, version)))
            if view.end:
                yield encode("done", event="done")
                return
            gevent.sleep(FRAME_S)
            self._await_change(version)
            if not self._is_alive() or monotonic() - started > ROTATE_S:
                return
            html = self._since(version)

    def _await_change(self, version: int) -> None:
        """Wait for something new, and at most a second: then the countdown or the beat may be due."""
        self._view.refresh()
        if self._view.version == version:
            self._view.changed.wait(1)
            self._view.refresh()

    def _reset(self) -> Markup:
        html = Markup().join(self._render(place, block) for place, block in enumerate(self._view.blocks))
        return partial("#r", html)

    def _since(self, version: int) -> Markup:
        return Markup().join(self._changes(place, block, version) for place, block in enumerate(self._view.blocks))

    def _changes(self, place: int, block: Block, since: int) -> Markup:
        if block.opened_at > since:
            return partial("#r", self._render(place, block), swap="beforeend")
        tail = f"#t{place}"
        sealed = "".join(html for version, html in block.sealed if version > since)
        if block.tail is None:
            return partial(tail, sealed, swap="outerHTML") if block.tail_at > since else Markup()
        html = partial(tail, sealed, swap="beforebegin") if sealed else Markup()
        return html + partial(tail, block.tail) if block.tail_at > since else html

    def _render(self, place: int, block: Block) -> Markup:
        html = self._block.render(type=block.type, label=block.label, html=block.html, tail=block.tail, id=f"t{place}")
        return Markup(html)

    def _wait(self) -> Markup:
        text = wait_text(self._view)
        if text == self._shown_wait:
            return Markup()
        html = partial("#w", text, swap="textContent")
        if bool(text) != bool(self._shown_wait):  # said once, without the countdown
            html += partial("#status", "Claude is busy, still waiting…" if text else "Answering…", swap="textContent")
        self._shown_wait = text
        return html

    def _beat(self) -> Markup:
        if monotonic() < self._beat_at + BEAT_S:
            return Markup()
        self._beat_at = monotonic()
        return partial("#k", _BEAT, swap="innerHTML")


class Plain:
    """Renders one reply as HTML that only ever grows, for a browser without scripts.

    Each unfinished end follows the one before it; the stylesheet shows the last one only.
    """

    def __init__(self, view: LiveReply, env: Environment, *, is_alive: Callable[[], bool]) -> None:
        self._view, self._is_alive = view, is_alive
        self._block = env.get_template("replies/_block.html")
        self._place = self._sealed = 0
        self._is_open = False
        self._tail = ""

    def stream(self) -> Iterator[str]:
        """Give HTML until the reply ends."""
        while self._is_alive():
            self._view.refresh()
            yield from self._grow()
            if self._view.end:
                return
            gevent.sleep(PLAIN_FRAME_S)

    def _grow(self) -> Iterator[str]:
        while self._place < len(self._view.blocks):
            block = self._view.blocks[self._place]
            if block.type in ("text", "thinking"):
                yield self._more(block)
            elif block.tail is None:
                yield self._block.render(type=block.type, label=block.label, html="", tail=None, id="")
            if block.tail is not None:
                return
            self._place, self._sealed, self._is_open, self._tail = self._place + 1, 0, False, ""

    def _more(self, block: Block) -> str:
        html = "" if self._is_open else f'<div class="prose prose--{block.type}">'
        self._is_open = True
        html += "".join(sealed for _version, sealed in block.sealed[self._sealed :])
        self._sealed = len(block.sealed)
        if block.tail is None:
            return html + '<div class="tail"></div></div>'
        if block.tail != self._tail:
            html += f'<div class="tail">{block.tail}</div>'
        self._tail = block.tail
        return html


def wait_text(view: LiveReply) -> str:
    """Say why there is nothing to read yet, with a countdown, while a request is tried again."""
    if view.retrying is None:
        is_silent = view.end is None and monotonic() - view.grew_at >= SILENCE_S
        return "Claude is still working…" if is_silent else ""
    event, until = view.retrying
    left = max(0, ceil(until - monotonic()))
    when = f"in {left} s" if left else "now"
    return f"{event.reason} Trying again {when} (attempt {event.attempt} of {event.attempts})."
