"""Who writes a reply: one worker at a time, as long as it says so again and again.

A lease is an instant on the database's clock, so that the clocks of workers do not matter. Whoever takes a reply
over raises its epoch, and every write of the worker before, which names the old one, finds nothing.
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, Update, select, update
from sqlalchemy.orm import Session

from app.adapters.db import db_now
from app.adapters.models import Message
from app.core.events import LIVE

#: How long a worker may be silent before another takes its replies, in seconds.
LEASE_S = 20.0
#: Replies that are taken over in one transaction.
_BATCH = 100


class Fenced(Exception):
    """The reply belongs to another worker now, or has ended."""


def fresh() -> ColumnElement[float]:
    """Give the end of a lease that begins now, as the database will compute it."""
    return db_now() + LEASE_S


def claim(session: Session, reply_id: str, epoch: int, worker: str) -> Message:
    """Take a queued reply to write it; raises Fenced where somebody else did."""
    n = _changed(
        session,
        update(Message)
        .where(Message.id == reply_id, Message.epoch == epoch, Message.status == "queued")
        .values(status="running", worker=worker, lease_until=fresh()),
    )
    if not n:
        raise Fenced
    return session.get_one(Message, reply_id)


def renew(session: Session, held: Iterable[tuple[str, int]], worker: str) -> list[str]:
    """Hold replies, given as (id, epoch), for longer; gives those that are not held any more."""
    lost = []
    for reply_id, epoch in sorted(held):
        n = _changed(
            session,
            update(Message)
            .where(Message.id == reply_id, Message.epoch == epoch, Message.worker == worker, Message.status.in_(LIVE))
            .values(lease_until=fresh()),
        )
        if not n:
            lost.append(reply_id)
    return lost


def release(session: Session, reply_id: str, epoch: int) -> None:
    """Put a reply back that nothing has been written of, for any worker to take."""
    _changed(
        session,
        update(Message)
        .where(Message.id == reply_id, Message.epoch == epoch, Message.status.in_(LIVE))
        .values(status="queued", worker=None, lease_until=0.0),
    )


def take_expired(
    session: Session, worker: str, *, running: Collection[str] = (), all_others: bool = False
) -> Sequence[Message]:
    """Take the replies whose workers are silent, each under a new epoch; ``running`` are those that are not.

    ``all_others`` is for the only process there can be: at its start no other is alive, whatever the leases say.
    """
    is_free = [] if all_others else [Message.lease_until < db_now()]
    expired = session.scalars(
        select(Message)
        .where(Message.status.in_(LIVE), Message.id.not_in(list(running)), *is_free)
        .order_by(Message.id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    return [reply for reply in expired if _take(session, reply, worker)]


def cancel(session: Session, reply_id: str) -> None:
    """Ask whichever worker writes a reply to stop."""
    session.execute(update(Message).where(Message.id == reply_id, Message.status.in_(LIVE)).values(is_cancelled=True))


def cancelled(session: Session, reply_ids: Iterable[str]) -> Sequence[str]:
    """Give those of the replies that somebody asked to stop."""
    return session.scalars(select(Message.id).where(Message.id.in_(list(reply_ids)), Message.is_cancelled)).all()


def _take(session: Session, reply: Message, worker: str) -> bool:
    n = _changed(
        session,
        update(Message)
        .where(Message.id == reply.id, Message.epoch == reply.epoch, Message.status.in_(LIVE))
        .values(epoch=reply.epoch + 1, worker=worker, lease_until=fresh()),
    )
    session.refresh(reply)
    return n == 1


def _changed(session: Session, statement: Update) -> int:
    """Run an update past the session's own objects, and give how many rows it found."""
    return session.connection().execute(statement).rowcount
