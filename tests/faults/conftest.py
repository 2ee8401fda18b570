"""Servers that may be hurt: each test has its own. What is left to chance follows from one seed, RILL_FAULT_SEED."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import backends
from tests.backends import Postgres, Redis
from tests.faults import figures
from tests.faults.history import History, until
from tests.servers import Process, free_port, start_rill, start_upstream

APP = "tests.faults.server:app"


SITES = pytest.StashKey[list["Site"]]()


def pytest_configure() -> None:
    """Choose a seed, here and for all processes of the run."""
    os.environ.setdefault("RILL_FAULT_SEED", str(random.SystemRandom().randrange(1_000_000)))


def pytest_report_header() -> str:
    """Print the seed."""
    return f"RILL_FAULT_SEED={os.environ['RILL_FAULT_SEED']}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Keep the history of a test that fails, and say where."""
    report = yield
    if report.when == "call" and report.failed:
        seed = f"RILL_FAULT_SEED={os.environ['RILL_FAULT_SEED']}"
        kept = [site.keep() for site in item.stash.get(SITES, [])]
        report.sections.append(("history", "\n".join([seed, *map(str, kept)])))
    return report


@pytest.fixture(autouse=True)
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Give what a test leaves to chance: another for each seed, and each test."""
    seed = f"{os.environ['RILL_FAULT_SEED']} {request.node.name}"
    random.seed(seed)
    return random.Random(seed)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a Postgres server."""
    with backends.postgres(is_durable=False) as server:
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
        self._rest: dict[str, float] = {}
        self._redis_url = environ.get("REDIS_URL", "")
        self.history.seed = os.environ["RILL_FAULT_SEED"]
        self.history.at_rest = self.until_at_rest
        self._environ = {
            "DATABASE_URL": database_url,
            "ANTHROPIC_API_KEY": "sk-ant-canary",
            "ANTHROPIC_BASE_URL": upstream.url,
            "RILL_TEST_FIGURES": str(folder),
            **environ,
        }
        self.servers: list[Process] = []

    def start(self, **environ: str) -> Process:
        """Start a server."""
        self.servers.append(start_rill(self._folder, free_port(), app=APP, **{**self._environ, **environ}))
        figures.warm(self.servers[-1])
        self._rest = self._rest or self.figures()
        return self.servers[-1]

    def figures(self) -> dict[str, float]:
        """Count what the workers hold, on average."""
        found = [worker for server in self.servers if server.process.poll() is None for worker in workers(server)]
        claude = self.history.upstream.url
        return figures.of(found, self._folder, database=self.history.database_url, redis=self._redis_url, claude=claude)

    def until_at_rest(self) -> None:
        """Wait until the workers hold no more than when the first of them began, give or take two."""
        now: dict[str, float] = {}

        def is_so() -> bool:
            now.update(self.figures())
            return all(now[name] <= at_first + 2 for name, at_first in self._rest.items())

        if any(server.process.poll() is None for server in self.servers):
            until(is_so, "what was taken is given back", says=lambda: f"{self._rest} at first, {now} now")

    def keep(self) -> Path:
        """Save the history; gives where."""
        path = self._folder / "history.json"
        try:
            self.history.record().save(path)
        except Exception as error:  # the stores are gone, perhaps: the failure itself is what matters
            return Path(f"not kept: {error!r}")
        return path

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

    def make(kind: str, **more: str) -> Site:
        environ = {}
        if kind == "sqlite":
            url = backends.sqlite_url(tmp_path)
        else:
            server: Postgres = request.getfixturevalue("postgres")
            url = server.new_database()
        if kind == "both":
            redis: Redis = request.getfixturevalue("redis")
            environ["REDIS_URL"] = redis.url
        made.append(Site(tmp_path, upstream, url, **{**environ, **more}))
        request.node.stash[SITES] = made
        return made[-1]

    yield make
    for site in made:
        site.close()


STORES = pytest.mark.parametrize("kind", ["sqlite", "both"])
