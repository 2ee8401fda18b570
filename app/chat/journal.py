"""The journal: what Claude said, in the order it came, until some time after the reply ended."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import cast

from sqlalchemy import Table, bindparam, delete, select, text, update
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.db import db_now
from app.adapters.feed import Entry
from app.adapters.models import Instant, JournalEntry, Message
from app.chat.leases import LEASE_S
from app.core.assembly import Assembly
from app.core.events import LIVE, Event, from_entry

#: How long a journal is kept after its reply ended.
KEPT = timedelta(minutes=10)

_MESSAGE = cast(Table, Message.__table__)
_IS_LIVE = "status IN ('queued', 'running')"

#: What is appended in one go to one reply: its id, its epoch, and the entries.
Batch = tuple[str, int, Sequence[Entry]]

_STEP = (
    update(_MESSAGE)
    .where(_MESSAGE.c.id == bindparam("of"), _MESSAGE.c.epoch == bindparam("under"), text(_IS_LIVE))
    .values(last_seq=bindparam("seq"), lease_until=db_now() + LEASE_S)
)
_ADD = text(
    "INSERT INTO journal (message_id, epoch, seq, kind, body) VALUES (:id, :epoch, :seq, :kind, :body)"
    " ON CONFLICT DO NOTHING"
)

# On Postgres each is one statement. Rows one by one would be sent as a pipeline, and a worker that froze in the middle
# of one would keep its locks: the server's time-outs do not run there.
_ARRAYS = "unnest(CAST(:ids AS text[]), CAST(:epochs AS int[]), CAST(:seqs AS int[])"
_HOLD_ALL = text(f"SELECT id, epoch FROM message WHERE id = ANY(:ids) AND {_IS_LIVE} ORDER BY id FOR UPDATE")
_STEP_ALL = text(
    f"UPDATE message SET last_seq = step.seq, lease_until = extract(epoch FROM clock_timestamp()) + {LEASE_S}"
    f" FROM {_ARRAYS}) AS step (id, epoch, seq)"
    " WHERE message.id = step.id AND message.epoch = step.epoch"
)
_ADD_ALL = text(
    "INSERT INTO journal (message_id, epoch, seq, kind, body)"
    f" SELECT * FROM {_ARRAYS}, CAST(:kinds AS text[]), CAST(:bodies AS text[]))"
    " ON CONFLICT DO NOTHING"
)

# Goes from one reply to the next by the primary key: the journal has hundreds of entries of each.
_OVER = text(
    "WITH RECURSIVE kept (id) AS (SELECT min(message_id) FROM journal UNION ALL"
    " SELECT (SELECT min(message_id) FROM journal WHERE message_id > kept.id) FROM kept WHERE kept.id IS NOT NULL)"
    " SELECT message.id FROM kept JOIN message ON message.id = kept.id WHERE message.ended_at < :limit LIMIT :most"
).bindparams(bindparam("limit", type_=Instant))


def read_after(session: Session, reply_id: str, seq: int) -> list[Entry]:
    """Read the entries of a reply that follow ``seq``, in order."""
    columns = (JournalEntry.seq, JournalEntry.kind, JournalEntry.body)
    rows = session.execute(
        select(*columns).where(JournalEntry.message_id == reply_id, JournalEntry.seq > seq).order_by(JournalEntry.seq)
    )
    return [Entry(*row) for row in rows]


def append(session: Session, batch: Sequence[Batch]) -> set[str]:
    """Add entries to running replies, and renew their leases; gives the ids of replies that are another's by now.

    It may be repeated when it is not known whether it was committed.
    """
    # In one order, as leases.renew has it: else two transactions may wait for each other's rows.
    batch = sorted(batch, key=lambda one: one[0])
    if session.get_bind().dialect.name == "postgresql":
        return _append_all(session, batch)
    steps = [{"of": id, "under": epoch, "seq": entries[-1].seq} for id, epoch, entries in batch]
    held = session.connection().execute(_STEP, steps)
    lost = set() if held.rowcount == len(steps) else _lost(session, batch)
    rows = [
        {"id": id, "epoch": epoch, "seq": entry.seq, "kind": entry.kind, "body": entry.body}
        for id, epoch, entries in batch
        if id not in lost
        for entry in entries
    ]
    if rows:
        session.connection().execute(_ADD, rows)
    return lost


def add(session: Session, reply_id: str, epoch: int, entry: Entry) -> None:
    """Add an entry to a reply that this transaction has just written to under this epoch."""
    row = {"id": reply_id, "epoch": epoch, "seq": entry.seq, "kind": entry.kind, "body": entry.body}
    session.connection().execute(_ADD, row)


def _lost(session: Session, batch: Sequence[Batch]) -> set[str]:
    named = select(Message.id, Message.epoch).where(
        Message.id.in_([id for id, _epoch, _entries in batch]), Message.status.in_(LIVE)
    )
    held = {(id, epoch) for id, epoch in session.execute(named)}
    return {id for id, epoch, _entries in batch if (id, epoch) not in held}


def _append_all(session: Session, batch: Sequence[Batch]) -> set[str]:
    connection = session.connection()
    found = connection.execute(_HOLD_ALL, {"ids": [id for id, _epoch, _entries in batch]})
    held = {(id, epoch) for id, epoch in found}
    kept = [one for one in batch if one[:2] in held]
    if kept:
        ids, epochs, entries = zip(*kept, strict=True)
        seqs = [some[-1].seq for some in entries]
        connection.execute(_STEP_ALL, {"ids": list(ids), "epochs": list(epochs), "seqs": seqs})
        rows = [(id, epoch, *entry) for id, epoch, some in kept for entry in some]
        names = ("ids", "epochs", "seqs", "kinds", "bodies")
        connection.execute(_ADD_ALL, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    return {id for id, epoch, _entries in batch if (id, epoch) not in held}


def events(session: Session, reply_id: str) -> list[Event]:
    """Read all that the journal has of a reply."""
    return [from_entry(entry.kind, entry.body) for entry in read_after(session, reply_id, 0)]


def legible(session: Session, reply_id: str) -> tuple[list[Event], int]:
    """Read what can be read of a reply, and give how many entries cannot be.

    Kinds that only a newer version knows are left out, for no text is in them that this one could show; at an entry
    whose body makes no sense it ends, because a text with a hole would not be what Claude said.
    """
    found: list[Event] = []
    entries = read_after(session, reply_id, 0)
    for entry in entries:
        try:
            found.append(from_entry(entry.kind, entry.body))
        except KeyError:
            continue
        except (TypeError, ValueError):
            break
    return found, len(entries) - len(found)


def assemble(session: Session, reply_id: str) -> Assembly:
    """Put together what the journal has of a reply."""
    assembly = Assembly()
    for event in events(session, reply_id):
        assembly.add(event)
    return assembly


def positions(session: Session, reply_ids: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Give how far replies are: the last number, and the status; a reply that is gone is missing."""
    rows = session.execute(select(Message.id, Message.last_seq, Message.status).where(Message.id.in_(list(reply_ids))))
    return {id: (seq, status or "") for id, seq, status in rows}


def sweep(session: Session, most: int) -> int:
    """Delete the entries of replies that ended a while ago, of so many at once; gives of how many.

    The finished message has everything that was in them.
    """
    ended = list(session.scalars(_OVER, {"limit": now() - KEPT, "most": most}))
    if ended:
        session.execute(delete(JournalEntry).where(JournalEntry.message_id.in_(ended)))
    return len(ended)
