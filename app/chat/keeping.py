"""What is kept: pins, deletion, and retention."""

from datetime import timedelta

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


def sweep(session: Session, days: int, most: int) -> int:
    """Delete conversations that have rested for longer than the operator keeps them, so many at once; gives how many.

    0 days keep all.
    """
    if not days:
        return 0
    is_live = exists().where(Message.conversation_id == Conversation.id, Message.status.in_(LIVE))
    is_old = Conversation.updated_at < now() - timedelta(days=days)
    old = list(session.scalars(select(Conversation.id).where(is_old, ~Conversation.is_pinned, ~is_live).limit(most)))
    if old:
        session.execute(
            delete_rows(Conversation).where(Conversation.id.in_(old), is_old, ~Conversation.is_pinned, ~is_live)
        )
    return len(old)


def clear(session: Session, user_id: str) -> None:
    """Delete all conversations of a person, who stays; raises Conflict, NotFound."""
    user = people.get(session, user_id)
    _refuse_live(session, user_id)
    session.execute(delete_rows(Conversation).where(Conversation.owner_id == user_id))
    audit.note(session, user.name, "person.deleted", user.name)


def forget(session: Session, user_id: str) -> None:
    """Delete a person with all that is theirs, as they wish; raises Conflict, NotFound."""
    user = people.get(session, user_id)
    _refuse_live(session, user_id)
    people.refuse_last(session, user)
    _delete(session, user.name, user)


def remove(session: Session, actor: str, user_id: str) -> None:
    """Delete a person who is kept out, with all that is theirs; raises Conflict, NotFound."""
    user = people.get(session, user_id)
    if not user.is_disabled:
        raise Conflict("Disable this person first: that ends what they have open. Nothing was deleted.")
    if live(session, user_id):
        raise Conflict("A reply to them is just being stopped. Try again in a moment. Nothing was deleted.")
    _delete(session, actor, user)


def _refuse_live(session: Session, user_id: str) -> None:
    if live(session, user_id):
        raise Conflict("Claude is still answering you. Stop that first, then delete. Nothing was deleted.")


def _delete(session: Session, actor: str, user: User) -> None:
    """Delete a person; the first administrator's row is the local owner's, which stays."""
    audit.note(session, actor, "person.deleted", user.name)
    if user.id == LOCAL_OWNER:
        session.execute(delete_rows(Conversation).where(Conversation.owner_id == user.id))
        people.retire(session, user)
    else:
        session.execute(delete_rows(User).where(User.id == user.id))
