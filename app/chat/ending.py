"""How replies end: the finished message, the sentence under it, and what an earlier process left behind."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.feed import Entry
from app.adapters.models import Conversation, Message, now
from app.chat import journal
from app.core.assembly import Assembly
from app.core.events import LIVE, End, from_entry, to_entry

_STOP_NOTES = {
    "max_tokens": "The reply reached the length limit. Press Continue for the rest.",
    "model_context_window_exceeded": "The conversation is too long for this model. Start a new chat to go on.",
    "pause_turn": "Claude paused here. Press Continue for the rest.",
    "refusal": "Claude declined to answer this. You can rephrase your message and try again.",
}
STOPPED = "You stopped this reply. What had arrived is kept."
INTERRUPTED = "The server stopped while Claude was answering. What had arrived is kept; press Retry to ask again."
FAILED = "Something went wrong in Rill while Claude was answering. What had arrived is kept; press Retry to ask again."


def finish(session: Session, reply_id: str, assembly: Assembly, end: End, figures: dict[str, float | None]) -> Entry:
    """Write the finished message and the last journal entry, in one transaction."""
    reply = session.get_one(Message, reply_id)
    entry = Entry(reply.last_seq + 1, *to_entry(end))
    journal.append(session, [(reply_id, reply.epoch, [entry])])
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
        **figures,
    }
    for name, value in values.items():
        setattr(reply, name, value)
    session.get_one(Conversation, reply.conversation_id).updated_at = now()
    journal.sweep(session)
    return entry


def reap(session: Session) -> int:
    """Close replies whose worker is gone, with the text the journal has; gives their number.

    For the start of the only process: nothing can be running yet.
    """
    orphans = session.scalars(select(Message).where(Message.status.in_(LIVE))).all()
    for reply in orphans:
        assembly = Assembly()
        for entry in journal.read_after(session, reply.id, 0):
            assembly.add(from_entry(entry.kind, entry.body))
        finish(session, reply.id, assembly, End("interrupted", INTERRUPTED), {})
    return len(orphans)


def ended(assembly: Assembly) -> End:
    """Say how a reply ended that Claude completed."""
    note = _STOP_NOTES.get(assembly.stop_reason or "", "")
    return End("refused" if assembly.stop_reason == "refusal" else "done", note)
