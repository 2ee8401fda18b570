"""The journal is kept for some time after the end, and no longer."""

from datetime import timedelta

import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.db import Database
from app.adapters.feed import Entry
from app.adapters.models import LOCAL_OWNER, Message
from app.chat import conversations, journal, keeper, leases
from app.core.events import BlockStart, TextDelta, to_entry
from app.web.services import Services
from tests.waiting import PATIENCE_S

SAID = [BlockStart(0, {"type": "text", "text": ""}), TextDelta(0, "Half"), TextDelta(0, " a loaf")]
YOUNG, OLD = journal.KEPT - timedelta(minutes=1), journal.KEPT + timedelta(minutes=1)


@pytest.fixture
def db(services: Services) -> Database:
    return services.db


def said(db: Database, *, ended: timedelta | None) -> str:
    """Write some words of a reply, which ended so long ago, or still runs; gives its id."""
    reply = db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m").reply
    db.write(leases.claim, reply.id, reply.epoch, "worker")
    db.write(journal.append, [(reply.id, reply.epoch, [Entry(seq, *to_entry(e)) for seq, e in enumerate(SAID, 1)])])
    if ended is not None:
        over = update(Message).where(Message.id == reply.id).values(status="done", ended_at=now() - ended)
        db.write(lambda session: session.execute(over) and None)
    return reply.id


def is_kept(db: Database, reply_id: str) -> bool:
    return bool(db.read(journal.read_after, reply_id, 0))


def test_is_swept_some_time_after_the_end(db: Database) -> None:
    running, young = said(db, ended=None), said(db, ended=YOUNG)
    old = [said(db, ended=OLD) for _turn in range(3)]

    assert db.write(journal.sweep, 20) == 3

    assert is_kept(db, running)
    assert is_kept(db, young)
    assert not any(is_kept(db, id) for id in old)
    assert db.write(journal.sweep, 20) == 0


def test_is_swept_in_steps(db: Database) -> None:
    for _turn in range(5):
        said(db, ended=OLD)

    assert [db.write(journal.sweep, 2) for _turn in range(4)] == [2, 2, 1, 0]


def test_is_swept_by_the_keeper(services: Services, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "SWEPT", 2)
    monkeypatch.setattr(keeper, "TAKING_S", PATIENCE_S)
    old = [said(db, ended=OLD) for _turn in range(5)]

    services.keeper.tick()

    assert not any(is_kept(db, id) for id in old)


def test_is_swept_without_reading_all_of_it(db: Database) -> None:
    """As the planner says: each reply is looked up by the primary key, however many entries it has."""
    said(db, ended=OLD)

    def plan(session: Session) -> str:
        kind = "EXPLAIN QUERY PLAN" if session.get_bind().dialect.name == "sqlite" else "EXPLAIN"
        if kind == "EXPLAIN":
            session.execute(text("SET LOCAL enable_seqscan = off"))  # two rows are read at once, whatever the index
        query = text(f"{kind} {journal._OVER.text}").bindparams(limit=now(), most=1)
        return "\n".join(str(row) for row in session.execute(query))

    found = db.read(plan)
    assert "SCAN journal" not in found
    assert "Seq Scan on journal" not in found
