"""Taking over: one reply after the other, and none is in another's way."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.db import Database
from app.adapters.feed import Entry
from app.adapters.models import LOCAL_OWNER, JournalEntry, Message
from app.chat import conversations, ending, journal, keeper, leases, reaping
from app.core.events import BlockStart, TextDelta, to_entry
from app.web.services import Services

WORDS = [BlockStart(0, {"type": "text", "text": ""}), TextDelta(0, "Half"), TextDelta(0, " a loaf")]


@pytest.fixture
def db(services: Services) -> Database:
    return services.db


def left(db: Database, count: int = 1) -> list[str]:
    """Make replies of which a worker had written some words when it died; gives their ids."""
    ids = []
    for _turn in range(count):
        reply = db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m").reply
        db.write(leases.claim, reply.id, reply.epoch, "dead")
        entries = [Entry(seq, *to_entry(event)) for seq, event in enumerate(WORDS, 1)]
        db.write(journal.append, [(reply.id, reply.epoch, entries)])
        ids.append(reply.id)
    db.write(lambda session: session.execute(update(Message).values(lease_until=0.0)))
    return ids


def spoil(db: Database, reply_id: str, seq: int, kind: str, body: str) -> None:
    """Put an entry into the journal, in the place of another."""

    def work(session: Session) -> None:
        session.execute(
            update(JournalEntry)
            .where(JournalEntry.message_id == reply_id, JournalEntry.seq >= seq)
            .values(seq=JournalEntry.seq + 100)
        )
        session.execute(insert(JournalEntry).values(message_id=reply_id, epoch=1, seq=seq, kind=kind, body=body))

    db.write(work)


def stored(db: Database, reply_id: str) -> Message:
    return db.read(conversations.get_reply, LOCAL_OWNER, reply_id)


def ended(db: Database, ids: list[str]) -> int:
    return sum(stored(db, id).status == "interrupted" for id in ids)


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("of_a_newer_version", "{}", "Half a loaf"),
        ("text", '{"index":0,"text":" of","colour":"of a newer version"}', "Half"),
        ("text", "{", "Half"),
    ],
)
def test_keeps_what_can_be_read_where_not_all_can(db: Database, kind: str, body: str, text: str) -> None:
    spoilt, whole = left(db, 2)
    spoil(db, spoilt, 3, kind, body)

    list(reaping.reap(db, "two"))

    assert [(stored(db, id).status, stored(db, id).text) for id in (spoilt, whole)] == [
        ("interrupted", text),
        ("interrupted", "Half a loaf"),
    ]


def test_begins_nothing_again_of_which_nothing_can_be_read(db: Database) -> None:
    [reply_id] = left(db)
    spoil(db, reply_id, 1, "block_start", "[]")

    list(reaping.reap(db, "two"))

    assert (stored(db, reply_id).status, stored(db, reply_id).text) == ("interrupted", "")


def test_takes_over_the_others_where_one_cannot_be(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, *good = left(db, 4)
    finish = ending.finish

    def fail(session: Session, reply_id: str, *args: object) -> Entry:
        if reply_id == bad:
            raise RuntimeError
        return finish(session, reply_id, *args)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(ending, "finish", fail)

    found = list(reaping.reap(db, "two"))

    assert (len(found), found.count(None)) == (4, 1)
    assert ended(db, good) == 3
    assert (stored(db, bad).status, stored(db, bad).epoch) == ("running", 1)


def test_goes_on_at_the_next_tick_where_there_is_no_more_time(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "TAKING_S", -1)
    services.keeper.open()
    ids = left(services.db, 3)

    for turn in range(1, 4):
        services.keeper.tick()
        assert ended(services.db, ids) == turn


def test_takes_what_was_there_before_the_only_process_and_nothing_that_is_its_own(db: Database) -> None:
    replies = [db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m").reply for _turn in range(4)]
    others, mine, earlier, new = (reply.id for reply in replies)
    db.write(leases.claim, others, 1, "dead")
    db.write(leases.claim, mine, 1, "two")
    before = update(Message).where(Message.id == earlier).values(created_at=now() - timedelta(seconds=60))
    db.write(lambda session: session.execute(before))

    found = db.read(leases.expired, "two", alone_since=now() - timedelta(seconds=30))

    assert set(found) == {others, earlier}
    assert new not in found


def test_leaves_to_its_worker_what_was_renewed_meanwhile(db: Database) -> None:
    [reply_id] = left(db)
    db.write(leases.renew, [(reply_id, 1)], "dead")

    with pytest.raises(leases.Fenced):
        db.write(reaping.take_over, reply_id, "two")
