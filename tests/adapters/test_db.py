"""The database: migrations, transactions, and a lock that holds nobody else up."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from gevent.event import Event as Flag
from sqlalchemy import event, inspect, make_url, select, text, update
from sqlalchemy.orm import Session

from app.adapters import engines, places
from app.adapters.clock import now
from app.adapters.db import Base, Database, Unreachable, db_now
from app.adapters.engines import waits_on_the_loop
from app.adapters.models import Instant, User
from app.chat import people
from app.cli import alembic_config
from app.core.settings import Settings
from tests.backends import Postgres
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def db(tmp_path: Path):
    """Give an empty database."""
    db = Database(f"sqlite:///{tmp_path}/new/rill.db")
    yield db
    db.close()


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[Database]:
    """Give an empty database in Postgres."""
    db = Database(Settings.from_env({"DATABASE_URL": postgres.new_database()}).database_url)
    yield db
    db.close()


@pytest.fixture(params=["db", "shared"])
def each(request: pytest.FixtureRequest) -> Database:
    """Give an empty database of each kind in turn."""
    return request.getfixturevalue(request.param)


def test_goes_up_down_and_up_again(each: Database) -> None:
    db, config = each, alembic_config(each)
    command.upgrade(config, "head")
    up = set(inspect(db.engine).get_table_names())
    command.downgrade(config, "base")
    down = set(inspect(db.engine).get_table_names())
    command.upgrade(config, "head")

    assert down == {"alembic_version"}
    assert up == set(inspect(db.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_waits_for_another_migration_for_longer_than_a_page_may_take(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "STATEMENT_S", 1)
    url = postgres.new_database()
    db = Database(Settings.from_env({"DATABASE_URL": url}).database_url)
    is_long = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
        " AND query_start < clock_timestamp() - interval '1.2 s'"
    )
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(72117)")

        migrating = gevent.spawn(command.upgrade, alembic_config(db), "head")
        until(lambda: migrating.ready() or other.execute(is_long).fetchall())
        other.execute("SELECT pg_advisory_unlock(72117)")
        migrating.get(timeout=PATIENCE_S)

    assert set(inspect(db.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    db.close()


def test_bounds_no_statement_of_a_migration(shared: Database) -> None:
    with alembic_config(shared).attributes["engine"].connect() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "0"
        assert connection.scalar(text("SHOW application_name")) == "rill-migrate"


def test_migrates_to_what_the_models_say(each: Database) -> None:
    command.upgrade(alembic_config(each), "head")

    with each.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("password_hash", ["x", None])
def test_knows_after_a_migration_whether_somebody_had_a_password(each: Database, password_hash: str | None) -> None:
    config = alembic_config(each)
    command.upgrade(config, "0006")
    added = 'INSERT INTO "user" (id, name, password_hash, created_at) VALUES (:id, :id, :hash, CURRENT_TIMESTAMP)'
    each.write(lambda session: session.execute(text(added), {"id": "ann", "hash": password_hash}))
    command.upgrade(config, "head")

    assert each.read(people.has_nobody) is (password_hash is None)


def test_names_every_constraint() -> None:
    for table in Base.metadata.tables.values():
        assert all(constraint.name for constraint in table.constraints), table


def test_rolls_everything_back_on_an_error(each: Database) -> None:
    db = each
    command.upgrade(alembic_config(db), "head")

    def fail(session) -> None:
        session.add(User(id="x", name="X"))
        session.flush()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        db.write(fail)

    assert db.read(lambda session: session.get(User, "x")) is None


def test_prints_nothing_of_what_failed(db: Database, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="no such table"):
        db.write(lambda session: session.execute(text("SELECT 'secret words' FROM nowhere")))

    assert "secret words" not in "".join(capfd.readouterr())


def test_waits_for_a_lock_without_holding_up_the_rest(db: Database, tmp_path: Path) -> None:
    command.upgrade(alembic_config(db), "head")
    other = sqlite3.connect(tmp_path / "new/rill.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    writing = gevent.spawn(db.write, lambda session: session.add(User(id="x", name="X")))
    beats = 0
    for _ in range(20):
        gevent.sleep(0.01)
        beats += 1
    assert not writing.ready()
    other.execute("COMMIT")
    other.close()
    writing.get(timeout=PATIENCE_S)

    assert beats == 20
    assert db.read(lambda session: session.get(User, "x")).name == "X"


def test_gives_instants_with_their_zone(db: Database) -> None:
    command.upgrade(alembic_config(db), "head")
    before = now()
    db.write(lambda session: session.add(User(id="x", name="X")))

    created = db.read(lambda session: session.get(User, "x")).created_at

    assert Instant.cache_ok
    assert created.utcoffset() is not None
    assert created >= before


def test_has_one_clock_for_all(each: Database) -> None:
    told = each.read(lambda session: session.scalar(select(db_now())))

    assert abs(told - time.time()) < 60
    assert each.read(lambda session: session.scalar(select(db_now() + 20))) >= told + 20


@contextmanager
def held_up(db: Database, count: int) -> Iterator[list[gevent.Greenlet]]:
    """Give so many reads of a 7, all of which Postgres is at, and keeps waiting until the block ends."""
    read = text("SELECT 7 FROM pg_advisory_xact_lock(1)")
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    url = db.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(1)")
        reading = [gevent.spawn(db.read, lambda session: session.scalar(read)) for _ in range(count)]
        until(lambda: len(other.execute(waiting).fetchall()) == count)
        yield reading
        other.execute("SELECT pg_advisory_unlock(1)")


def test_lets_others_run_while_postgres_works(shared: Database) -> None:
    with held_up(shared, 1) as [working]:
        for _ in range(10):
            gevent.sleep(0.01)
        assert not working.ready()

    assert waits_on_the_loop()
    assert working.get(timeout=PATIENCE_S) == 7


def test_keeps_a_connection_for_the_journal(shared: Database) -> None:
    shared.engine.pool._timeout = 0.2
    with held_up(shared, engines.POOL) as busy:
        with pytest.raises(Unreachable):
            shared.read(lambda session: session.scalar(text("SELECT 1")))
        assert shared.write_journal(lambda session: session.scalar(text("SELECT 2"))) == 2

    gevent.joinall(busy, raise_error=True)
    assert shared.read(lambda session: session.scalar(text("SELECT 1"))) == 1


def test_gives_up_on_what_takes_too_long_and_goes_on(shared: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "UNIT_S", 0.2)
    for _ in range(2 * engines.POOL):
        with pytest.raises(Unreachable):
            shared.read(lambda session: session.scalar(text("SELECT pg_sleep(5)")))

    monkeypatch.setattr(places, "UNIT_S", 5)
    assert shared.read(lambda session: session.scalar(text("SELECT 1"))) == 1


def test_takes_a_postgres_that_refuses_all_writes_for_one_that_is_away(shared: Database) -> None:
    def write(session: Session) -> None:
        session.execute(text("SET TRANSACTION READ ONLY"))
        session.execute(text("CREATE TABLE one (id int)"))

    with pytest.raises(Unreachable):
        shared.write(write)


def test_stores_and_finds_text_that_a_store_has_no_room_for(shared: Database) -> None:
    command.upgrade(alembic_config(shared), "head")
    shared.write(lambda session: session.add(User(id="a", name="a\0b")))

    find = select(User.name).where(User.name == "a\0b")
    assert shared.read(lambda session: session.scalar(find)) == "a\ufffdb"
    assert shared.read(lambda session: session.get(User, "\0")) is None


def test_runs_again_what_waited_for_another_that_waited_for_it(shared: Database) -> None:
    command.upgrade(alembic_config(shared), "head")
    shared.write(lambda session: session.add_all([User(id=id, name=id) for id in ("a", "b")]))
    turns: list[str] = []
    held: set[str] = set()
    both_hold_one = Flag()

    def rename(session: Session, first: str, second: str) -> None:
        turns.append(first)
        session.execute(update(User).where(User.id == first).values(role=first))
        held.add(first)
        if len(held) == 2:
            both_hold_one.set()
        both_hold_one.wait(PATIENCE_S)
        session.execute(update(User).where(User.id == second).values(role=first))

    writing = [gevent.spawn(shared.write, rename, *order) for order in ("ab", "ba")]
    gevent.joinall(writing, timeout=PATIENCE_S, raise_error=True)

    assert len(turns) == 3
    roles = shared.read(lambda session: list(session.scalars(select(User.role).where(User.id.in_(["a", "b"])))))
    assert roles == [turns[-1]] * 2


def test_goes_on_after_postgres_dropped_every_connection(shared: Database, postgres: Postgres) -> None:
    assert shared.read(lambda session: session.scalar(text("SELECT 1"))) == 1

    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rill'")

    assert shared.read(lambda session: session.scalar(text("SELECT 1"))) == 1


def test_says_that_a_full_disk_is_no_mistake_of_the_reader(db: Database) -> None:
    command.upgrade(alembic_config(db), "head")

    @event.listens_for(db._writer.engine, "connect")
    def _shrink(connection, _record) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    with pytest.raises(Unreachable, match="text is kept"):
        db.write(lambda session: session.add(User(id="x", name="X" * 500_000)))
    assert db.read(lambda session: session.get(User, "x")) is None


def test_overwrites_what_is_deleted_whatever_sqlite_was_built_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.dbapi2.connect

    def built_without(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        connection.execute("PRAGMA secure_delete=OFF")
        return connection

    monkeypatch.setattr(sqlite3.dbapi2, "connect", built_without)
    for keeps_one in (False, True):
        engine = engines.sqlite(make_url(f"sqlite:///{tmp_path}/x.db"), keeps_one=keeps_one)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar_one() == 1
        engine.dispose()
