"""The tables of the door: sessions and tokens of people, guesses, what the operator chose, and who did what."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.adapters.clock import now
from app.adapters.db import Base
from app.adapters.models import Instant, new_id


class Login(Base):
    """A browser in which somebody is signed in; of its id only the hash is kept.

    ``beside`` is whom a proxy named when they signed in with more than that.
    """

    __tablename__ = "login"

    hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    way: Mapped[str]
    device: Mapped[str]
    beside: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant, default=now)
    seen_at: Mapped[datetime] = mapped_column(Instant, default=now)


class Guess(Base):
    """A password that was tried: from an address, for a name, both kept as hashes; empty once it was the right one."""

    __tablename__ = "guess"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    address: Mapped[str]
    name: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(Instant, default=now, index=True)


class Token(Base):
    """What a program shows to act for a person; only its hash is kept."""

    __tablename__ = "token"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Instant, default=now)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class Option(Base):
    """Something that an administrator chose; what is not here is as the environment has it."""

    __tablename__ = "option"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class Audit(Base):
    """Who did what to whom or what, and when; never what was said."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, default=now)
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(String, default="")
    detail: Mapped[str] = mapped_column(String, default="")
