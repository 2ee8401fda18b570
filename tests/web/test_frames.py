"""What a reader is sent: all of it, whoever else looks meanwhile."""

from collections.abc import Iterator

import gevent
import pytest
from flask import Flask

from app.adapters.feed import Entry, Feed
from app.chat.live import LiveReply
from app.core.events import BlockStart, BlockStop, End, Event, TextDelta, ThinkingDelta, to_entry
from app.core.sse import Cursor
from app.web import frames
from app.web.backpressure import PIECE, in_pieces
from app.web.frames import Frames, Plain

WORDS = [f"w{n}w" for n in range(600)]
TEXT = BlockStart(0, {"type": "text", "text": ""})


class Reply:
    """A reply that is written by hand."""

    def __init__(self) -> None:
        self.feed = Feed()
        self.view = LiveReply(self.feed.subscribe("r"), lambda _seq: [])
        self._seq = 0

    def say(self, *events: Event) -> None:
        """Commit some events together."""
        first = self._seq + 1
        self._seq += len(events)
        self.feed.publish("r", [Entry(n, *to_entry(event)) for n, event in enumerate(events, first)])


@pytest.fixture
def reply() -> Reply:
    """Give a reply of which nothing is written."""
    return Reply()


def missing(html: str) -> list[str]:
    return [word for word in WORDS if word not in html]


def text_of(frames: Iterator[bytes]) -> str:
    return b"".join(frames).decode()


def test_lacks_nothing_that_was_rendered_beside_a_later_block(app: Flask, reply: Reply) -> None:
    reply.say(BlockStart(0, {"type": "thinking", "thinking": ""}), ThinkingDelta(0, "Let me see. "))
    reply.view.refresh()
    rest = [ThinkingDelta(0, " ".join(WORDS)), BlockStop(0), BlockStart(1, TEXT.block), TextDelta(1, "Hello.")]
    reply.say(*rest)
    other = gevent.spawn(reply.view.refresh)
    gevent.sleep(0)

    assert reply.view.blocks[0].is_behind  # that one is in the middle of it
    page = "".join(block.html() for block in reply.view.blocks)
    cursor = Cursor(reply.view.id, reply.view.version)
    other.join()
    reply.say(TextDelta(1, " And the rest."), BlockStop(1), End("done"))

    assert missing(page)
    assert missing(page + text_of(Frames(reply.view, app.jinja_env, is_alive=lambda: True).stream(cursor))) == []


def test_writes_more_of_the_last_block_only(app: Flask, reply: Reply) -> None:
    reply.say(TEXT, TextDelta(0, "One. "), BlockStop(0), BlockStart(1, TEXT.block), TextDelta(1, "Two. "))
    reply.view.refresh()
    cursor = Cursor(reply.view.id, reply.view.version)
    reply.say(TextDelta(1, "Three."), BlockStop(1), End("done"))

    sent = text_of(Frames(reply.view, app.jinja_env, is_alive=lambda: True).stream(cursor))

    assert ("One." in sent, "Two." in sent, "Three." in sent) == (False, False, True)


def test_grows_to_the_end_where_others_look_while_it_is_sent(app: Flask, reply: Reply) -> None:
    plain = Plain(reply.view, app.jinja_env, is_alive=lambda: True).stream()
    reply.say(TEXT, TextDelta(0, "One two. "))
    sent = [next(plain)]  # it is on its way
    reply.say(TextDelta(0, "Three four."), BlockStop(0), BlockStart(1, TEXT.block), TextDelta(1, "Five."), End("done"))
    reply.view.refresh()

    html = "".join([*sent, *plain])

    assert ("Three four." in html, "Five." in html) == (True, True)
    assert html.count("<div") == html.count("</div>")


def test_grows_to_the_end_of_what_is_still_being_rendered(app: Flask, reply: Reply) -> None:
    reply.say(TEXT, TextDelta(0, " ".join(WORDS)), BlockStop(0), End("done"))
    other = gevent.spawn(reply.view.refresh)
    gevent.sleep(0)
    assert reply.view.blocks[0].is_behind

    assert missing("".join(Plain(reply.view, app.jinja_env, is_alive=lambda: True).stream())) == []
    other.join()


def test_sends_all_of_what_comes_to_an_end_while_a_frame_is_sent(app: Flask, reply: Reply) -> None:
    reply.say(TEXT, TextDelta(0, "One two. "))
    reply.view.refresh()
    stream = Frames(reply.view, app.jinja_env, is_alive=lambda: True).stream(None)
    sent = [next(stream)]  # it is on its way
    reply.say(TextDelta(0, "Three four."), BlockStop(0), End("done"))
    reply.view.refresh()

    html = text_of(iter([*sent, *stream]))

    assert ("Three four." in html, 'class="whole"' in html) == (True, True)
    assert html.index("Three four.") < html.index('class="whole"') < html.index("event: done")


def test_shows_proxies_that_a_silent_page_without_scripts_lives(
    app: Flask, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "PLAIN_BEAT_S", 0.02)
    monkeypatch.setattr(frames, "PLAIN_FRAME_S", 0.01)
    plain = Plain(reply.view, app.jinja_env, is_alive=lambda: True).stream()
    reply.say(TEXT, TextDelta(0, "One two. "))

    assert "One two." in next(plain)
    assert [next(plain) for _beat in range(3)] == ["<!-- -->"] * 3


def test_gives_a_long_frame_in_pieces() -> None:
    pieces = list(in_pieces([b"x" * (2 * PIECE + 1), b"", b"y"]))

    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 1, 1]
    assert b"".join(pieces) == b"x" * (2 * PIECE + 1) + b"y"
