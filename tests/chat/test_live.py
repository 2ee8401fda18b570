"""Live views: many readers of one reply, each with a cursor."""

import gevent
from gevent.event import Event as Flag

from app.adapters.models import LOCAL_OWNER
from app.chat import conversations
from app.core.events import BlockStart, MessageStart, TextDelta
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import PATIENCE_S, until_idle, until_written


def begin(services: Services, claude: ScriptedClaude) -> tuple[str, Flag]:
    go_on = Flag()
    start = [MessageStart("c"), BlockStart(0, {"type": "text", "text": ""}), TextDelta(0, "One.\n\nTw")]
    claude.scripts.append([*start, go_on, TextDelta(0, "o. And more"), Flag()])
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")
    services.runner.start(sent.reply)
    until_written(services, sent.reply.id, "Tw")
    return sent.reply.id, go_on


def test_shows_what_was_journalled_before_the_reader_came(services: Services, claude: ScriptedClaude) -> None:
    reply_id, _go_on = begin(services, claude)

    with services.live.view(reply_id) as view:
        assert view.blocks[0].html() == '<p dir="auto">One.</p>'


def test_follows_what_is_committed_later(services: Services, claude: ScriptedClaude) -> None:
    reply_id, go_on = begin(services, claude)

    with services.live.view(reply_id) as view:
        before = view.version
        go_on.set()
        until_written(services, reply_id, "more")
        view.refresh()

        assert view.version > before
        assert view.blocks[0].html(cursor="|") == '<p dir="auto">One.</p><p dir="auto">Two. And|</p>'


def test_is_shared_by_readers_and_kept_for_the_next(services: Services, claude: ScriptedClaude) -> None:
    reply_id, _go_on = begin(services, claude)

    with services.live.view(reply_id) as one, services.live.view(reply_id) as two:
        assert one is two
        assert services.live.readers == 2
    with services.live.view(reply_id) as three:
        assert three is one


def test_reads_the_journal_where_the_feed_left_a_gap(services: Services, claude: ScriptedClaude) -> None:
    reply_id, go_on = begin(services, claude)

    with services.live.view(reply_id) as view:
        go_on.set()
        until_written(services, reply_id, "more")
        services.runner.stop(reply_id)
        until_idle(services)
        last = view.subscription.entries.pop()
        view.subscription.entries.clear()
        view.subscription.entries.append(last)
        view.refresh()

        assert view.end is not None
        assert "Two." in view.blocks[0].html()


def test_lets_others_have_their_turn_while_it_renders_much(services: Services, claude: ScriptedClaude) -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0.0001)

    start = [MessageStart("c"), BlockStart(0, {"type": "text", "text": ""})]
    claude.scripts.append([*start, TextDelta(0, "some *words* here\n\n" * 5_000), Flag()])
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")
    services.runner.start(sent.reply)
    until_written(services, sent.reply.id, "here")
    other = gevent.spawn(count)

    with services.live.view(sent.reply.id) as view:
        other.kill()
        assert view.blocks[0].html().count("<em>") == 5_000
    assert turns > 5


def test_ends_only_when_all_is_rendered(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("some *words* here\n\n" * 2_000))
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")
    found: list[int] = []

    def watch() -> None:
        with services.live.view(sent.reply.id) as view:
            while not view.end:
                view.refresh()
                gevent.sleep(0.001)
            found.append(view.blocks[0].html().count("<em>"))

    watchers = [gevent.spawn(watch) for _reader in range(3)]
    gevent.sleep(0.05)
    services.runner.start(sent.reply)
    gevent.joinall(watchers, timeout=PATIENCE_S)

    assert found == [2_000] * 3
