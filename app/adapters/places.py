"""Where units of work are run: on the event loop for Postgres, in threads for SQLite."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import gevent
from gevent.queue import LifoQueue
from gevent.threadpool import ThreadPool
from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

#: How long a unit of work may take on Postgres, in seconds, however long the network hangs.
UNIT_S = 8.0

#: What a unit of work gives, or what it raised: a value, because gevent prints what a thread raises, and it may hold
#: what people wrote.
Outcome = tuple[Any, Exception | None]


class Place(Protocol):
    """Where units of work are run."""

    def run(self, work: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        """Run one in a transaction."""

    def close(self) -> None:
        """Let threads and connections go."""


class Loop:
    """The event loop, which waits for Postgres without holding up others."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def run(self, work: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        """Run one within ``UNIT_S``."""
        with gevent.Timeout(UNIT_S) as timer:
            try:
                return _transact(self.engine, work, args, kwargs)
            except gevent.Timeout as error:
                if error is not timer:
                    raise
                return None, PoolTimeout()

    def close(self) -> None:
        """Let the connections go."""
        self.engine.dispose()


class Thread:
    """A thread with a connection to SQLite that nobody else has: threads do not wait for SQLAlchemy's locks well."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self._pool = engine, ThreadPool(1)

    def run(self, work: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        """Run one in the thread."""
        return cast(Outcome, self._pool.apply(_transact, (self.engine, work, args, kwargs)))

    def close(self) -> None:
        """Let the thread and its connection go."""
        self._pool.kill()
        self.engine.dispose()


class Threads:
    """Several such threads; the one that was used last is the first to be used again, for it knows the file best."""

    def __init__(self, ours: Sequence[Engine]) -> None:
        self._all = [Thread(engine) for engine in ours]
        self._free: Any = LifoQueue(items=self._all)

    def run(self, work: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        """Run one in whichever thread is free."""
        thread: Thread = self._free.get()
        try:
            return thread.run(work, args, kwargs)
        finally:
            self._free.put(thread)

    def close(self) -> None:
        """Let all of them go."""
        for thread in self._all:
            thread.close()


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
