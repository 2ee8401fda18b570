"""The table of what was spent: one row for each call to Claude, reserved before it and settled after it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.adapters.clock import now
from app.adapters.db import Base
from app.adapters.models import Instant, new_id

_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_OPEN: dict[str, Any] = {"sqlite_where": text("is_settled = 0"), "postgresql_where": text("NOT is_settled")}


class Spending(Base):
    """What a call costs: until it is settled the most it may, then what Claude said it did.

    A reply that is begun once more is another call; ``requests`` says how often this one was sent. ``micros`` are
    millionths of a dollar; ``day`` is the date in UTC, as 2026-11-23. Who is deleted leaves their rows behind, without
    a name, because the server's budget has been spent all the same. ``subject`` stands for whom a proxy or an identity
    provider named, and is the same when they come back, until the month is over.
    """

    __tablename__ = "spending"
    __table_args__ = (
        Index(None, "user_id", "day"),
        Index(None, "subject", "day"),
        Index("ix_spending_sums", "day", "micros", *_TOKENS),  # a month's sum is read from the index alone
        Index("ix_spending_open", "at", **_OPEN),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    subject: Mapped[str | None]
    reply_id: Mapped[str | None] = mapped_column(index=True)
    conversation_id: Mapped[str | None]
    model: Mapped[str]
    day: Mapped[str]
    at: Mapped[datetime] = mapped_column(Instant, default=now)
    is_settled: Mapped[bool] = mapped_column(default=False)
    requests: Mapped[int] = mapped_column(default=1)
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cache_read_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    micros: Mapped[int] = mapped_column(BigInteger, default=0)
