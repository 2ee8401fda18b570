"""The clock that all workers share."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.adapters import clock
from app.adapters.clock import Clock
from app.adapters.db import Database
from tests.backends import Postgres

SOON = timedelta(minutes=1)


class Wrong(datetime):
    """A machine whose clock is ten years ahead."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return datetime(2046, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give a database of each kind; no tables are needed."""
    url = "sqlite://"
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database()
    db = Database(url)
    yield db
    db.close()


def test_goes_by_the_database_once_it_has_seen_it(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    today = datetime.now(UTC)
    monkeypatch.setattr(clock, "datetime", Wrong)
    found = Clock()

    before = found.now()
    db.read(found.look)
    after = found.now()

    assert before.year == 2046
    assert abs(after - today) < SOON
    assert found.now() >= after
