"""The database: migrations, transactions, and a lock that holds nobody else up."""

import sqlite3
from pathlib import Path

import gevent
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from app.adapters.db import Base, Database
from app.adapters.models import Instant, User, now
from app.cli import alembic_config


@pytest.fixture
def db(tmp_path: Path):
    """Give an empty database."""
    db = Database(f"sqlite:///{tmp_path}/new/rill.db")
    yield db
    db.close()


def test_goes_up_down_and_up_again(db: Database) -> None:
    config = alembic_config(db)
    command.upgrade(config, "head")
    up = set(inspect(db.engine).get_table_names())
    command.downgrade(config, "base")
    down = set(inspect(db.engine).get_table_names())
    command.upgrade(config, "head")

    assert down == {"alembic_version"}
    assert up == set(inspect(db.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_migrates_to_what_the_models_say(db: Database) -> None:
    command.upgrade(alembic_config(db), "head")

    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []


def test_names_every_constraint() -> None:
    for table in Base.metadata.tables.values():
        assert all(constraint.name for constraint in table.constraints), table


def test_rolls_everything_back_on_an_error(db: Database) -> None:
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
    writing.get(timeout=5)

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
