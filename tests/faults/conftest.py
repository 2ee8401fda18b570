"""Servers that may be hurt: each test has its own."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests import backends
from tests.backends import Postgres, Redis
from tests.faults.history import History
from tests.servers import Process, free_port, start_rill, start_upstream

APP = "tests.faults.server:app"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a Postgres server."""
    with backends.postgres() as server:
        yield server


@pytest.fixture
def redis() -> Iterator[Redis]:
    """Give a Redis server that a test may end."""
    server = Redis()
    yield server
    server.kill()


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Process]:
    """Give a Messages API that writes down what it sends."""
    fake = start_upstream(tmp_path)
    yield fake
    fake.stop(kill=True)


class Site:
    """One or more servers on one database, and what happens on them."""

    def __init__(self, folder: Path, upstream: Process, database_url: str, **environ: str) -> None:
        self.history = History(database_url, upstream)
        self._folder = folder
        self._environ = {
            "DATABASE_URL": database_url,
            "ANTHROPIC_API_KEY": "sk-ant-canary",
            "ANTHROPIC_BASE_URL": upstream.url,
            **environ,
        }
        self.servers: list[Process] = []

    def start(self, **environ: str) -> Process:
        """Start a server."""
        self.servers.append(start_rill(self._folder, free_port(), app=APP, **{**self._environ, **environ}))
        return self.servers[-1]

    @property
    def urls(self) -> list[str]:
        """Where the servers are."""
        return [server.url for server in self.servers]

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a process of this site."""
        os.kill(pid, number)

    def close(self) -> None:
        """End what is left, and see that no log says what it must not."""
        for viewer in self.history.viewers:
            viewer.is_leaving.set()
        for server in self.servers:
            server.stop(kill=True)
        for server in self.servers:
            log = server.log.read_text()
            assert "sk-ant-canary" not in log
            assert not [key for key in self.history.keys.values() if key in log]


def workers(server: Process) -> list[psutil.Process]:
    """Give the worker processes of a server."""
    return psutil.Process(server.process.pid).children()


def kill(process: psutil.Process) -> None:
    """End a process without a word."""
    os.kill(process.pid, signal.SIGKILL)


MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(request: pytest.FixtureRequest, tmp_path: Path, upstream: Process) -> Iterator[MakeSite]:
    """Give what makes a site on a kind of store: ``sqlite``, ``postgres``, or ``both`` Postgres and Redis."""
    made: list[Site] = []

    def make(kind: str) -> Site:
        environ = {}
        if kind == "sqlite":
            url = backends.sqlite_url(tmp_path)
        else:
            server: Postgres = request.getfixturevalue("postgres")
            url = server.new_database()
        if kind == "both":
            redis: Redis = request.getfixturevalue("redis")
            environ["REDIS_URL"] = redis.url
        made.append(Site(tmp_path, upstream, url, **environ))
        return made[-1]

    yield make
    for site in made:
        site.close()


STORES = pytest.mark.parametrize("kind", ["sqlite", "both"])
