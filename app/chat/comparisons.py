"""Comparisons: one message with two replies to it, the same request streamed and in one piece."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.models import Conversation, Message
from app.chat import conversations, journal
from app.core.errors import NotFound, TooMany
from app.core.events import LIVE, TextDelta, ThinkingDelta, from_entry
from app.core.wire import marks


@dataclass(frozen=True, slots=True)
class Compared:
    """The rows of a comparison; ``is_new`` is False if the same form had been sent before."""

    message: Message
    streamed: Message
    whole: Message
    is_new: bool = False

    @property
    def id(self) -> str:
        """The conversation it is, of which the streamed reply is the shown branch."""
        return self.message.conversation_id

    @property
    def is_live(self) -> bool:
        """Whether one of the replies is still being written."""
        return self.streamed.status in LIVE or self.whole.status in LIVE


def start(session: Session, owner: str, *, text: str, nonce: str, model: str) -> Compared:
    """Begin a comparison: a conversation with two replies; raises as ``conversations.start`` does."""
    sent = conversations.start(session, owner, text=text, nonce=nonce, model=model)
    if not sent.is_new:
        return find(session, owner, sent.message.conversation_id)
    try:
        conversations.refuse_too_many(session, owner)
    except TooMany:
        raise TooMany(
            f"A comparison is two replies, and of the {conversations.MAX_LIVE} that are written for you at once only "
            "one is free. Wait for a reply or stop it, then compare again: your text is kept."
        ) from None
    conversation = session.get_one(Conversation, sent.message.conversation_id)
    whole = conversations.queued(conversation, parent_id=sent.message.id, model=model)
    whole.is_streamed = False
    session.add(whole)
    session.flush()
    return Compared(sent.message, sent.reply, whole, is_new=True)


def find(session: Session, owner: str, conversation_id: str) -> Compared:
    """Give a comparison of the owner; raises NotFound."""
    replies = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.owner_id == owner, Message.role == "assistant")
        .order_by(Message.created_at)
    ).all()
    whole = next((reply for reply in replies if not reply.is_streamed), None)
    beside = (reply for reply in replies if whole and reply.is_streamed and reply.parent_id == whole.parent_id)
    streamed = next(beside, None)
    if whole is None or streamed is None:
        raise NotFound("There is no such comparison.")
    return Compared(session.get_one(Message, whole.parent_id), streamed, whole)


def first_word_s(session: Session, reply_id: str) -> float | None:
    """Say when the first piece of a running reply came, in seconds; None if none has, or nobody wrote it down."""
    for entry in journal.read_after(session, reply_id, 0):
        event = from_entry(entry.kind, entry.body)
        if isinstance(event, TextDelta | ThinkingDelta):
            at = next(marks(event.marks), None)
            return at[0] / 1000 if at else None
    return None
