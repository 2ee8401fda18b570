"""The clock that all workers share: the database's, carried on between two looks by one that never jumps.

A worker whose own clock is wrong would else end sessions, spend tomorrow's budget, or delete what is not old.
"""

import time
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.db import db_now

#: It goes on while a laptop sleeps, where there is such a clock (Linux).
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """A clock that goes by this machine's until it has seen the database's."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    def now(self) -> datetime:
        """Give the present instant."""
        if self._ahead_s is None:
            return datetime.now(UTC)
        return datetime.fromtimestamp(time.clock_gettime(_STEADY) + self._ahead_s, UTC)

    def look(self, session: Session) -> None:
        """Go by the database's clock from now on."""
        self._ahead_s = session.scalars(select(db_now())).one() - time.clock_gettime(_STEADY)


#: The clock of this process.
CLOCK = Clock()


def now() -> datetime:
    """Give the present instant, by the clock of this process."""
    return CLOCK.now()
