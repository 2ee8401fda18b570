"""The processes of a load: started, watched through /proc, and ended whatever happens."""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
START_S = 20.0
LIFETIME_S = 900.0


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def cpu_s(pid: int) -> float:
    """Give the CPU seconds of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def machine_cpu_s() -> float:
    """Give the CPU seconds all cores have been busy, or taken away by a hypervisor."""
    user, nice, system, _idle, _wait, irq, soft, steal = Path("/proc/stat").read_text().split()[1:9]
    return sum(map(int, (user, nice, system, irq, soft, steal))) / TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Give the resident memory of a process, in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def get(url: str) -> dict[str, Any]:
    """Fetch JSON."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@contextmanager
def running(
    *words: str,
    cores: set[int] | None = None,
    log: Path | None = None,
    end: int = signal.SIGTERM,
    python: str = sys.executable,
    **env: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m words``, which ends with the block, and with this process if that is killed."""

    def prepare() -> None:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if cores:
            os.sched_setaffinity(0, cores)

    errors = log.open("wb") if log else None
    process = subprocess.Popen(
        [python, "-m", *words],
        cwd=ROOT,
        env={**os.environ, **env},
        bufsize=0,  # so that select tells whether a line is there
        stdout=subprocess.PIPE,
        stderr=errors,
        preexec_fn=prepare,
    )
    try:
        yield process
    finally:
        process.send_signal(end)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if errors:
            errors.close()


def has_line(process: subprocess.Popen[bytes], wait_s: float) -> bool:
    """Wait until a process has printed something."""
    assert process.stdout
    return bool(select.select([process.stdout], [], [], wait_s)[0])


def line(process: subprocess.Popen[bytes], wait_s: float) -> str:
    """Read the next line a process prints."""
    assert process.stdout
    text = process.stdout.readline().decode().strip() if has_line(process, wait_s) else ""
    if not text:
        raise RuntimeError(f"{process.args!r} printed nothing for {wait_s:.0f} s, or ended")
    return text


def wait_for(url: str) -> None:
    """Wait until a server answers."""
    for _turn in range(round(START_S / 0.05)):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")


@dataclass(frozen=True)
class Served:
    """A server that runs: where, the processes that do the work, and its log."""

    url: str
    pids: tuple[int, ...]
    log: Path | None = None

    def cpu_s(self) -> float:
        """Give its CPU seconds."""
        return sum(map(cpu_s, self.pids))

    def rss_mb(self) -> float:
        """Give the resident memory of its largest process, in MB."""
        return max(map(rss_mb, self.pids))

    def errors(self) -> int:
        """Count the lines of its log that tell of errors."""
        lines = [line.split() for line in self.log.read_text().splitlines()] if self.log else []
        return sum(words[:1] == ["Traceback"] or words[1:2] in (["error"], ["critical"]) for words in lines)

    def settle(self, wait_s: float = 10.0) -> None:
        """Wait until it does next to nothing."""
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            before = self.cpu_s()
            time.sleep(0.5)
            if self.cpu_s() - before < 0.05:
                return


@contextmanager
def upstream(cores: set[int] | None = None, *, lifetime_s: float = LIFETIME_S) -> Iterator[Served]:
    """Run the fake Messages API, for no longer than so many seconds."""
    port = free_port()
    with running("bench.upstream", str(port), str(lifetime_s), cores=cores) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/stats")
        yield Served(url, (process.pid,))


@contextmanager
def rill(upstream_url: str, cores: set[int] | None = None, **stores: str) -> Iterator[Served]:
    """Serve Rill with an empty database: a SQLite file, unless ``stores`` names others."""
    with tempfile.TemporaryDirectory(prefix="rill-bench-") as folder:
        port, log = free_port(), Path(folder) / "log"
        env = {"DATABASE_URL": f"sqlite:///{folder}/rill.db", "PORT": str(port), **stores}
        env |= {"ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": upstream_url}
        migrate = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
        subprocess.run(migrate, cwd=ROOT, env={**os.environ, **env}, check=True, capture_output=True, timeout=60)
        words = ("gunicorn", "-c", "gunicorn.conf.py", "bench.server:app")
        with running(*words, cores=cores, log=log, end=signal.SIGINT, **env) as master:  # SIGTERM waits for replies
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/livez")
            yield Served(url, workers_of(master.pid, int(env.get("WEB_CONCURRENCY", "1"))), log)


def workers_of(master: int, count: int) -> tuple[int, ...]:
    """Find the children of a process, when there are so many."""
    for _turn in range(round(START_S / 0.05)):
        if len(found := _children(master)) == count:
            return found
        time.sleep(0.05)
    raise RuntimeError(f"there are {len(found)} workers, not {count}")


def _children(master: int) -> tuple[int, ...]:
    children = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == master:
                children.append(int(path.parent.name))
        except OSError:
            continue
    return tuple(children)
