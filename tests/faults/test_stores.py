"""A database or a Redis that goes away, freezes, fills up, or drops its connections."""

import resource
import signal
import sqlite3
import subprocess
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import psutil
import pytest

from tests import needs
from tests.backends import Postgres, Redis
from tests.faults.conftest import MakeSite, Site, workers
from tests.faults.history import History, post, until
from tests.servers import Process


def two(make_site: MakeSite) -> Site:
    """Give two servers on one Postgres and one Redis; what is begun on the first is read from the second."""
    site = make_site("both")
    site.start()
    site.start()
    return site


def begin_and_read_elsewhere(site: Site, *, words: int = 240, speed: int = 20, replies: int = 6) -> History:
    first, second = site.servers
    for _reply in range(replies):
        id = site.history.begin([first.url], words=words, speed=speed, viewers=1)
        site.history.viewers[-1].urls[:] = [second.url]
        assert id
    site.history.until_all_see(10)
    return site.history


@pytest.mark.parametrize("fault", ["restart", "freeze", "full", "kick"])
def test_goes_on_whatever_becomes_of_redis(make_site: MakeSite, redis: Redis, fault: str) -> None:
    site = two(make_site)
    history = begin_and_read_elsewhere(site)

    if fault == "restart":
        redis.kill()
        history.until_all_see(60)
        redis.start()
    elif fault == "freeze":
        redis.process.send_signal(signal.SIGSTOP)
        history.until_all_see(80)
        redis.process.send_signal(signal.SIGCONT)
    elif fault == "full":
        with redis.client() as client:
            client.config_set("maxmemory", 1)
            history.until_all_see(60)
            client.config_set("maxmemory", 0)
    else:
        with redis.client() as client:
            for _turn in range(3):
                client.client_kill_filter(_type="normal", skipme=True)
        history.until_all_see(60)
    history.until_ended()

    history.check()
    assert history.statuses() == {"done"}
    assert all("Traceback" not in server.log.read_text() for server in site.servers)


@pytest.mark.parametrize("fault", ["kick", "freeze", "exhausted", "restart"])
def test_waits_for_postgres_and_loses_nothing(make_site: MakeSite, postgres: Postgres, fault: str) -> None:
    site = two(make_site)
    history = begin_and_read_elsewhere(site)

    if fault == "restart":
        postgres.restart()
        history.until_all_see(60)
    elif fault == "kick":
        for seen in (20, 40, 60):
            postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rill'")
            history.until_all_see(seen)
    elif fault == "freeze":
        backends = backends_of(postgres)
        for backend in backends:
            backend.suspend()
        shown = [viewer.shown[-1] for viewer in history.viewers]
        with pytest.raises((urllib.error.HTTPError, TimeoutError)):
            post(site.urls[0], "/conversations", text="[[load: kx 1 1]]", nonce="x", patience_s=20)
        assert all(viewer.shown[-1].startswith(before) for viewer, before in zip(history.viewers, shown, strict=True))
        for backend in backends:
            backend.resume()
    else:
        held = [taken for _connection in range(100) if (taken := hold(history.database_url))]
        history.until_all_see(60)
        for connection in held:
            connection.close()
    history.until_ended()

    history.check()
    assert history.statuses() == {"done"}
    assert all("Traceback" not in server.log.read_text() for server in site.servers)


@contextmanager
def full(server: Process) -> Iterator[None]:
    """Let the worker write files only up to a size, as on a full disk."""
    [worker] = workers(server)
    size = (server.log.parent / "rill.db-wal").stat().st_size  # the log is smaller, and goes on
    worker.rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    yield
    worker.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def read_only(server: Process) -> Iterator[None]:
    """Have the kernel refuse every write to the database, also by who has it open, as where a disk has failed."""
    chattr = needs.program("chattr", package="e2fsprogs")
    files = [server.log.parent / name for name in ("rill.db", "rill.db-wal")]
    if subprocess.run([chattr, "+i", *files], check=False).returncode:
        needs.lacks("Files that nobody may write need root's rights, and a file system that has such.")
    try:
        yield
    finally:
        subprocess.run([chattr, "-i", *files], check=True)


@pytest.mark.parametrize("fault", [full, read_only])
def test_says_that_the_disk_takes_nothing_and_recovers(
    make_site: MakeSite, fault: Callable[[Process], AbstractContextManager[None]]
) -> None:
    site = make_site("sqlite")
    server = site.start()
    history = site.history
    for _reply in range(4):
        history.begin(site.urls, words=2_000, speed=20)
    history.until_all_see(10)

    with fault(server):
        until(lambda: refused(server) == 503, "a message is refused")
        until(lambda: server.log.read_text().count("reply.stuck") == 4, "Claude is let go")
    history.until_ended()
    later = history.begin(site.urls, words=20, speed=40)
    history.until_ended()

    history.check(lost_words=2_000)
    rows = history.rows()
    assert rows.pop(later)["status"] == "done"
    assert {(row["status"], row["error_code"]) for row in rows.values()} == {("failed", "storage")}
    assert all("could not store" in row["note"] for row in rows.values())
    assert sound(history.database_url)


def sound(url: str) -> bool:
    """Have SQLite look through a file for what is broken."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)) as db:
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def backends_of(postgres: Postgres) -> list[psutil.Process]:
    found = postgres.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'rill'")
    return [psutil.Process(int(str(pid))) for (pid,) in found]


def hold(url: str):
    """Take a connection to the server that Rill could have had; there may be none left."""
    import psycopg

    try:
        return psycopg.connect(url)
    except psycopg.OperationalError:
        return None


def refused(server: Process) -> int:
    try:
        post(server.url, "/conversations", text="[[load: kfull 1 1]]", nonce="full")
    except urllib.error.HTTPError as error:
        return error.code if "text is kept" in error.read().decode() else 0
    return 200
