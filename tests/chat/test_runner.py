"""Replies from start to end: what is stored, whatever happens on the way."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from flask import Flask
from gevent.event import Event as Flag
from sqlalchemy import update

from app.adapters.clock import now
from app.adapters.db import Unreachable
from app.adapters.models import LOCAL_OWNER, Message
from app.chat import asking, conversations, journal, reaping
from app.core.assembly import Assembly
from app.core.errors import Upstream
from app.core.events import BlockStart, BlockStop, MessageDelta, MessageStart, MessageStop, TextDelta, from_entry
from app.web.services import Services
from tests.scripted import Script, ScriptedClaude, saying
from tests.waiting import until, until_idle, until_written


def begin(services: Services, text: str = "Hello") -> Message:
    sent = services.db.write(conversations.start, LOCAL_OWNER, text=text, nonce="", model="m")
    services.runner.start(sent.reply)
    return sent.reply


def ended(services: Services, reply: Message) -> Message:
    until_idle(services)
    return services.db.read(conversations.get_reply, LOCAL_OWNER, reply.id)


def half(*then: Exception | Flag) -> Script:
    return [MessageStart("c"), BlockStart(0, {"type": "text", "text": ""}), TextDelta(0, "Half"), *then]


def test_stores_a_whole_reply_as_claude_sent_it(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("Good ", "day."))

    reply = ended(services, begin(services))

    assert (reply.status, reply.text, reply.content) == ("done", "Good day.", [{"type": "text", "text": "Good day."}])
    assert (reply.model, reply.stop_reason, reply.request_id) == ("claude-test", "end_turn", "req_12345678")
    assert (reply.usage["input_tokens"], reply.usage["output_tokens"]) == (7, 11)
    assert reply.first_token_s is not None
    assert reply.total_s >= reply.first_token_s


def test_asks_with_the_conversation_so_far(services: Services, claude: ScriptedClaude) -> None:
    first = ended(services, begin(services, "One"))
    sent = services.db.write(conversations.send, LOCAL_OWNER, first.conversation_id, text="Two", nonce="", model="m")
    services.runner.start(sent.reply)
    ended(services, sent.reply)

    roles = [message["role"] for message in claude.requests[1].messages]
    assert roles == ["user", "assistant", "user"]
    assert claude.requests[1].max_tokens == services.settings.max_tokens


@pytest.mark.parametrize(
    "environ", [{}, {"SECRET_KEY": "k" * 32, "RILL_ACCOUNTS": "1", "RILL_URL": "http://localhost"}]
)
def test_tells_of_a_refused_key_who_can_mend_it(
    make_app: Callable[..., Flask], claude: ScriptedClaude, environ: dict[str, str]
) -> None:
    services: Services = make_app(**environ).extensions["rill"]
    claude.scripts.append(half(Upstream("authentication_error", "Tell the administrator.", kind="account")))

    reply = ended(services, begin(services))

    assert (reply.status, reply.error_code) == ("failed", "authentication_error")
    assert ("ANTHROPIC_API_KEY" in reply.note) == (not environ)
    assert (reply.note == "Tell the administrator.") == bool(environ)


def test_keeps_what_had_arrived_when_stopped(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(half(Flag()))
    reply = begin(services)
    until_written(services, reply.id, "Half")

    assert services.runner.stop(reply.id)
    reply = ended(services, reply)

    assert (reply.status, reply.text) == ("stopped", "Half")
    assert "You stopped" in reply.note
    assert claude.closed == 1


def test_can_be_stopped_before_the_first_word(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([Flag()])
    reply = begin(services)
    services.runner.stop(reply.id)

    assert ended(services, reply).status == "stopped"


@pytest.mark.parametrize(
    ("error", "code", "note"),
    [
        (Upstream("overloaded_error", "The reply was cut off.", request_id="req_x"), "overloaded_error", "cut off"),
        (RuntimeError("secret detail"), "internal", "Something went wrong"),
    ],
)
def test_keeps_what_had_arrived_when_it_fails(
    services: Services, claude: ScriptedClaude, error: Exception, code: str, note: str
) -> None:
    claude.scripts.append(half(error))

    reply = ended(services, begin(services))

    assert (reply.status, reply.text, reply.error_code) == ("failed", "Half", code)
    assert note in reply.note
    assert "secret detail" not in reply.note


@pytest.mark.parametrize(
    ("stop_reason", "status"), [("max_tokens", "done"), ("refusal", "refused"), ("pause_turn", "done")]
)
def test_says_why_claude_stopped_early(
    services: Services, claude: ScriptedClaude, stop_reason: str, status: str
) -> None:
    claude.scripts.append(saying("So far", stop_reason=stop_reason))

    reply = ended(services, begin(services))

    assert (reply.status, bool(reply.note)) == (status, True)


def test_does_not_stop_what_is_not_running(services: Services) -> None:
    assert not services.runner.stop("nothing")


def test_drains_by_marking_what_is_left_as_interrupted(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(half(Flag()))
    reply = begin(services)
    until_written(services, reply.id, "Half")

    services.runner.drain(0)

    reply = ended(services, reply)
    assert (reply.status, reply.text) == ("interrupted", "Half")


def test_journal_folds_to_the_stored_reply(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying(*(f"word{n} " for n in range(200))))

    reply = ended(services, begin(services))

    entries = services.db.read(journal.read_after, reply.id, 0)
    folded = Assembly()
    for entry in entries:
        folded.add(from_entry(entry.kind, entry.body))
    assert folded.content == reply.content
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert len(entries) < 50  # a row per commit and kind, never one per token
    assert entries[-1].kind == "end"


def test_reaps_what_an_earlier_process_left_with_the_text_of_the_journal(
    services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts.append(half(Flag()))
    reply = begin(services)
    until_written(services, reply.id, "Half")

    [reaped] = reaping.reap(services.db, "w", alone_since=now())

    assert reaped is not None
    stored = services.db.read(conversations.get_reply, LOCAL_OWNER, reply.id)
    assert (stored.status, stored.text) == ("interrupted", "Half")


def test_tries_a_failed_commit_again_and_loses_nothing(
    services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [Unreachable("disk"), Unreachable("disk")]
    write = services.db.write_journal

    def flaky(work, *args, **kwargs):
        if work is journal.append and failures:
            raise failures.pop()
        return write(work, *args, **kwargs)

    monkeypatch.setattr(services.db, "write_journal", flaky)
    claude.scripts.append(saying("a", "b", "c"))

    reply = ended(services, begin(services))

    assert (reply.status, reply.text, failures) == ("done", "abc", [])


def out_of_reach(services: Services, monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[None]:
    """Let the database fail so many times where a reply begins; gives a list that grows with each."""
    seen: list[None] = []
    write = services.db.write

    def flaky(work, *args, **kwargs):
        if work is asking.begin and len(seen) < times:
            seen.append(None)
            raise Unreachable("away")
        return write(work, *args, **kwargs)

    monkeypatch.setattr(services.db, "write", flaky)
    return seen


def test_begins_a_reply_when_the_database_is_back(
    services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_reach(services, monkeypatch, times=2)
    claude.scripts.append(saying("After all."))

    reply = ended(services, begin(services))

    assert (reply.status, reply.text, len(claude.requests)) == ("done", "After all.", 1)


def test_gives_a_reply_back_that_could_not_begin_before_it_goes(
    services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = out_of_reach(services, monkeypatch, times=1_000)
    reply = begin(services)
    until(lambda: failures)

    services.runner.refuse()

    assert (ended(services, reply).status, claude.requests) == ("queued", [])


def test_can_be_stopped_while_the_database_is_away(
    services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = out_of_reach(services, monkeypatch, times=1_000)
    reply = begin(services)
    until(lambda: failures)

    services.runner.stop(reply.id)

    assert (ended(services, reply).status, claude.requests) == ("stopped", [])


def test_begins_a_reply_once_however_often_it_is_told_to(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(half(Flag()))
    reply = begin(services)
    services.runner.start(reply)
    until_written(services, reply.id, "Half")

    assert services.runner.running == 1
    services.runner.stop(reply.id)
    assert ended(services, reply).status == "stopped"
    assert (len(claude.requests), claude.closed) == (1, 1)


def test_drops_a_reply_that_it_is_to_begin_under_a_newer_epoch(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts += [[Flag()], saying("Anew.")]
    reply = begin(services)
    until(lambda: claude.requests)

    services.runner.start(taken_over(services))

    reply = ended(services, reply)
    assert (reply.status, reply.text, reply.epoch) == ("done", "Anew.", 2)
    assert claude.closed == 1


def test_keeps_a_reply_that_came_back_when_the_loss_of_the_one_before_is_heard_late(
    services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    claude.scripts += [half(Flag()), half(go_on := Flag(), TextDelta(0, " and half."))]
    append, lost, let_go = services.db.write_journal, Flag(), Flag()

    def slow(*args: Any) -> set[str]:
        monkeypatch.undo()
        lost.set()
        let_go.wait()
        return append(*args)

    monkeypatch.setattr(services.db, "write_journal", slow)
    reply = begin(services)
    lost.wait()
    services.runner.start(taken_over(services))
    until(lambda: len(claude.requests) == 2)

    let_go.set()
    until_written(services, reply.id, "Half")
    go_on.set()

    reply = ended(services, reply)
    assert (reply.status, reply.text, reply.epoch) == ("done", "Half and half.", 2)


def test_stops_only_what_is_still_its_own(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(half(Flag()))
    reply = begin(services)
    until_written(services, reply.id, "Half")

    assert not services.runner.stop(reply.id, epoch=2)
    assert services.runner.stop(reply.id, epoch=1)
    assert ended(services, reply).status == "stopped"


def test_hands_on_that_a_reply_is_to_stop_which_it_is_about_to_give_back(
    services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts.append([Flag()])
    reply = begin(services)
    until(lambda: claude.requests)
    [run] = services.runner._runs.values()
    draining = gevent.spawn(services.runner.drain, 0)
    until(lambda: run.stop)

    assert not services.runner.stop(reply.id)
    draining.join()
    assert ended(services, reply).status == "queued"


def test_ends_a_reply_that_no_database_takes(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([*half(), BlockStop(0), MessageDelta({"no": "text"}, None, {}), MessageStop()])

    reply = ended(services, begin(services))

    assert (reply.status, reply.error_code, reply.text) == ("failed", "storage", "")
    assert "Your message is kept" in reply.note


def taken_over(services: Services) -> Message:
    """Take over the one reply that there is, as after a silence of this worker."""
    services.db.write(lambda session: session.execute(update(Message).values(lease_until=0.0)))
    [reaped] = reaping.reap(services.db, services.runner.worker)
    assert reaped is not None
    return reaped.reply
