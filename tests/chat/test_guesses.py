"""Tries at passwords are slowed, each address and all together, whatever the process."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import gevent
import pytest

from app.adapters.db import Database
from app.chat import guesses
from app.core.errors import TooMany


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the clock by which tries are counted."""
    clock = Clock()
    monkeypatch.setattr(guesses, "now", clock)
    return clock


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """Give a database with the tables."""
    db = Database(database_url)
    yield db
    db.close()


def is_admitted(db: Database, address: str, name: str = "") -> bool:
    """Say whether a try is let through."""
    try:
        db.write(guesses.admit, address, name)
    except TooMany as error:
        return not error.retry_after_s
    return True


def test_slows_one_address_more_and_more(db: Database, clock: Clock) -> None:
    waits = []
    for _ in range(9):
        start = clock.now
        while not is_admitted(db, "192.0.2.1"):
            clock.now += timedelta(seconds=1)
        waits.append(int((clock.now - start).total_seconds()))

    assert waits[:5] == [0] * 5
    assert waits[5:] == [60, 120, 240, 480]
    assert is_admitted(db, "192.0.2.2")


def test_lets_few_of_a_thousand_guesses_from_a_hundred_addresses_through(db: Database, clock: Clock) -> None:
    admitted = 0
    for n in range(1_000):
        admitted += is_admitted(db, f"192.0.2.{n % 100}")
        clock.now += timedelta(seconds=0.06)

    assert 30 <= admitted <= 40


def test_counts_an_ipv6_network_as_one(db: Database, clock: Clock) -> None:
    assert [is_admitted(db, f"2001:db8::{n}") for n in range(6)] == [True] * 5 + [False]
    assert is_admitted(db, "2001:db8:0:1::1")
    assert [is_admitted(db, f"::ffff:192.0.2.{n}") for n in range(6)] == [True] * 6


def test_outlasts_a_restart(db: Database, database_url: str, clock: Clock) -> None:
    for _ in range(5):
        is_admitted(db, "192.0.2.1")
    again = Database(database_url)

    assert not is_admitted(again, "192.0.2.1")
    again.close()


def test_slows_tries_at_one_name_from_many_addresses_for_a_short_while_each(db: Database, clock: Clock) -> None:
    waits = []
    for n in range(15):
        start = clock.now
        while not is_admitted(db, f"192.0.2.{n}", " Ann " if n % 2 else "ann"):
            clock.now += timedelta(seconds=1)
        waits.append(int((clock.now - start).total_seconds()))

    assert waits == [0] * 10 + [15, 30, 60, 60, 60]
    assert is_admitted(db, "198.51.100.1", "ben")


def test_lets_ones_own_account_buy_no_tries_at_another(db: Database, clock: Clock) -> None:
    admitted = 0
    for turn in range(20):
        clock.now += timedelta(seconds=15)
        if turn % 5 == 0 and admitted < guesses.PER_ADDRESS:
            db.write(guesses.forgive, db.write(guesses.admit, "192.0.2.1", "eve"))
        admitted += is_admitted(db, "192.0.2.1", "ann")

    assert admitted < 10


def test_counts_right_ones_among_those_of_all(db: Database, clock: Clock) -> None:
    for _ in range(guesses.PER_SERVER):
        db.write(guesses.forgive, db.write(guesses.admit, "192.0.2.1", "eve"))

    assert not is_admitted(db, "192.0.2.2", "ann")
    clock.now += timedelta(minutes=1)
    assert is_admitted(db, "192.0.2.1", "eve")


def test_lets_no_more_through_at_once(db: Database, clock: Clock) -> None:
    tries = [gevent.spawn(is_admitted, db, "192.0.2.1", "ann") for _ in range(30)]
    gevent.joinall(tries, timeout=20)

    assert sum(bool(each.value) for each in tries) == guesses.PER_ADDRESS


def test_forgets_after_an_hour(db: Database, clock: Clock) -> None:
    for _ in range(5):
        is_admitted(db, "192.0.2.2")
    assert not is_admitted(db, "192.0.2.2")

    clock.now += timedelta(hours=1, seconds=1)
    assert is_admitted(db, "192.0.2.2")


def test_keeps_no_address_and_no_name(db: Database, clock: Clock) -> None:
    is_admitted(db, "192.0.2.77", "ann")

    rows = db.read(lambda session: str(session.connection().exec_driver_sql("SELECT * FROM guess").all()))
    assert "192.0.2" not in rows
    assert "ann" not in rows
