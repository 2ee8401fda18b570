"""The database: a transaction per unit of work, and nothing that holds up the event loop.

SQLite blocks its thread while it waits for a lock, so all writing is done by one thread and reading by
four others; the greenlet that asks waits without holding up the rest. Postgres is waited for on the event
loop; the journal has a connection of its own there, which pages cannot use up.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import gevent
from gevent.lock import BoundedSemaphore
from gevent.threadpool import ThreadPool
from sqlalchemy import Double, Engine, MetaData, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.functions import FunctionElement

from app.adapters import engines
from app.core.errors import Unavailable

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
Outcome = tuple[Any, Exception | None]

#: How long a unit of work may take on Postgres, in seconds, however long the network hangs.
UNIT_S = 8.0
#: What Postgres says to one of two transactions that wait for each other.
_DEADLOCK = "40P01"


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
        self._pools: list[ThreadPool] = []
        if self.is_shared:
            self.engine = self._for_writing = engines.postgres(self.url)
            self._for_journal = engines.postgres(self.url, size=1)
            return
        self.engine = engines.sqlite(self.url)
        self._for_writing = self._for_journal = engines.sqlite(self.url, keeps_one=True)
        self._pools = [ThreadPool(1), ThreadPool(4)]
        self._turn, self._is_known = BoundedSemaphore(1), False

    def write(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work(session, …)``, on SQLite alone, and commit; an exception rolls everything back."""
        return self._run(0, self._for_writing, work, args, kwargs)

    def read(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work(session, …)`` beside other readers; it sees one committed state."""
        return self._run(1, self.engine, work, args, kwargs)

    def write_journal(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do as ``write``, on the connection that is kept for the journal."""
        return self._run(0, self._for_journal, work, args, kwargs)

    def close(self) -> None:
        """Let threads and connections go."""
        for pool in self._pools:
            pool.kill()
        for engine in (self.engine, self._for_writing, self._for_journal):
            engine.dispose()

    def _run(self, pool: int, engine: Engine, work: Callable[..., T], args: Any, kwargs: Any) -> T:
        result, error = self._try(pool, engine, work, args, kwargs)
        if error is not None and _code(error) == _DEADLOCK:  # Postgres chose this one; the other goes on, and ends
            result, error = self._try(pool, engine, work, args, kwargs)
        if error is None:
            return cast(T, result)
        if _is_outage(error):
            log.error("db.failed", extra={"error": type(error).__name__, "code": _code(error)})
            raise Unreachable(
                "Rill cannot reach its database at the moment. Nothing was changed, and your text is kept: "
                "please try again in a while."
            ) from None
        raise error

    def _try(self, pool: int, engine: Engine, work: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        # The error travels as a value: gevent prints what a thread raises, and it may hold what people wrote.
        if self._pools:
            self._get_to_know()
            return cast(Outcome, self._pools[pool].apply(_transact, (engine, work, args, kwargs)))
        return _transact_in_time(engine, work, args, kwargs)

    def _get_to_know(self) -> None:
        """Connect once before several threads do: they would wait for the first on a lock that gevent patched."""
        if self._is_known:
            return
        with self._turn:
            if not self._is_known:
                self._is_known = self._pools[1].apply(_touch, (self.engine,))


def _touch(engine: Engine) -> bool:
    with suppress(Exception), engine.connect():
        return True
    return False


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Give a session that is committed at the end, rolled back on an exception, and always closed."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def _transact(engine: Engine, work: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
    try:
        with transaction(engine) as session:
            return work(session, *args, **kwargs), None
    except Exception as error:
        return None, error


def _transact_in_time(engine: Engine, work: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
    with gevent.Timeout(UNIT_S) as timer:
        try:
            return _transact(engine, work, args, kwargs)
        except gevent.Timeout as error:
            if error is not timer:
                raise
            return None, PoolTimeout()


def _is_outage(error: Exception) -> bool:
    if isinstance(error, OperationalError):  # to SQLite, a mistake in a statement is one too
        return getattr(error.orig, "sqlite_errorname", "") != "SQLITE_ERROR"
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_lost or isinstance(error, InterfaceError | PoolTimeout)


def _code(error: Exception) -> str | None:
    cause = getattr(error, "orig", None)
    return getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
