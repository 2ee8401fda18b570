"""Who writes a reply: one worker at a time, as long as it says so again and again.

A lease is an instant on the database's clock, so that the clocks of workers do not matter. Whoever takes a reply
over raises its epoch, and every write of the worker before, which names the old one, finds nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Update, and_, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from app.adapters.db import db_now
from app.adapters.models import Message
from app.core.events import LIVE

#: How long a worker may be silent before another takes its replies, in seconds.
LEASE_S = 20.0
#: Replies that are looked for at once, to be taken over.
_BATCH = 100


class Fenced(Exception):
    """The reply belongs to another worker now, or has ended."""


def fresh() -> ColumnElement[float]:
    """Give the end of a lease that begins now, as the database will compute it."""
    return db_now() + LEASE_S


def claim(session: Session, reply_id: str, epoch: int, worker: str) -> Message:
    """Take a queued reply to write it; raises Fenced where somebody else did.

    It may be repeated when it is not known whether it was committed.
    """
    is_mine = and_(Message.status == "running", Message.worker == worker)
    n = _changed(
        session,
        update(Message)
        .where(Message.id == reply_id, Message.epoch == epoch, or_(Message.status == "queued", is_mine))
        .values(status="running", worker=worker, lease_until=fresh()),
    )
    if not n:
        raise Fenced
    return session.get_one(Message, reply_id)


def renew(session: Session, held: Iterable[tuple[str, int]], worker: str) -> list[tuple[str, int]]:
    """Hold replies, given as (id, epoch), for longer; gives those that are not held any more.

    The rows are locked in order, as by ``journal.append``: else two transactions may wait for each other's.
    """
    held = list(held)
    mine = select(Message.id).where(
        tuple_(Message.id, Message.epoch).in_(held), Message.worker == worker, Message.status.in_(LIVE)
    )
    kept = set(session.scalars(mine.order_by(Message.id).with_for_update()))
    if kept:
        _changed(session, update(Message).where(Message.id.in_(kept)).values(lease_until=fresh()))
    return [(reply_id, epoch) for reply_id, epoch in held if reply_id not in kept]


def release(session: Session, reply_id: str, epoch: int) -> bool:
    """Put a reply back that nothing has been written of, for any worker to take; False if it is not ours any more."""
    n = _changed(
        session,
        update(Message)
        .where(Message.id == reply_id, Message.epoch == epoch, Message.status.in_(LIVE))
        .values(status="queued", worker=None, lease_until=0.0),
    )
    return n == 1


def expired(session: Session, worker: str, *, alone_since: datetime | None = None) -> Sequence[str]:
    """List replies whose workers are silent, in any order: one that cannot be taken keeps no other waiting.

    ``alone_since`` is when the only process there can be was started: what was there before belongs to nobody,
    whatever the leases say.
    """
    free = select(Message.id).where(Message.status.in_(LIVE), _is_free(worker, alone_since))
    return session.scalars(free.order_by(func.random()).limit(_BATCH)).all()


def take(session: Session, reply_id: str, worker: str, *, alone_since: datetime | None = None) -> Message:
    """Take one of those replies under a new epoch; raises Fenced where it is not to be had any more."""
    reply = session.scalar(
        select(Message)
        .where(Message.id == reply_id, Message.status.in_(LIVE), _is_free(worker, alone_since))
        .with_for_update(skip_locked=True)
    )
    if reply is None or not _take(session, reply, worker):
        raise Fenced
    return reply


def _is_free(worker: str, alone_since: datetime | None) -> ColumnElement[bool]:
    is_expired = Message.lease_until < db_now()
    if alone_since is None:
        return is_expired
    is_unclaimed = and_(Message.worker.is_(None), Message.created_at < alone_since)
    return or_(is_expired, Message.worker != worker, is_unclaimed)


def cancel(session: Session, reply_id: str) -> None:
    """Ask whichever worker writes a reply to stop."""
    session.execute(update(Message).where(Message.id == reply_id, Message.status.in_(LIVE)).values(is_cancelled=True))


def cancel_all(session: Session, owner: str) -> None:
    """Ask whichever workers write the replies to a person to stop."""
    session.execute(
        update(Message).where(Message.owner_id == owner, Message.status.in_(LIVE)).values(is_cancelled=True)
    )


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
