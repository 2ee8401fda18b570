"""Two processes on one database: what one leaves, the other takes up."""

from collections.abc import Callable
from contextlib import suppress

import gevent
import psycopg
import pytest
from flask import Flask
from gevent.event import Event as Flag
from sqlalchemy import text, update

from app.adapters.models import LOCAL_OWNER, Message
from app.chat import conversations, keeper, leases
from app.core.events import BlockStart, MessageStart, TextDelta
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until, until_idle, until_written

MakeApp = Callable[..., Flask]
HALF = [MessageStart("c"), BlockStart(0, {"type": "text", "text": ""}), TextDelta(0, "Half")]


@pytest.fixture
def two(make_app: MakeApp) -> tuple[Services, Services]:
    """Give two processes."""
    return make_app().extensions["rill"], make_app().extensions["rill"]


def begin(services: Services, words: str = "Half") -> Message:
    """Ask something, and wait until a text is written, or with none until the reply runs."""
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")
    services.runner.start(sent.reply)
    until(lambda: reply_of(services, sent.reply).status == "running")
    until_written(services, sent.reply.id, words)
    return sent.reply


def expire(services: Services) -> None:
    past = leases.fresh() - 2 * leases.LEASE_S
    services.db.write(lambda session: session.execute(update(Message).values(lease_until=past)))


def reply_of(services: Services, reply: Message) -> Message:
    return services.db.read(conversations.get_reply, LOCAL_OWNER, reply.id)


def test_ends_a_reply_that_a_silent_process_had(two: tuple[Services, Services], claude: ScriptedClaude) -> None:
    one, other = two
    claude.scripts.append([*HALF, Flag()])
    reply = begin(one)
    expire(one)

    other.keeper.tick()

    assert (reply_of(one, reply).status, reply_of(one, reply).text) == ("interrupted", "Half")


