"""What is said of conversations and replies holds on both databases."""

from pathlib import Path

import pytest

from tests import backends
from tests.backends import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty database with the tables, of each kind in turn."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        return server.new_database(template="rill_template")
    backends.migrate(url := backends.sqlite_url(tmp_path))
    return url
