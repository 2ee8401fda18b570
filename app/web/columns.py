"""The two columns of a comparison: each reply with its clock, on the page and in frames."""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from time import monotonic

import gevent
from flask import render_template
from markupsafe import Markup, escape

from app.adapters.clock import now
from app.adapters.models import Message
from app.chat import comparisons, conversations
from app.chat.comparisons import Compared
from app.chat.live import LiveReply
from app.core.events import LIVE
from app.core.sse import encode
from app.core.telling import comparison, tenths
from app.web import auth, htmx
from app.web.frames import BEAT, BEAT_S, COME_BACK_S, LEAVE_S, ROTATE_S, Stay, wait_text
from app.web.services import services

#: Least time between two frames, in seconds: each holds all of what grew.
FRAME_S = 0.25
#: A long reply is sent less often, so that no reader is sent more than this many characters a second.
PACE = 250_000


class Column:
    """One reply of a comparison; ``view`` is its live view while it is written."""

    def __init__(self, name: str, reply: Message, view: LiveReply | None = None) -> None:
        self.name, self.reply, self.view = name, reply, view
        self._shown: int | None = -1

    @property
    def is_live(self) -> bool:
        """Whether it is still being written."""
        return self.view is not None

    @cached_property
    def _journalled_s(self) -> float:
        """When its first word came, as the journal has it, or else as it was seen here first."""
        found = services().db.read(comparisons.first_word_s, self.reply.id)
        return self.total_s if found is None else found

    @property
    def first_s(self) -> float | None:
        """When its first word came, in seconds."""
        if self.view is None:
            return self.reply.first_token_s
        return self._journalled_s if self.view.has_text else None

    @property
    def total_s(self) -> float:
        """How long it took, or has taken so far, in seconds."""
        if self.view is None and self.reply.total_s is not None:
            return self.reply.total_s
        return ((self.reply.ended_at or now()) - self.reply.created_at).total_seconds()

    @property
    def clock(self) -> list[tuple[str, str]]:
        """What its clock shows: names and values."""
        total = tenths(self.total_s)
        first = tenths(self.first_s) if self.first_s is not None else f"Waiting… {total}" if self.is_live else "none"
        if self.is_live:
            return [("First word", first), ("Complete", f"{total} so far")]
        return [("First word", first), ("Complete" if self.reply.status == "done" else "Ended", total)]

    @property
    def note(self) -> str:
        """What there is to say of it besides."""
        return wait_text(self.view) if self.view else self.reply.note

    def follow(self) -> Markup:
        """Give what a reader lacks: always the clock, and the text if it changed."""
        if self.view is not None:
            self.view.refresh()
            if self.view.end:
                self._end()
        html = self._part("clock")
        version = self.view.version if self.view else None
        if version != self._shown:
            self._shown = version
            html += self._part("text")
        return html

    def _end(self) -> None:
        """Go over to what is stored, which is all of it."""
        reply = services().db.read(conversations.get_reply, auth.owner(), self.reply.id)
        if reply.status not in LIVE:
            self.reply, self.view = reply, None

    def _part(self, part: str) -> Markup:
        html = render_template(f"compare/_{part}.html", column=self)
        return htmx.partial(f"#{htmx.dom_id('compare', self.name, part)}", html)


def columns(compared: Compared, look: Callable[[Message], LiveReply]) -> list[Column]:
    """Make the columns; ``look`` gives the live view of a reply that is being written."""
    both = (("streamed", compared.streamed), ("whole", compared.whole))
    return [Column(name, reply, look(reply) if reply.status in LIVE else None) for name, reply in both]


def verdict(found: Sequence[Column]) -> str:
    """Compare what has ended; empty before that."""
    if any(column.is_live for column in found):
        return ""
    streamed, whole = ((column.first_s, column.total_s) for column in found)
    return comparison(streamed, whole, is_fair=all(column.reply.status == "done" for column in found))


def progress(found: Sequence[Column]) -> str:
    """Say how far they are, or what came of it."""
    live = [column.name for column in found if column.is_live]
    if len(live) == len(found):
        return "Both replies are being written."
    if live == ["whole"]:
        return "The streamed reply has ended; the one in one piece is still being written."
    return "The reply in one piece has ended; the streamed one is still being written." if live else verdict(found)


def frames(found: Sequence[Column], *, is_alive: Callable[[], bool]) -> Iterator[bytes]:
    """Give server-sent events until both replies have ended or it is time to go; each column is sent whole."""
    said = ""
    stay, beat_at = Stay(is_alive, most_s=ROTATE_S, leave_s=random.uniform(0, LEAVE_S)), 0.0
    while not stay.is_over():
        html = Markup().join(column.follow() for column in found)
        if (now_said := progress(found)) != said:
            said = now_said
            html += htmx.partial(f"#{htmx.dom_id('compare', 'verdict')}", escape(said), swap="textContent")
        if monotonic() > beat_at + BEAT_S:
            beat_at = monotonic()
            html += htmx.partial("#k", BEAT, swap="innerHTML")
        yield encode(html)
        if not any(column.is_live for column in found):
            yield encode("done", event="done")
            return
        gevent.sleep(max(FRAME_S, len(html) / PACE))
    yield encode("", event="leave", retry_s=random.uniform(*COME_BACK_S))
