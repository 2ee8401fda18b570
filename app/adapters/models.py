"""The tables: who owns what, conversations as trees of messages, and the journal of running replies."""

import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from app.adapters.clock import now
from app.adapters.db import Base

#: The only owner there is until people can sign in.
LOCAL_OWNER = "local"


def new_id() -> str:
    """Make an unguessable id: 128 random bits in hexadecimal."""
    return secrets.token_hex(16)


class Instant(TypeDecorator[datetime]):
    """An instant in UTC; SQLite forgets the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Mark what was stored as UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class User(Base):
    """A person who owns conversations.

    ``subject`` is who they are to the identity provider; ``stamp`` counts what ends earlier links to a new password;
    ``reset_at`` is when somebody else last took away or set their password.
    """

    __tablename__ = "user"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(default="member", server_default="member")
    is_disabled: Mapped[bool] = mapped_column(default=False, server_default=false())
    password_hash: Mapped[str | None]
    subject: Mapped[str | None] = mapped_column(unique=True)
    stamp: Mapped[int] = mapped_column(default=0, server_default="0")
    reset_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant, default=now)


class Conversation(Base):
    """A tree of messages; ``leaf_id`` is the end of the branch that is shown.

    One that is pinned is kept for ever. ``preset`` is the name of the system prompt that was chosen for it, and
    ``system`` that prompt as it was then.
    """

    __tablename__ = "conversation"
    __table_args__ = (Index(None, "owner_id", "updated_at"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    owner_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    title: Mapped[str]
    leaf_id: Mapped[str | None]
    is_pinned: Mapped[bool] = mapped_column(default=False, server_default=false())
    preset: Mapped[str | None]
    system: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant, default=now)
    updated_at: Mapped[datetime] = mapped_column(Instant, default=now)


class Message(Base):
    """A message; ``content`` holds the API's blocks exactly as sent or received, ``text`` is for search."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("owner_id", "nonce"),
        Index(None, "conversation_id"),
        Index(None, "parent_id"),
        Index(None, "status", "owner_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    owner_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"))
    role: Mapped[str]
    content: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    text: Mapped[str] = mapped_column(default="")
    nonce: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant, default=now)

    # How a reply came about; null for a person's message.
    status: Mapped[str | None]
    model: Mapped[str | None]
    stop_reason: Mapped[str | None]
    error_code: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")
    request_id: Mapped[str | None]
    usage: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    first_token_s: Mapped[float | None]
    total_s: Mapped[float | None]
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    epoch: Mapped[int] = mapped_column(default=1)
    last_seq: Mapped[int] = mapped_column(default=0)
    is_streamed: Mapped[bool] = mapped_column(default=True, server_default=true())

    # Who writes it: until ``lease_until``, in seconds on the database's clock, nobody else may.
    worker: Mapped[str | None]
    lease_until: Mapped[float] = mapped_column(default=0.0, server_default="0")
    is_cancelled: Mapped[bool] = mapped_column(default=False, server_default=false())


class StreamTrace(Base):
    """What Claude sent of a finished reply, and when: ``core.trace.Trace``, dumped."""

    __tablename__ = "trace"

    message_id: Mapped[str] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), primary_key=True)
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(Instant, default=now, index=True)


class JournalEntry(Base):
    """What Claude said since the last commit, in the order it came; gone some time after the end."""

    __tablename__ = "journal"

    message_id: Mapped[str] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    body: Mapped[str]
