"""The list of a person's conversations, a page of it at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from app.adapters.models import Conversation, Message
from app.chat import branches, budgets
from app.chat.allowance import Rules
from app.core.events import LIVE

#: Conversations on a page.
PAGE = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation in the sidebar."""

    id: str
    title: str
    is_pinned: bool
    is_live: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Conversations, the newest activity first: those after ``before``, or the first; ``older`` turns the page."""

    chats: Sequence[Listed]
    before: str | None = None
    older: str | None = None

    def is_live_beside(self, id: str | None) -> bool:
        """Say whether a reply is being written in one of them other than ``id``."""
        return any(chat.is_live and chat.id != id for chat in self.chats)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a page shows beside a conversation: the list, which replies were left aside, and how the budget stands."""

    listed: Page
    earlier: Mapping[str, Sequence[str]]
    budget_warning: str


def beside(session: Session, owner: str, current_id: str | None, *, before: str, rules: Rules) -> Beside:
    """Read all of it at once: each unit of work has trips to the database of its own."""
    earlier = branches.earlier(session, owner, current_id) if current_id else {}
    return Beside(page(session, owner, before=before), earlier, budgets.warning(session, rules, owner))


def page(session: Session, owner: str, *, before: str = "", most: int = PAGE) -> Page:
    """List the owner's conversations after the one with the id ``before``; where there is none such, from the first."""
    is_live = exists().where(Message.conversation_id == Conversation.id, Message.status.in_(LIVE))
    rows = (
        select(Conversation.id, Conversation.title, Conversation.is_pinned, is_live)
        .where(Conversation.owner_id == owner)
        .order_by(Conversation.updated_at.desc(), Conversation.id)
        .limit(most + 1)
    )
    mine = select(Conversation).where(Conversation.id == before, Conversation.owner_id == owner)
    last = session.scalar(mine) if before else None
    if last is not None:
        is_tied = and_(Conversation.updated_at == last.updated_at, Conversation.id > last.id)
        rows = rows.where(or_(Conversation.updated_at < last.updated_at, is_tied))
    found = [Listed(*row) for row in session.execute(rows)]
    return Page(found[:most], last.id if last else None, found[most - 1].id if len(found) > most else None)
