"""Servers as processes of their own: Rill as it is run, and the Messages API that does as it is told."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """Give a loopback port that nobody else is given while this process runs: servers reuse addresses."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    port = int(kept.getsockname()[1])
    kept.detach()  # stays bound, and never listens
    return port


@dataclass
class Process:
    """A server started for the tests."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    env: dict[str, str] = field(default_factory=dict)

    def stop(self, *, kill: bool = False) -> None:
        """End it and wait until it is gone."""
        if self.process.poll() is None:
            if kill:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.terminate()
            self.process.wait(timeout=60)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers; show its log if it does not."""
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"{url} did not answer:\n{log.read_text()}")


def start_rill(folder: Path, port: int, *, app: str = "wsgi:app", **env: str) -> Process:
    """Migrate a database, an empty one in the folder unless it is named, and serve it, as make run does."""
    full = {name: value for name, value in os.environ.items() if not name.startswith(("RILL_", "ANTHROPIC_"))}
    full |= {"DATABASE_URL": f"sqlite:///{folder}/rill.db", "PORT": str(port), **env}
    log = folder / f"rill-{port}.log"
    python = sys.executable
    subprocess.run([python, "-m", "flask", "--app", "wsgi", "db", "upgrade"], cwd=ROOT, env=full, check=True)
    command = [python, "-m", "gunicorn", "-c", "gunicorn.conf.py", app]
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=full, stdout=out, stderr=out, start_new_session=True)
    rill = Process(process, f"http://127.0.0.1:{port}", log, env)
    wait_for(f"{rill.url}/readyz", process, log)
    return rill


def start_upstream(folder: Path) -> Process:
    """Start a Messages API that fails on request."""
    port, log = free_port(), folder / "log"
    with log.open("wb") as out:
        command = [sys.executable, "tests/fakes/claude.py", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
    fake = Process(process, f"http://127.0.0.1:{port}", log)
    wait_for(f"{fake.url}/_closed", process, log)
    return fake


def start_provider(folder: Path, *people: dict[str, object]) -> Process:
    """Start an identity provider (OpenID Connect) at which these people have accounts."""
    port, log = free_port(), folder / "provider.log"
    claims = [word for each in people for word in ("--user-claims", json.dumps(each))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port), "--require-nonce", "true"]
    with log.open("wb") as out:
        process = subprocess.Popen([*command, *claims], cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
    provider = Process(process, f"http://127.0.0.1:{port}", log)
    wait_for(f"{provider.url}/.well-known/openid-configuration", process, log)
    return provider
