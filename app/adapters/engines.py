"""How SQLite and Postgres are opened: what each needs set, and how many connections there are."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import NullPool, StaticPool

from app.core.text import storable

#: What Rill's connections are called in Postgres; those of migrations have a name of their own.
NAME = "rill"
#: Connections a worker has to Postgres for pages and replies; the journal has one more.
POOL = 3
#: How long a unit of work waits for one of them, in seconds.
POOL_WAIT_S = 3
#: How long Postgres may take for a statement, and to be reached, in seconds.
STATEMENT_S = 5
CONNECT_S = 3
#: How long a migration waits for another one, and for the locks of its own statements, in seconds: the latter is longer
#: than any unit of work has them. What its statements take is not bounded.
MIGRATION_WAIT_S = 600
MIGRATION_LOCK_S = 15
#: What each connection to SQLite needs; what is deleted is overwritten, whatever SQLite was built with.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "secure_delete=ON",
    "cache_size=-512",  # in KiB, of each connection: the system has the file's pages in memory, once for all
)


def sqlite(url: URL, *, keeps_one: bool = False) -> Engine:
    """Open a SQLite file, whose folder is made; in WAL mode readers and the writer do not wait for each other.

    What goes on for long ``keeps_one`` connection, for one thread at a time: to open it and learn the tables takes
    longer than most reads, and when the last one closes, SQLite copies the whole log into the file, and syncs.
    """
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    pool = StaticPool if keeps_one else NullPool
    engine = create_engine(url, poolclass=pool, connect_args={"check_same_thread": not keeps_one})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def postgres(url: URL, *, size: int = POOL) -> Engine:
    """Open Postgres with a pool of ``size`` connections and no more; a dead one is noticed when it is taken.

    Texts are stored, and looked for, with U+FFFD in place of NUL, for which Postgres has no room.
    """
    limits = f"-c statement_timeout={STATEMENT_S}s -c lock_timeout={STATEMENT_S}s"
    return create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        pool_pre_ping=True,
        pool_recycle=300,
        connect_args={
            "connect_timeout": CONNECT_S,
            "options": f"{limits} -c idle_in_transaction_session_timeout=10s",
            "application_name": NAME,
            "context": _with_any_text(),
            "prepare_threshold": None,  # poolers such as PgBouncer hand out another connection each time
        },
    )


def _with_any_text() -> Any:
    from psycopg import adapters
    from psycopg.adapt import AdaptersMap
    from psycopg.types.string import StrDumperUnknown

    class Text(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(storable(obj))

    found = AdaptersMap(adapters)
    found.register_dumper(str, Text)
    return found


def migrating(url: URL) -> Engine:
    """Open Postgres for a migration: one connection, with a name of its own, and none of the limits that pages have."""
    return create_engine(
        url,
        poolclass=NullPool,
        connect_args={
            "connect_timeout": CONNECT_S,
            "options": f"-c statement_timeout=0 -c lock_timeout={MIGRATION_WAIT_S}s",
            "application_name": f"{NAME}-migrate",
            "prepare_threshold": None,
        },
    )


def waits_on_the_loop() -> bool:
    """Say whether psycopg lets other greenlets run while it waits: only where gevent patched before its import."""
    from psycopg import waiting

    return waiting.wait is not getattr(waiting, "wait_c", None)