def test_ends_a_reply_that_a_frozen_process_has_locked(
    two: tuple[Services, Services], claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    if not one.db.is_shared:
        return
    monkeypatch.setattr(keeper, "FROZEN_S", 0.5)
    claude.scripts.append([*HALF, Flag()])
    reply = begin(one)
    expire(one)
    connecting = psycopg.connect(postgres_url(one), application_name="rill")
    with suppress(psycopg.OperationalError), connecting as frozen, frozen.pipeline():  # it is ended in there
        frozen.execute("UPDATE message SET last_seq = last_seq WHERE id = %s RETURNING id", [reply.id]).fetchone()
        until(lambda: is_frozen(one))

        until(lambda: other.keeper.tick() or reply_of(one, reply).status == "interrupted")

    assert reply_of(one, reply).text == "Half"


def postgres_url(services: Services) -> str:
    return services.db.url.set(drivername="postgresql").render_as_string(hide_password=False)


def is_frozen(services: Services) -> bool:
    """Say whether some connection is in the middle of a pipeline, where no time-out runs."""
    state = text(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        " AND wait_event = 'ClientRead'"
    )
    return bool(services.db.read(lambda session: session.scalar(state)))


def test_leaves_those_to_themselves_that_it_may_not_end(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> int:
        raise PermissionError

    monkeypatch.setattr(keeper, "end_frozen", refuse)
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")
    expire(services)

    services.keeper.tick()
    until_idle(services)

    assert reply_of(services, sent.reply).status == "done"


def test_makes_the_silent_process_let_go_of_claude(two: tuple[Services, Services], claude: ScriptedClaude) -> None:
    one, other = two
    go_on = Flag()
    claude.scripts.append([*HALF, go_on, TextDelta(0, " and more"), Flag()])
    reply = begin(one)
    expire(one)
    other.keeper.tick()

    go_on.set()  # it wakes up and writes on
    until_idle(one)

    assert claude.closed == 1
    assert reply_of(one, reply).text == "Half"


def test_notices_at_its_next_round_that_it_has_lost_a_reply(
    two: tuple[Services, Services], claude: ScriptedClaude
) -> None:
    one, other = two
    claude.scripts.append([*HALF, Flag()])
    begin(one)
    expire(one)
    other.keeper.tick()

    one.keeper.tick()
    until_idle(one)

    assert claude.closed == 1


def test_begins_a_reply_again_of_which_nothing_is_there(two: tuple[Services, Services], claude: ScriptedClaude) -> None:
    one, other = two
    claude.scripts += [[Flag()], saying("From the other.")]
    reply = begin(one, "")
    expire(one)

    other.keeper.tick()
    until(lambda: not other.runner.running)

    assert (reply_of(one, reply).status, reply_of(one, reply).text) == ("done", "From the other.")


def test_gives_back_what_has_not_begun_when_it_is_told_to_go(
    two: tuple[Services, Services], claude: ScriptedClaude
) -> None:
    one, other = two
    claude.scripts += [[Flag()], saying("From the other.")]
    reply = begin(one, "")
    one.runner.drain(0)
    assert reply_of(one, reply).status == "queued"

    other.keeper.tick()
    until(lambda: not other.runner.running)

    assert reply_of(one, reply).text == "From the other."
    assert len(claude.requests) == 2


def test_stops_a_reply_that_another_process_was_asked_to_stop(
    two: tuple[Services, Services], claude: ScriptedClaude
) -> None:
    one, other = two
    claude.scripts.append([*HALF, Flag()])
    reply = begin(one)

    other.db.write(leases.cancel, reply.id)
    one.keeper.stop_cancelled()
    until_idle(one)

    assert (reply_of(one, reply).status, reply_of(one, reply).text) == ("stopped", "Half")


def test_shows_a_reply_that_another_process_writes(two: tuple[Services, Services], claude: ScriptedClaude) -> None:
    one, other = two
    go_on, end = Flag(), Flag()
    claude.scripts.append([*HALF, TextDelta(0, " a loaf."), go_on, TextDelta(0, " And more.\n\n"), end])
    reply = begin(one)
    until(lambda: reply_of(one, reply).last_seq > 1)

    with other.live.view(reply.id) as view:
        assert "Half a" in view.blocks[0].html(cursor="|")
        go_on.set()
        until_written(one, reply.id, "And more.")
        gevent.sleep(0.5)  # longer than the feed may be silent
        other.live.poll()
        view.refresh()
        assert "And more." in view.blocks[0].html(cursor="|")

        one.runner.stop(reply.id)
        until_idle(one)
        gevent.sleep(0.5)
        other.live.poll()
        view.refresh()
        assert view.end is not None
        assert view.end.status == "stopped"


def test_ends_the_view_of_a_reply_that_is_gone(two: tuple[Services, Services], claude: ScriptedClaude) -> None:
    one, other = two
    claude.scripts.append([*HALF, Flag()])
    reply = begin(one)

    with other.live.view(reply.id) as view:
        one.db.write(lambda session: session.delete(session.get_one(Message, reply.id)))
        gevent.sleep(0.5)
        other.live.poll()
        view.refresh()

        assert view.end is not None
    one.runner.stop(reply.id)
    until_idle(one)


def test_leaves_a_reply_alone_that_is_about_to_begin(services: Services, claude: ScriptedClaude) -> None:
    """Between being taken on and being claimed, a run has no lease that could be lost."""
    claude.scripts.append(saying("Here."))
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")
    services.runner.start(sent.reply)  # its greenlet has not run yet

    services.keeper.tick()
    until(lambda: not services.runner.running)

    assert (reply_of(services, sent.reply).status, reply_of(services, sent.reply).text) == ("done", "Here.")


def test_takes_up_a_reply_of_its_own_that_nobody_writes(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("Here."))
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")
    services.db.write(leases.claim, sent.reply.id, 1, services.runner.worker)
    expire(services)

    services.keeper.tick()
    until(lambda: not services.runner.running)

    assert reply_of(services, sent.reply).status == "done"
