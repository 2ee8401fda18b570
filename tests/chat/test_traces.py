"""What Claude sent, and when: while a reply is written, after it, and for as long as the operator says."""

from datetime import timedelta

from gevent.event import Event as Flag
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.feed import Entry
from app.adapters.models import LOCAL_OWNER, Message, StreamTrace
from app.chat import conversations, journal, leases, reaping, traces
from app.core.events import BlockStart, Event, MessageStart, TextDelta, to_entry
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until, until_idle


def begin(services: Services) -> Message:
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")
    services.runner.start(sent.reply)
    return sent.reply


def ended(services: Services) -> None:
    until_idle(services)


def read(services: Services, reply: Message) -> list[Event] | None:
    def work(session: Session) -> list[tuple[int, Event]] | None:
        return traces.read(session, session.get_one(Message, reply.id))

    found = services.db.read(work)
    return None if found is None else [event for _at, event in found]


def test_has_every_event_of_a_finished_reply(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("Good ", "day."))
    reply = begin(services)
    ended(services)

    assert read(services, reply) == saying("Good ", "day.")


def test_has_what_came_so_far_of_a_running_one(services: Services, claude: ScriptedClaude) -> None:
    go_on = Flag()
    claude.scripts.append([*saying("Good ")[:3], go_on])
    reply = begin(services)
    until(lambda: services.db.read(journal.assemble, reply.id).text)

    assert read(services, reply) == saying("Good ")[:3]
    go_on.set()


def test_has_what_a_dead_worker_left(services: Services) -> None:
    reply = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m").reply
    services.db.write(leases.claim, reply.id, 1, "dead")
    sent = [MessageStart("c"), BlockStart(0, {"type": "text", "text": ""}), TextDelta(0, "Half", "5:4 ")]
    entries = [Entry(n, *to_entry(event)) for n, event in enumerate(sent, 1)]
    services.db.write(journal.append, [(reply.id, 1, entries)])

    list(reaping.reap(services.db, "another", alone_since=now()))

    assert read(services, reply) == sent


def test_forgets_after_the_days_the_operator_says(services: Services, claude: ScriptedClaude) -> None:
    old, young = begin(services), begin(services)
    ended(services)
    aged = update(StreamTrace).where(StreamTrace.message_id == old.id).values(created_at=now() - timedelta(days=8))
    services.db.write(lambda session: session.execute(aged) and None)

    assert services.db.write(traces.sweep, 7, 20) == 1
    assert read(services, old) is None
    assert read(services, young) is not None

    assert services.db.write(traces.sweep, 0, 20) == 0  # ten minutes even then
    assert read(services, young) is not None
