"""From a live view to what a reader is sent: frames for htmx, and plain HTML for a browser without it."""

import random
from collections.abc import Callable, Iterator
from math import ceil, inf
from time import monotonic

import gevent
from jinja2 import Environment, Template
from markupsafe import Markup

from app.chat.live import Block, LiveReply
from app.core.markdown import CURSOR, Reset
from app.core.sse import Cursor, encode
from app.web import htmx
from app.web.htmx import partial

#: The “Reconnecting…” mark appears 8 s after it was last renewed (message.css), so it is renewed sooner.
BEAT_S = 5.0
#: A stream is ended and resumed now and then, so that no connection lives for ever.
ROTATE_S = 600.0
#: When the worker has to go, its streams end within this long, in seconds, and come back after as long as this.
LEAVE_S = 3.0
COME_BACK_S = (0.3, 2.5)
PLAIN_BEAT_S = 15.0
#: A plain page cannot come back, so it stays for as long as replies may.
PLAIN_LEAVE_S = 16.0
#: A plain page cannot take HTML back, only hide what it replaced, so it gets fewer steps.
PLAIN_FRAME_S = 0.25
#: A block is sent again when it has grown by an eighth, so that a long one costs no more than nine times its size.
PLAIN_GROWTH = 1.125

#: After this long without anything new, the page says that Claude is still working.
SILENCE_S = 15.0

BEAT = '<span class="beat">Reconnecting…</span>'


class Stay:
    """How long a stream goes on: ``most_s``, or ``leave_s`` from when the worker was told to go; in seconds."""

    def __init__(self, is_alive: Callable[[], bool], *, most_s: float, leave_s: float) -> None:
        self._is_alive, self._leave_s = is_alive, leave_s
        self._until = monotonic() + most_s
        self._is_leaving = False

    def is_over(self) -> bool:
        """Whether it is time to end."""
        if not self._is_leaving and not self._is_alive():
            self._is_leaving = True
            self._until = min(self._until, monotonic() + self._leave_s)
        return monotonic() > self._until


class Frames:
    """Renders the frames of one reader."""

    def __init__(self, view: LiveReply, env: Environment, *, is_alive: Callable[[], bool]) -> None:
        self._view, self._is_alive = view, is_alive
        self._block = env.get_template("replies/_block.html")
        self._body = f"#{htmx.dom_id('reply', view.reply_id, 'body')}"
        self._shown_wait: str | None = None
        self._beat_at = 0.0

    def stream(self, cursor: Cursor | None) -> Iterator[bytes]:
        """Give server-sent events from ``cursor`` on, until the reply ends or it is time to go."""
        view, stay = self._view, Stay(self._is_alive, most_s=ROTATE_S, leave_s=random.uniform(0, LEAVE_S))
        is_known = cursor is not None and cursor.view == view.id and cursor.version <= view.version
        since = cursor.version if cursor and is_known else view.version
        html = self._since(since) if is_known else self._reset()
        html += partial("#offline", "", swap="delete")  # static/offline.html says that there is no connection
        while True:
            version, end = view.version, view.end  # as of now: while a frame is sent, others may take in more
            html += self._wait() + self._beat() + (self._last() if end else "")
            if html:
                yield encode(html, id=str(Cursor(view.id, version)))
            if end:
                yield encode("done", event="done")
                return
            if view.end is None:
                self._await_change(version)
            if stay.is_over():
                yield encode("", event="leave", retry_s=random.uniform(*COME_BACK_S))
                return
            html = self._since(version)

    def _await_change(self, version: int) -> None:
        """Wait for something new, or until there is something to say about the waiting."""
        self._view.refresh()
        if self._view.version == version:
            self._view.changed.wait(self._patience_s())
            self._view.refresh()

    def _patience_s(self) -> float:
        """Say how long until the countdown goes on, the beat is due, or Claude has been silent for long."""
        if self._view.retrying is not None:
            return 1.0
        until = self._beat_at + BEAT_S
        if not self._shown_wait:
            until = min(until, self._view.grew_at + SILENCE_S)
        return max(0.05, until - monotonic())

    def _reset(self) -> Markup:
        return self._view.shared("all", lambda: partial(self._body, blocks_html(self._view, self._block)))

    def _since(self, version: int) -> Markup:
        return self._view.shared(version, lambda: self._changes(version))

    def _changes(self, version: int) -> Markup:
        """Write what a reader lacks: more of the last block it has, and those after it.

        One that looked while earlier blocks were still being rendered gets everything.
        """
        blocks = self._view.blocks
        known = sum(block.opened_at <= version for block in blocks)
        if any(block.markdown.version > version for block in blocks[: max(0, known - 1)]):
            return self._reset()
        html = Markup()
        if known and blocks[known - 1].has_text:
            changed = blocks[known - 1].markdown.changes(version, is_last=known == len(blocks))
            if any(isinstance(change, Reset) for change in changed.changes):
                return self._reset()
            html = htmx.changes(changed) if changed else html
        if known < len(blocks):
            html += partial(self._body, blocks_html(self._view, self._block, start=known), swap="beforeend")
        return html

    def _last(self) -> Markup:
        """Say that the page has all of it, unless only the finished page has it right.

        Then the final swap leaves the text alone (``morphSkip``), and what is selected in it stays so.
        """
        return Markup() if self._view.is_late else partial(self._body, '<i class="whole"></i>', swap="beforeend")

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
        return partial("#k", BEAT, swap="innerHTML")


