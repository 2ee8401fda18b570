"""How replies end: the finished message, and the sentence under it."""

from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Table, bindparam, update
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.feed import Entry
from app.adapters.models import Conversation, Message
from app.chat import budgets, journal, leases, traces
from app.chat.leases import Fenced
from app.core.assembly import Assembly
from app.core.errors import Upstream
from app.core.events import LIVE, End, to_entry
from app.core.tally import Bill
from app.core.trace import Trace

_STOP_NOTES = {
    "max_tokens": "The reply reached the length limit. Press Continue for the rest.",
    "model_context_window_exceeded": "The conversation is too long for this model. Start a new chat to go on.",
    "pause_turn": "Claude paused here. Press Continue for the rest.",
    "refusal": "Claude declined to answer this. You can rephrase your message and try again.",
}
_WORDLESS = {
    "max_tokens": "The reply reached the length limit while Claude was thinking. Press Retry, or ask for less at once.",
    "end_turn": "Claude ended without a word. Press Retry to ask again.",
}
STOPPED = "You stopped this reply. What had arrived is kept."
INTERRUPTED = "The server stopped while Claude was answering. What had arrived is kept; press Retry to ask again."
STORAGE = "Rill could not store what Claude wrote. What had been stored is kept; press Retry to ask again."
UNSTORABLE = "Rill could not store what Claude wrote. Your message is kept; press Retry to ask again."
REFUSED = (
    "Claude refuses the key of this server, or its account. Check ANTHROPIC_API_KEY, and see /doctor; for a minute "
    "Claude is not asked again. Your message is kept, and so is what had arrived."
)
FAILED = "Something went wrong in Rill while Claude was answering. What had arrived is kept; press Retry to ask again."

_MESSAGE, _CONVERSATION = cast(Table, Message.__table__), cast(Table, Conversation.__table__)
_CLOSE = (
    update(_MESSAGE)
    .where(_MESSAGE.c.id == bindparam("of"), _MESSAGE.c.epoch == bindparam("under"), _MESSAGE.c.status.in_(LIVE))
    .values(last_seq=_MESSAGE.c.last_seq + 1)
    .returning(_MESSAGE.c.last_seq, _MESSAGE.c.conversation_id)
)
_TOUCH = update(_CONVERSATION).where(_CONVERSATION.c.id == bindparam("of")).values(updated_at=bindparam("at"))


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
    assembly, end, moment = outcome.assembly, outcome.end, now()
    values: dict[str, Any] = {
        "status": end.status,
        "note": end.note,
        "error_code": end.error_code,
        "content": assembly.content,
        "text": assembly.text,
        "stop_reason": assembly.stop_reason,
        "request_id": assembly.request_id,
        "usage": assembly.usage,
        "ended_at": moment,
        **outcome.figures,
    }
    if assembly.model:
        values["model"] = assembly.model
    closed = session.connection().execute(_CLOSE.values(values), {"of": reply_id, "under": epoch}).one_or_none()
    if closed is None:  # another's by now, or deleted with its conversation
        raise Fenced
    entry = Entry(closed.last_seq, *to_entry(end))
    journal.add(session, reply_id, epoch, entry)
    session.connection().execute(_TOUCH, {"of": closed.conversation_id, "at": moment})
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
    if assembly.stop_reason in _WORDLESS and not assembly.text.strip():
        note = _WORDLESS[assembly.stop_reason]
    return End("refused" if assembly.stop_reason == "refusal" else "done", note)


def failed(error: Upstream, *, has_members: bool) -> End:
    """Say how a reply ended that Claude failed; where nobody signs in, who reads this is who can mend it."""
    sentence = REFUSED if error.kind == "account" and not has_members else error.sentence
    return End("failed", sentence, error.code, error.retry_after_s)
