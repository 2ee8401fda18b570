"""Branches of a conversation: the answers that came before the one that is shown, and what followed them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.models import Conversation, Message
from app.chat.conversations import get_reply
from app.core.tree import newest_below, path_to


def earlier(session: Session, owner: str, conversation_id: str) -> dict[str, list[str]]:
    """Give, for each reply that was not the first to its message, the ids of those before it, oldest first."""
    mine = (Message.conversation_id == conversation_id, Message.owner_id == owner, Message.role == "assistant")
    rows = session.execute(select(Message.id, Message.parent_id).where(*mine).order_by(Message.created_at, Message.id))
    found: dict[str, list[str]] = {}
    to_the_same: dict[str | None, list[str]] = {}
    for id, parent_id in rows:
        before = to_the_same.setdefault(parent_id, [])
        if before:
            found[id] = list(before)
        before.append(id)
    return found


def aside(session: Session, owner: str, reply_id: str) -> list[Message]:
    """Give a reply that is not shown, with its message before it and what followed; nothing where it is shown.

    Raises NotFound.
    """
    reply = get_reply(session, owner, reply_id)
    messages = session.scalars(
        select(Message).where(Message.conversation_id == reply.conversation_id).order_by(Message.created_at, Message.id)
    ).all()
    pairs = [(message.id, message.parent_id) for message in messages]
    if reply.id in path_to(session.get_one(Conversation, reply.conversation_id).leaf_id, pairs):
        return []
    branch = path_to(newest_below(reply.id, pairs), pairs)
    by_id = {message.id: message for message in messages}
    return [by_id[id] for id in branch[max(branch.index(reply.id) - 1, 0) :]]
