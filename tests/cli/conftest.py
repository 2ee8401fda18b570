"""Fixtures: the command line against a fake Messages API, in this process and on a terminal of its own."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
from flask.testing import FlaskCliRunner

from app import create_app
from app.adapters.claude import Claude
from app.core.settings import Settings
from tests.fakes.claude import FakeClaude

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


def take(terminal: int) -> None:
    """Make a terminal that of this process, so that Ctrl-C on it reaches the process."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


class OnTerminal:
    """A command on a terminal of its own; what is in ``piped`` is a pipe instead."""

    def __init__(self, command: list[str], env: dict[str, str], *, piped: tuple[str, ...] = ()) -> None:
        self._terminal, inside = pty.openpty()
        ends = {name: subprocess.PIPE if name in piped else inside for name in ("stdin", "stdout", "stderr")}
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            preexec_fn=lambda: take(inside),
            **ends,
        )
        os.close(inside)
        self.screen = b""

    def until(self, words: bytes) -> None:
        """Wait until words are on the screen."""
        deadline = monotonic() + PATIENCE_S
        while words not in self.screen:
            if not self._read() or monotonic() > deadline:
                pytest.fail(f"{words!r} did not come: {self.screen!r}")

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._terminal, keys)

    def end(self) -> int:
        """Wait until the command has ended, and give its exit code."""
        deadline = monotonic() + PATIENCE_S
        while self._read():
            if monotonic() > deadline:
                pytest.fail(f"it does not end: {self.screen!r}")
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """End it whatever it does."""
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read(self) -> bool:
        """Read what is there, if need be wait for a second; say whether the terminal is still in use."""
        if not select.select([self._terminal], [], [], 1)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._terminal, 65_536)
        except OSError:  # nobody has it open any longer
            return False
        self.screen += data
        return bool(data)


@pytest.fixture
def fake() -> Iterator[FakeClaude]:
    """Give a Messages API that answers as queued."""
    fake = FakeClaude().start()
    yield fake
    fake.stop()


@pytest.fixture
def run(fake: FakeClaude, tmp_path: Path) -> Iterator[FlaskCliRunner]:
    """Give what runs commands in this process; a Claude that does not really wait before it tries again."""
    claude = Claude(api_key="sk-ant-x", base_url=fake.url, sleep=lambda _seconds: None)
    environ = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/rill.db",
        "RILL_MODELS": "claude-a,claude-b",
        "ANTHROPIC_BASE_URL": fake.url,
    }
    app = create_app(Settings.from_env({**environ, "RILL_MODEL": "claude-a"}), claude=claude)
    yield app.test_cli_runner()
    claude.client.close()
    app.extensions["rill"].close()
    app.extensions["rill-static"].cleanup()


@pytest.fixture
def environ(fake: FakeClaude, tmp_path: Path) -> dict[str, str]:
    """Give the environment of a command that asks the fake."""
    left_out = ("RILL_", "ANTHROPIC_", "FLASK", "PYTHONDONTWRITEBYTECODE")  # the last one makes each start slow
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return kept | {"DATABASE_URL": f"sqlite:///{tmp_path}/rill.db", "ANTHROPIC_BASE_URL": fake.url}


@pytest.fixture
def command() -> list[str]:
    """Give the start of a command."""
    return [sys.executable, "-m", "flask", "chat"]


@pytest.fixture
def start(environ: dict[str, str], command: list[str]) -> Iterator[Callable[..., OnTerminal]]:
    """Give what starts the command on a terminal."""
    started: list[OnTerminal] = []

    def start(*args: str, piped: tuple[str, ...] = (), **env: str) -> OnTerminal:
        started.append(OnTerminal([*command, *args], environ | env, piped=piped))
        return started[-1]

    yield start
    for one in started:
        one.close()
