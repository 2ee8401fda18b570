"""The database: one engine per process, a transaction per unit of work, never on the event loop.

SQLite blocks its thread while it waits for a lock, so all writing is done by one thread and reading by
four others; the greenlet that asks waits without holding up the rest.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from gevent.threadpool import ThreadPool
from sqlalchemy import Engine, MetaData, create_engine, event, make_url
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import NullPool

P = ParamSpec("P")
T = TypeVar("T")


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


class Database:
    """Runs units of work, each a function taking a session, in a transaction of its own."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        if self.url.database and self.url.database != ":memory:":
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = _sqlite_engine(url)
        self._writer = ThreadPool(1)
        self._readers = ThreadPool(4)

    def write(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work(session, …)`` alone, and commit; an exception rolls everything back."""
        return self._run(self._writer, work, args, kwargs)

    def read(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work(session, …)`` beside other readers; it sees one committed state."""
        return self._run(self._readers, work, args, kwargs)

    def close(self) -> None:
        """Let the threads go."""
        self._writer.kill()
        self._readers.kill()
        self.engine.dispose()

    def _run(self, pool: ThreadPool, work: Callable[..., T], args: Any, kwargs: Any) -> T:
        # The error travels as a value: gevent prints what a thread raises, and it may hold what people wrote.
        result, error = pool.apply(self._transaction, (work, args, kwargs))
        if error is not None:
            raise error
        return cast(T, result)

    def _transaction(self, work: Callable[..., T], args: Any, kwargs: Any) -> tuple[T | None, Exception | None]:
        try:
            with transaction(self.engine) as session:
                return work(session, *args, **kwargs), None
        except Exception as error:
            return None, error


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Give a session that is committed at the end, rolled back on an exception, and always closed."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def _sqlite_engine(url: str) -> Engine:
    # No pool: a connection belongs to the thread that opened it, and opening one takes 0.1 ms.
    engine = create_engine(url, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
