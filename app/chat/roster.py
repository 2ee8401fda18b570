"""The list of people as an administrator sees it: who they are, how they come in, and when they were last here."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.adapters.models import LOCAL_OWNER, Conversation, User
from app.adapters.people import Login, Token
from app.chat import people
from app.core.errors import NotFound

#: People on one page of the list.
PAGE = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """A person in the list; ``seen_at`` is None where nothing is known of it."""

    user: User
    seen_at: datetime | None

    @property
    def way(self) -> str:
        """How they come in."""
        if self.user.subject:
            return "proxy" if self.user.subject.startswith("proxy:") else "identity provider"
        return "password" if self.user.password_hash else "invited"


def page(session: Session, *, after: str = "", part: str = "", most: int = PAGE) -> list[Listed]:
    """List people by name, from the one called ``after`` on, with ``part`` in their name."""
    users = people.everyone(session, after=after, part=part, most=most)
    return [Listed(user, seen) for user, seen in zip(users, _seen(session, users), strict=True)]


def one(session: Session, id: str) -> Listed:
    """Find a person; raises NotFound, also for the local owner, who is nobody before they sign in."""
    user = people.get(session, id)
    if user.id == LOCAL_OWNER and not user.password_hash and not user.stamp:
        raise NotFound("There is no such person here.")
    return Listed(user, _seen(session, [user])[0])


def _seen(session: Session, users: list[User]) -> list[datetime | None]:
    """Say when each was here last: by a session, a token, or what they said."""
    ids = [user.id for user in users]
    found: dict[str, list[datetime]] = {id: [] for id in ids}
    for who, when in (
        (Login.user_id, Login.seen_at),
        (Token.user_id, Token.used_at),
        (Conversation.owner_id, Conversation.updated_at),
    ):
        for id, at in session.execute(select(who, func.max(when)).where(who.in_(ids)).group_by(who)):
            if at is not None:
                found[id].append(at)
    return [max(found[id], default=None) for id in ids]
