"""A person's data to take away: all that is kept of them, as JSON has it, and nothing of others."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.adapters.db import Database
from app.adapters.models import Conversation, Message, User
from app.adapters.money import Spending
from app.adapters.people import Audit
from app.chat import keeping, logins, people, tokens
from app.core.amounts import exact
from app.core.errors import NotFound

_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


def pieces(db: Database, user_id: str) -> Iterator[str]:
    """Write it as one object, a conversation at a time, without what is deleted meanwhile; raises NotFound."""
    yield json.dumps(db.read(about, user_id), ensure_ascii=False)[:-1] + ', "conversations": ['
    mark = ""
    for id in db.read(ids, user_id):
        with suppress(NotFound):
            yield f"{mark}\n" + json.dumps(db.read(conversation, user_id, id), ensure_ascii=False)
            mark = ","
    yield "\n]}\n"


def about(session: Session, user_id: str) -> dict[str, Any]:
    """Give what is kept of a person besides conversations; of secrets there are only hashes, which are left out."""
    user = people.get(session, user_id)
    return {
        "name": user.name,
        "role": user.role,
        "subject": user.subject,
        "created_at": _at(user.created_at),
        "reset_at": _at(user.reset_at),
        "sessions": [_chosen(each, "device", "way", "created_at", "seen_at") for each in logins.of(session, user_id)],
        "tokens": [
            _chosen(each, "name", "scopes", "created_at", "expires_at", "used_at")
            for each in tokens.of(session, user_id)
        ],
        "usage": list(_usage(session, user_id)),
        "log": list(_log(session, user)),
    }


def ids(session: Session, owner: str) -> Sequence[str]:
    """List the owner's conversations, the oldest first."""
    mine = select(Conversation.id).where(Conversation.owner_id == owner)
    return session.scalars(mine.order_by(Conversation.created_at, Conversation.id)).all()


def conversation(session: Session, owner: str, id: str) -> dict[str, Any]:
    """Give a conversation with every message in it, branches too; raises NotFound."""
    found = keeping.get(session, owner, id)
    messages = select(Message).where(Message.conversation_id == id).order_by(Message.created_at, Message.id)
    return {
        **_chosen(found, "id", "title", "is_pinned", "preset", "created_at", "updated_at"),
        "messages": [_message(message) for message in session.scalars(messages)],
    }


def _message(message: Message) -> dict[str, Any]:
    always = _chosen(message, "id", "parent_id", "role", "content", "created_at")
    told = _chosen(message, "status", "model", "stop_reason", "error_code", "note", "usage")
    times = _chosen(message, "first_token_s", "total_s", "ended_at")
    return {name: value for name, value in {**always, **told, **times}.items() if value not in (None, "", {})}


def _usage(session: Session, user_id: str) -> Iterator[dict[str, Any]]:
    """Give what was spent, by day, model and conversation."""
    by = (Spending.day, Spending.model, Spending.conversation_id)
    sums = [func.sum(getattr(Spending, name)) for name in ("micros", "requests", *_TOKENS)]
    mine = select(*by, *sums).where(Spending.user_id == user_id).group_by(*by).order_by(*by)
    for day, model, id, micros, *counts in session.execute(mine):
        counted = dict(zip(("calls", *_TOKENS), map(int, counts), strict=True))
        yield {"day": day, "model": model, "conversation": id, **counted, "dollars": exact(int(micros))}


def _log(session: Session, user: User) -> Iterator[dict[str, Any]]:
    """Give what they did, and what was done to them, without who did that; earlier ones of this name were others."""
    was_done = (Audit.subject == user.name) & or_(Audit.action.startswith("person."), Audit.action.startswith("login."))
    mine = select(Audit).where((Audit.actor == user.name) | was_done, Audit.at >= user.created_at)
    for entry in session.scalars(mine.order_by(Audit.id)):
        told = _chosen(entry, "at", "action", "subject", "detail")
        yield {**told, "by": "you" if entry.actor == user.name else "somebody else"}


def _chosen(row: Any, *names: str) -> dict[str, Any]:
    return {name: _at(value) if isinstance(value := getattr(row, name), datetime) else value for name in names}


def _at(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
