"""Leases: one worker writes a reply, and whoever comes late finds it taken."""

import pytest
from sqlalchemy import update

from app.adapters.db import Database
from app.adapters.feed import Entry
from app.adapters.models import LOCAL_OWNER, Message
from app.chat import conversations, ending, journal, leases, reaping
from app.chat.ending import Outcome
from app.chat.leases import Fenced
from app.chat.reaping import Reaped
from app.core.assembly import Assembly
from app.core.events import BlockStart, End, TextDelta, to_entry
from app.web.services import Services


@pytest.fixture
def db(services: Services) -> Database:
    return services.db


@pytest.fixture
def reply(db: Database) -> Message:
    """Give a queued reply."""
    return db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m").reply


def expire(db: Database, reply: Message) -> None:
    db.write(lambda session: session.execute(update(Message).values(lease_until=leases.fresh() - leases.LEASE_S - 1)))


def entries(*texts: str, after: int = 0) -> list[Entry]:
    events = [BlockStart(0, {"type": "text", "text": ""}), *(TextDelta(0, text) for text in texts)]
    return [Entry(seq, *to_entry(event)) for seq, event in enumerate(events, after + 1)]


def stored(db: Database, reply: Message) -> Message:
    return db.read(conversations.get_reply, LOCAL_OWNER, reply.id)


def reap(db: Database, worker: str) -> list[Reaped]:
    return [reaped for reaped in reaping.reap(db, worker) if reaped is not None]


def test_lets_one_worker_have_a_reply(db: Database, reply: Message) -> None:
    claimed = db.write(leases.claim, reply.id, reply.epoch, "one")

    with pytest.raises(Fenced):
        db.write(leases.claim, reply.id, reply.epoch, "two")
    assert (claimed.status, stored(db, reply).worker) == ("running", "one")


def test_takes_a_claim_that_was_made_before_for_made(db: Database, reply: Message) -> None:
    for _ in range(2):
        assert db.write(leases.claim, reply.id, reply.epoch, "one").worker == "one"


def test_leaves_a_reply_to_its_worker_while_the_lease_lasts(db: Database, reply: Message) -> None:
    db.write(leases.claim, reply.id, reply.epoch, "one")

    assert reap(db, "two") == []


def test_gives_a_reply_of_a_silent_worker_to_another_with_what_was_journalled(db: Database, reply: Message) -> None:
    db.write(leases.claim, reply.id, 1, "one")
    db.write(journal.append, [(reply.id, 1, entries("Half a", " sentence"))])
    expire(db, reply)

    [reaped] = reap(db, "two")

    assert (reaped.reply.id, reaped.entry is None) == (reply.id, False)
    after = stored(db, reply)
    assert (after.status, after.text, after.epoch) == ("interrupted", "Half a sentence", 2)
    assert after.content == [{"type": "text", "text": "Half a sentence"}]


def test_queues_again_what_nothing_was_journalled_of(db: Database, reply: Message) -> None:
    db.write(leases.claim, reply.id, 1, "one")
    expire(db, reply)

    [reaped] = reap(db, "two")

    queued = reaped.reply
    assert (reaped.entry, queued.id, queued.status, queued.epoch) == (None, reply.id, "queued", 2)
    assert db.write(leases.claim, reply.id, 2, "two").status == "running"


def test_stops_queueing_after_some_workers(db: Database, reply: Message) -> None:
    for turn in range(3):
        expire(db, reply)
        [reaped] = reap(db, f"worker {turn}")

    assert (reaped.entry is None, stored(db, reply).status) == (False, "interrupted")


def test_refuses_what_a_worker_writes_that_was_taken_for_dead(db: Database, reply: Message) -> None:
    db.write(leases.claim, reply.id, 1, "one")
    db.write(journal.append, [(reply.id, 1, entries("Kept"))])
    expire(db, reply)
    reap(db, "two")
    late = Entry(3, *to_entry(TextDelta(0, " late")))

    lost = db.write(journal.append, [(reply.id, 1, [late])])

    assert lost == {reply.id}
    with pytest.raises(Fenced):
        db.write(ending.finish, reply.id, 1, Outcome(Assembly(), End("done")))
    assert (stored(db, reply).status, stored(db, reply).text) == ("interrupted", "Kept")
    assert late not in db.read(journal.read_after, reply.id, 0)
    assert db.write(leases.renew, [(reply.id, 1)], "one") == [(reply.id, 1)]


def test_appends_for_the_others_of_a_commit(db: Database, reply: Message) -> None:
    other = db.write(conversations.start, LOCAL_OWNER, text="Ho", nonce="", model="m").reply
    db.write(leases.claim, reply.id, 1, "one")
    db.write(leases.claim, other.id, 1, "one")

    lost = db.write(journal.append, [(reply.id, 7, entries("no")), (other.id, 1, entries("yes"))])

    assert lost == {reply.id}
    assert db.read(journal.assemble, other.id).text == "yes"
    assert db.read(journal.read_after, reply.id, 0) == []


def test_takes_a_commit_that_was_made_before_for_made(db: Database, reply: Message) -> None:
    db.write(leases.claim, reply.id, 1, "one")
    for _ in range(2):
        assert db.write(journal.append, [(reply.id, 1, entries("once"))]) == set()

    assert db.read(journal.assemble, reply.id).text == "once"


def test_holds_a_reply_for_as_long_as_it_is_renewed(db: Database, reply: Message) -> None:
    db.write(leases.claim, reply.id, 1, "one")
    expire(db, reply)

    assert db.write(leases.renew, [(reply.id, 1)], "one") == []
    assert reap(db, "two") == []


def test_hears_who_is_to_stop_and_takes_a_dead_workers_for_stopped(db: Database, reply: Message) -> None:
    db.write(leases.claim, reply.id, 1, "one")
    assert db.read(leases.cancelled, [reply.id]) == []

    db.write(leases.cancel, reply.id)
    expire(db, reply)

    assert db.read(leases.cancelled, [reply.id]) == [reply.id]
    reap(db, "two")
    assert stored(db, reply).status == "stopped"


def test_puts_a_reply_back_for_anybody(db: Database, reply: Message) -> None:
    db.write(leases.claim, reply.id, 1, "one")
    db.write(leases.release, reply.id, 1)

    [reaped] = reap(db, "two")

    assert (reaped.reply.id, reaped.reply.worker) == (reply.id, "two")
