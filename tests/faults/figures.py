"""What worker processes hold: connections of their own and to the stores, and greenlets."""

import os
import signal
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg

from tests.faults.history import until
from tests.servers import Process

#: Pages that are asked for at once, so that a server has all the connections to its stores that it keeps.
_AT_ONCE = 8


def warm(server: Process) -> None:
    """Have a server open what it keeps open."""

    def get(_turn: int) -> None:
        urllib.request.urlopen(f"{server.url}/livez", timeout=20).close()
        urllib.request.urlopen(f"{server.url}/readyz", timeout=20).close()

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(get, range(4 * _AT_ONCE)))


def of(workers: Sequence[psutil.Process], folder: Path, *, database: str, redis: str, claude: str) -> dict[str, float]:
    """Count what workers hold, on average; connections to Claude are not counted, for some are kept for later."""
    found = {"sockets": 0, "greenlets": 0}
    for worker in workers:
        away = [one.raddr.port for one in worker.net_connections("tcp") if one.raddr]
        for_redis = away.count(urlsplit(redis).port) if redis else 0
        found["redis"] = found.get("redis", 0) + for_redis
        found["sockets"] += _sockets(worker) - for_redis - away.count(urlsplit(claude).port)
        found["greenlets"] += greenlets(worker, folder)
    if database.startswith("postgres"):
        found["postgres"] = _connections(database)
    return {name: count / max(1, len(workers)) for name, count in found.items()}


def _sockets(worker: psutil.Process) -> int:
    """Count its sockets; not its files, for each thread that reads SQLite keeps some."""
    found = 0
    for name in Path(f"/proc/{worker.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found += os.readlink(name).startswith("socket:")
    return found


def greenlets(worker: psutil.Process, folder: Path) -> int:
    """Have a worker count its greenlets."""
    path = folder / f"{worker.pid}.greenlets"
    until(path.exists, "the worker counts")  # before it can, the signal would end it
    path.unlink()
    os.kill(worker.pid, signal.SIGUSR2)
    until(path.exists, "the worker has counted")
    return int(path.read_text())


def _connections(url: str) -> int:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rill' AND datname = current_database()"
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0
