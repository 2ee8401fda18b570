"""What Claude sent of a reply, event by event: from the journal while it is written, from its own table later."""

from datetime import timedelta

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.models import Instant, Message, StreamTrace
from app.chat import conversations, journal
from app.core.assembly import Assembly
from app.core.events import LIVE, Event
from app.core.trace import Trace

_SAVE = text(
    "INSERT INTO trace (message_id, body, created_at) VALUES (:id, :body, :at)"
    " ON CONFLICT (message_id) DO UPDATE SET body = excluded.body, created_at = excluded.created_at"
).bindparams(bindparam("at", type_=Instant))


def save(session: Session, reply_id: str, trace: Trace) -> None:
    """Keep the trace of a reply that ended."""
    session.connection().execute(_SAVE, {"id": reply_id, "body": trace.dump(), "at": now()})


def read(session: Session, reply: Message) -> list[tuple[int, Event]] | None:
    """Give the events of a reply so far, each with when it came, in milliseconds; None if they are not kept."""
    if reply.status in LIVE:
        assembly, trace = Assembly(), Trace()
        for event in journal.events(session, reply.id):
            assembly.add(event)
            trace.add(event)
        return list(trace.events(assembly.content))
    kept = session.get(StreamTrace, reply.id)
    return list(Trace.load(kept.body).events(reply.content)) if kept else None


def of(session: Session, owner: str, reply_id: str) -> tuple[Message, list[tuple[int, Event]] | None]:
    """Give a reply of the owner, and its events as ``read`` does; raises NotFound."""
    reply = conversations.get_reply(session, owner, reply_id)
    return reply, read(session, reply)


def sweep(session: Session, days: int, most: int) -> int:
    """Delete up to ``most`` that are older than so many days, but none that is as young as the journals that are kept.

    Gives how many there were.
    """
    limit = now() - max(timedelta(days=days), journal.KEPT)
    old = session.scalars(select(StreamTrace.message_id).where(StreamTrace.created_at < limit).limit(most)).all()
    session.execute(delete(StreamTrace).where(StreamTrace.message_id.in_(old)))
    return len(old)