class Plain:
    """Renders one reply as HTML that only ever grows, for a browser without scripts.

    Each unfinished end follows the one before it; the stylesheet shows the last one only.
    """

    def __init__(self, view: LiveReply, env: Environment, *, is_alive: Callable[[], bool]) -> None:
        self._view, self._is_alive = view, is_alive
        self._block = env.get_template("replies/_block.html")
        self._place = self._closed = self._size = 0
        self._is_open = False

    def stream(self) -> Iterator[str]:
        """Give HTML until the reply ends."""
        stay, beat_at = Stay(self._is_alive, most_s=inf, leave_s=PLAIN_LEAVE_S), monotonic() + PLAIN_BEAT_S
        while not stay.is_over():
            self._view.refresh()
            end = self._view.end  # as of now: while HTML is sent, others may take in more
            for html in filter(None, self._grow()):
                beat_at = monotonic() + PLAIN_BEAT_S
                yield html
            if end:
                return
            if monotonic() > beat_at:  # proxies cut what is silent for a minute
                beat_at = monotonic() + PLAIN_BEAT_S
                yield "<!-- -->"
            gevent.sleep(PLAIN_FRAME_S)

    def _grow(self) -> Iterator[str]:
        while self._place < len(self._view.blocks):
            block = self._view.blocks[self._place]
            is_open = block.is_open
            if block.has_text:
                yield self._more(block)
            elif not is_open:
                yield self._block.render(block=block, html="")
            if is_open:
                return
            self._place, self._closed, self._size, self._is_open = self._place + 1, 0, 0, False

    def _more(self, block: Block) -> str:
        html = "" if self._is_open else f'<div class="prose prose--{block.type}">'
        self._is_open = True
        shown = block.markdown.blocks(self._closed, cursor=CURSOR if block.is_open else "")
        if not block.is_open:
            return f'{html}{"".join(shown)}<div class="tail"></div></div>'
        if len(shown) > 1:
            html += "".join(shown[:-1])
            self._closed, self._size = self._closed + len(shown) - 1, 0
        if shown and len(shown[-1]) > self._size * PLAIN_GROWTH:
            self._size = len(shown[-1])
            html += f'<div class="tail">{shown[-1]}</div>'
        return html


def blocks_html(view: LiveReply, template: Template, *, start: int = 0) -> str:
    """Render blocks from one on, with the cursor in the last."""
    last = len(view.blocks) - 1
    shown = enumerate(view.blocks[start:], start)
    return "".join(template.render(block=block, html=block.html(cursor=CURSOR * (n == last))) for n, block in shown)


def wait_text(view: LiveReply) -> str:
    """Say why there is nothing to read yet, with a countdown, while a request is tried again."""
    if view.retrying is None:
        is_silent = view.end is None and monotonic() - view.grew_at >= SILENCE_S
        return "Claude is still working…" if is_silent else ""
    event, until = view.retrying
    left = max(0, ceil(until - monotonic()))
    when = f"in {left} s" if left else "now"
    return f"{event.reason} Trying again {when} (attempt {event.attempt} of {event.attempts})."
