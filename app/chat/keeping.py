"""What is kept: pins, deletion, retention, and a person's data to take away."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.models import LOCAL_OWNER, Conversation, Message, User
from app.chat import audit, people
from app.core.errors import Conflict, NotFound
from app.core.events import LIVE


def get(session: Session, owner: str, id: str) -> Conversation:
    """Find a conversation of the owner; raises NotFound."""
    found = session.scalar(select(Conversation).where(Conversation.id == id, Conversation.owner_id == owner))
    if found is None:
        raise NotFound("There is no such conversation.")
    return found


def pin(session: Session, owner: str, id: str, *, is_pinned: bool) -> None:
    """Keep a conversation whatever its age, or no longer; raises NotFound."""
    get(session, owner, id).is_pinned = is_pinned


def live(session: Session, owner: str, id: str | None = None) -> list[str]:
    """List the replies that are being written for the owner, in one conversation or in all."""
    mine = select(Message.id).where(Message.owner_id == owner, Message.status.in_(LIVE))
    return list(session.scalars(mine.where(Message.conversation_id == id) if id else mine))


def delete(session: Session, owner: str, id: str) -> None:
    """Delete a conversation with all that belongs to it; raises NotFound, Conflict."""
    conversation = get(session, owner, id)
    if live(session, owner, id):
        raise Conflict("Claude is still answering there. Press Stop first, then delete. Nothing was deleted.")
    session.execute(delete_rows(Conversation).where(Conversation.id == conversation.id))


def sweep(session: Session, days: int) -> None:
    """Delete the conversations that have rested for longer than the operator keeps them; 0 keeps all."""
    if not days:
        return
    is_live = exists().where(Message.conversation_id == Conversation.id, Message.status.in_(LIVE))
    is_old = Conversation.updated_at < now() - timedelta(days=days)
    session.execute(
        delete_rows(Conversation)
        .where(is_old, ~Conversation.is_pinned, ~is_live)
        .execution_options(synchronize_session=False)
    )


def ids(session: Session, owner: str) -> Sequence[str]:
    """List the owner's conversations, the oldest first."""
    mine = select(Conversation.id).where(Conversation.owner_id == owner)
    return session.scalars(mine.order_by(Conversation.created_at, Conversation.id)).all()


def export(session: Session, owner: str, id: str) -> dict[str, Any]:
    """Give a conversation with every message in it, branches too, as JSON has it."""
    found = get(session, owner, id)
    messages = select(Message).where(Message.conversation_id == id).order_by(Message.created_at, Message.id)
    return {
        "id": found.id,
        "title": found.title,
        "created_at": found.created_at.isoformat(),
        "updated_at": found.updated_at.isoformat(),
        "messages": list(_exported(session.scalars(messages).all())),
    }


def forget(session: Session, user_id: str) -> None:
    """Delete a person with all that is theirs; of the local owner, all that is theirs. Raises Conflict, NotFound."""
    user = people.get(session, user_id)
    if live(session, user_id):
        raise Conflict("Claude is still answering you. Stop that first, then delete. Nothing was deleted.")
    if user.id == LOCAL_OWNER:
        session.execute(delete_rows(Conversation).where(Conversation.owner_id == user_id))
    else:
        people.refuse_last(session, user)
        session.execute(delete_rows(User).where(User.id == user_id))
    audit.note(session, user.name, "person.deleted", user.name)


def _exported(messages: Sequence[Message]) -> Iterator[dict[str, Any]]:
    for message in messages:
        values = {
            "id": message.id,
            "parent_id": message.parent_id,
            "role": message.role,
            "content": message.content,
            "created_at": message.created_at.isoformat(),
            "status": message.status,
            "model": message.model,
            "stop_reason": message.stop_reason,
            "usage": message.usage or None,
        }
        yield {name: value for name, value in values.items() if value is not None}
