"""The database: a transaction per unit of work, and nothing that holds up the event loop.

SQLite blocks its thread while it waits for a lock, so all writing is done by one thread and reading by
four others; the greenlet that asks waits without holding up the rest. Postgres is waited for on the event
loop; the journal has a connection of its own there, which pages cannot use up.
"""

import logging
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Double, MetaData, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.functions import FunctionElement

from app.adapters import engines
from app.adapters.places import Loop, Place, Thread, Threads
from app.core.errors import Unavailable

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

#: Threads that read SQLite.
READERS = 4
#: What Postgres says to one of two transactions that wait for each other.
_DEADLOCK = "40P01"
#: What it says while another is about to take its place, or its disk is full: for a while, and of whatever is written.
_READ_ONLY = "25006"


class Base(DeclarativeBase):
    """Base of all tables; every constraint has a name, so that migrations can address it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class db_now(FunctionElement[float]):
    """The database's clock, in seconds since 1970: the only one that all workers share."""

    inherit_cache = True
    type = Double()


@compiles(db_now)
def _sqlite_now(*_args: Any, **_kwargs: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_now, "postgresql")
def _postgres_now(*_args: Any, **_kwargs: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


class Turn(IntEnum):
    """What units of work look at before they change it, and so take turns at; the numbers are Postgres's keys."""

    SPENDING = 7_455_112
    PEOPLE = 7_455_113
    OPTIONS = 7_455_114
    GUESSES = 7_455_115


def take_turn(session: Session, turn: Turn) -> None:
    """Wait until no other unit of work has this turn, and have it until the commit; SQLite has one writer."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": int(turn)})


_END_FROZEN = text(
    "SELECT count(*) FILTER (WHERE is_ended) FROM (SELECT pg_terminate_backend(pid) AS is_ended FROM pg_stat_activity"
    " WHERE application_name = :name AND datname = current_database() AND usename = current_user"
    " AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - make_interval(secs => :older_than_s)) AS frozen"
)


def end_frozen(session: Session, older_than_s: float) -> int:
    """End Rill's connections to Postgres whose transactions are older than that, and give how many there were.

    Their workers froze: a unit of work takes no longer than ``UNIT_S``. In the middle of a pipeline none of the
    server's own time-outs runs, and the rows stay locked.
    """
    found = session.execute(_END_FROZEN, {"name": engines.NAME, "older_than_s": older_than_s})
    return int(found.scalar_one())


class Unreachable(Unavailable):
    """The database does not answer, or has no room."""


class Database:
    """Runs units of work, each a function taking a session, in a transaction of its own.

    One that waits for another which waits for it is run a second time: so a unit changes nothing but rows. Every
    method raises Unreachable where the database does not do its part; nothing is changed then.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_shared = self.url.get_backend_name() == "postgresql"
        if self.is_shared:
            self.engine = engines.postgres(self.url)
            self._journal: Place = Loop(engines.postgres(self.url, size=1))
            self._writer: Place = Loop(self.engine)
            self._readers: Place = self._writer
            return
        self.engine = engines.sqlite(self.url)
        self._writer = self._journal = Thread(engines.sqlite(self.url, keeps_one=True))
        self._readers = Threads([engines.sqlite(self.url, keeps_one=True) for _thread in range(READERS)])

    def write(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work(session, …)``, on SQLite alone, and commit; an exception rolls everything back."""
        return _run(self._writer, work, args, kwargs)

    def read(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work(session, …)`` beside other readers; each statement sees what is committed by then."""
        return _run(self._readers, work, args, kwargs)

    def write_journal(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do as ``write``, on the connection that is kept for the journal."""
        return _run(self._journal, work, args, kwargs)

    def close(self) -> None:
        """Let threads and connections go."""
        for place in (self._readers, self._writer, self._journal):
            place.close()
        self.engine.dispose()


def _run(place: Place, work: Callable[..., T], args: Any, kwargs: Any) -> T:
    result, error = place.run(work, args, kwargs)
    if error is not None and _code(error) == _DEADLOCK:  # Postgres chose this one; the other goes on, and ends
        result, error = place.run(work, args, kwargs)
    if error is None:
        return cast(T, result)
    if _is_outage(error):
        log.error("db.failed", extra={"error": type(error).__name__, "code": _code(error)})
        raise Unreachable(
            "Rill cannot reach its database at the moment. Nothing was changed, and your text is kept: "
            "please try again in a while."
        ) from None
    raise error


def _is_outage(error: Exception) -> bool:
    if isinstance(error, OperationalError):  # to SQLite, a mistake in a statement is one too
        return getattr(error.orig, "sqlite_errorname", "") != "SQLITE_ERROR"
    is_lost = isinstance(error, DBAPIError) and (error.connection_invalidated or _code(error) == _READ_ONLY)
    return is_lost or isinstance(error, InterfaceError | PoolTimeout)


def _code(error: Exception) -> str | None:
    cause = getattr(error, "orig", None)
    return getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
