"""How replies end: the finished message, and the sentence under it."""

from dataclasses import dataclass, field
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
from app.core.tally import Bill
from app.core.trace import Trace

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
    """How a reply ended: everything that is stored of it; ``bill`` is None where nobody knows what was asked."""

    assembly: Assembly
    end: End
    trace: Trace | None = None
    figures: dict[str, float | None] = field(default_factory=dict)
    bill: Bill | None = None


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
    budgets.settle_reply(session, reply_id, outcome.bill, assembly.model)
    if outcome.trace is not None:
        traces.save(session, reply_id, outcome.trace)
    return entry


def give_back(session: Session, reply_id: str, epoch: int, bill: Bill) -> None:
    """Put a reply back that nothing was written of, for any worker to begin, and settle what asking for it took."""
    if leases.release(session, reply_id, epoch):
        budgets.settle_reply(session, reply_id, bill)


def ended(assembly: Assembly) -> End:
    """Say how a reply ended that Claude completed."""
    note = _STOP_NOTES.get(assembly.stop_reason or "", "")
    return End("refused" if assembly.stop_reason == "refusal" else "done", note)


def failed(error: Upstream, *, has_members: bool) -> End:
    """Say how a reply ended that Claude failed; where nobody signs in, who reads this is who can mend it."""
    sentence = REFUSED if error.kind == "account" and not has_members else error.sentence
    return End("failed", sentence, error.code, error.retry_after_s)
