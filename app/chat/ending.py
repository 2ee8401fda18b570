"""How replies end: the finished message, the sentence under it, and what an earlier process left behind."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.feed import Entry
from app.adapters.models import Conversation, Message
from app.chat import budgets, journal, leases, traces
from app.chat.leases import Fenced
from app.core.assembly import Assembly
from app.core.errors import Upstream
from app.core.events import End, to_entry
from app.core.pricing import taken
from app.core.trace import Trace

#: How many workers may fail a reply before its first word, and how old it may be, to be begun once more.
_TRIES = 3
_RECENT = timedelta(minutes=10)

_STOP_NOTES = {
    "max_tokens": "The reply reached the length limit. Press Continue for the rest.",
    "model_context_window_exceeded": "The conversation is too long for this model. Start a new chat to go on.",
    "pause_turn": "Claude paused here. Press Continue for the rest.",
    "refusal": "Claude declined to answer this. You can rephrase your message and try again.",
}
STOPPED = "You stopped this reply. What had arrived is kept."
INTERRUPTED = "The server stopped while Claude was answering. What had arrived is kept; press Retry to ask again."
STORAGE = "Rill could not store what Claude wrote. What had been stored is kept; press Retry to ask again."
REFUSED = (
    "Claude refuses the key of this server, or its account. Check ANTHROPIC_API_KEY, and see /doctor; for a minute "
    "Claude is not asked again. Your message is kept, and so is what had arrived."
)
FAILED = "Something went wrong in Rill while Claude was answering. What had arrived is kept; press Retry to ask again."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reply ended: everything that is stored of it."""

    assembly: Assembly
    end: End
    trace: Trace | None = None
    figures: dict[str, float | None] = field(default_factory=dict)
    retries: int = 0


def finish(session: Session, reply_id: str, epoch: int, outcome: Outcome) -> Entry:
    """Write the finished message and the last journal entry, in one transaction; raises Fenced."""
    reply = session.get(Message, reply_id)
    if reply is None:  # deleted, with its conversation
        raise Fenced
    assembly, end = outcome.assembly, outcome.end
    entry = Entry(reply.last_seq + 1, *to_entry(end))
    if journal.append(session, [(reply_id, epoch, [entry])]):
        raise Fenced
    values: dict[str, Any] = {
        "status": end.status,
        "note": end.note,
        "error_code": end.error_code,
        "content": assembly.content,
        "text": assembly.text,
        "model": assembly.model or reply.model,
        "stop_reason": assembly.stop_reason,
        "request_id": assembly.request_id,
        "usage": assembly.usage,
        "ended_at": now(),
        **outcome.figures,
    }
    for name, value in values.items():
        setattr(reply, name, value)
    session.get_one(Conversation, reply.conversation_id).updated_at = now()
    spent = taken(assembly.usage, assembly.text, is_complete=assembly.is_complete)
    budgets.settle_reply(session, reply_id, reply.model or "", spent, retries=outcome.retries)
    if outcome.trace is not None:
        traces.save(session, reply_id, outcome.trace)
    journal.sweep(session)
    return entry


@dataclass(slots=True)
class Reaped:
    """What became of replies whose workers are gone: those that ended, with their last entries, and those to begin."""

    ended: list[tuple[str, Entry]] = field(default_factory=list)
    queued: list[Message] = field(default_factory=list)


def reap(session: Session, worker: str, *, running: Collection[str] = (), all_others: bool = False) -> Reaped:
    """Take over the replies whose workers are silent, and end them with the text the journal has.

    Of which there is nothing yet, and which are recent, are queued again, to be begun here. ``running`` are the
    ids of those that are written here, which are never taken.
    """
    reaped = Reaped()
    for reply in leases.take_expired(session, worker, running=running, all_others=all_others):
        assembly, trace = Assembly(), Trace()
        for event in journal.events(session, reply.id):
            assembly.add(event)
            trace.add(event)
        if not assembly.content and not reply.is_cancelled and _is_worth_another(reply):
            reply.status = "queued"
            reaped.queued.append(reply)
            continue
        end = End("stopped", STOPPED) if reply.is_cancelled else End("interrupted", INTERRUPTED)
        reaped.ended.append((reply.id, finish(session, reply.id, reply.epoch, Outcome(assembly, end, trace))))
    return reaped


def _is_worth_another(reply: Message) -> bool:
    return reply.epoch <= _TRIES and now() - reply.created_at < _RECENT


def ended(assembly: Assembly) -> End:
    """Say how a reply ended that Claude completed."""
    note = _STOP_NOTES.get(assembly.stop_reason or "", "")
    return End("refused" if assembly.stop_reason == "refusal" else "done", note)


def failed(error: Upstream, *, has_members: bool) -> End:
    """Say how a reply ended that Claude failed; where nobody signs in, who reads this is who can mend it."""
    sentence = REFUSED if error.kind == "account" and not has_members else error.sentence
    return End("failed", sentence, error.code, error.retry_after_s)
