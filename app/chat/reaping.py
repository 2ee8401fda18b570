"""Takes over the replies whose workers are gone: each in a transaction of its own, so that none spoils another's."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.db import Database
from app.adapters.feed import Entry
from app.adapters.models import Message
from app.chat import budgets, ending, journal, leases
from app.chat.ending import Outcome
from app.chat.leases import Fenced
from app.core.assembly import Assembly
from app.core.events import End
from app.core.trace import Trace

log = logging.getLogger(__name__)

#: How many workers may fail a reply before its first word, and how old it may be, to be begun once more.
_TRIES = 3
_RECENT = timedelta(minutes=10)

_STOPPED = End("stopped", ending.STOPPED)
_INTERRUPTED = End("interrupted", ending.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Reaped:
    """A reply that was taken over: with its last entry it has ended, without one it is queued, to be begun here."""

    reply: Message
    entry: Entry | None


def reap(
    db: Database,
    worker: str,
    *,
    is_here: Callable[[str], bool] = lambda _id: False,
    alone_since: datetime | None = None,
) -> Iterator[Reaped | None]:
    """Take over the replies whose workers are silent, one after the other; None is for one that could not be.

    They end with the text that the journal has. Of which there is nothing yet, and which are recent, are queued again.
    What their workers reserved counts in full: it is not known what they had asked and got.
    ``is_here`` says which are written here, and never taken; ``alone_since`` is as ``leases.expired`` has it.
    """
    for reply_id in db.read(leases.expired, worker, alone_since=alone_since):
        if is_here(reply_id):
            continue
        try:
            yield db.write(take_over, reply_id, worker, alone_since)
        except Fenced:  # another was faster
            yield None
        except Exception as error:
            log.error("reply.not_reaped", extra={"reply": reply_id, "error": type(error).__name__})
            yield None


def take_over(session: Session, reply_id: str, worker: str, alone_since: datetime | None = None) -> Reaped:
    """Take one of those replies, and end it or queue it again; raises Fenced where it is not to be had any more."""
    reply = leases.take(session, reply_id, worker, alone_since=alone_since)
    assembly, trace = Assembly(), Trace()
    events, unread = journal.legible(session, reply.id)
    for event in events:
        assembly.add(event)
        trace.add(event)
    if unread:
        log.error("journal.unreadable", extra={"reply": reply.id, "entries": unread})
    elif not assembly.content and not reply.is_cancelled and _is_worth_another(reply):
        reply.status = "queued"
        budgets.settle_reply(session, reply.id, None)
        return Reaped(reply, None)
    end = _STOPPED if reply.is_cancelled else _INTERRUPTED
    return Reaped(reply, ending.finish(session, reply.id, reply.epoch, Outcome(assembly, end, trace)))


def _is_worth_another(reply: Message) -> bool:
    return reply.epoch <= _TRIES and now() - reply.created_at < _RECENT
