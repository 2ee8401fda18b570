"""The way out: what runs is finished or stored, what is idle is let go, nobody is kept waiting."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.servers import ROOT, Process, free_port, start_rill


@pytest.fixture
def own(tmp_path: Path, upstream: Process) -> Process:
    """Give a Rill that a test may end."""
    return start_rill(tmp_path, free_port(), ANTHROPIC_API_KEY="sk-ant-test", ANTHROPIC_BASE_URL=upstream.url)


def say(rill: Process, text: str) -> None:
    """Send a message the way a plain form does, and wait until its reply has begun."""
    data = urllib.parse.urlencode({"text": text, "nonce": "n"}).encode()
    request = urllib.request.Request(f"{rill.url}/conversations", data, {"Origin": rill.url})
    opener = urllib.request.build_opener(_Stay)
    opener.open(request, timeout=60).close()
    for _ in range(3000):
        if reply(rill)["last_seq"] > 3:
            return
        time.sleep(0.02)
    pytest.fail("the reply did not begin")


class _Stay(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, request: object, response: object, *args: object) -> object:
        return response


def reply(rill: Process) -> dict[str, object]:
    with sqlite3.connect(rill.log.parent / "rill.db") as db:
        db.row_factory = sqlite3.Row
        return dict(db.execute("SELECT * FROM message WHERE role = 'assistant'").fetchone())


def test_finishes_a_reply_before_it_leaves(own: Process) -> None:
    say(own, "[[reply: 01 600]]")

    own.stop()

    assert reply(own)["status"] == "done"
    assert reply(own)["text"] == (ROOT / "tests/corpus/01-short-prose.md").read_text()


def test_stores_a_reply_when_it_has_to_leave_at_once(own: Process) -> None:
    say(own, "[[reply: 36 600]]")

    own.process.send_signal(signal.SIGINT)
    own.process.wait(timeout=60)

    assert reply(own)["status"] == "interrupted"
    assert len(reply(own)["text"]) > 10
    assert (ROOT / "tests/corpus/36-long-tutorial.md").read_text().startswith(reply(own)["text"])


def test_does_not_wait_for_idle_connections(own: Process) -> None:
    address = ("127.0.0.1", int(own.url.rpartition(":")[2]))
    with socket.create_connection(address) as unused, socket.create_connection(address) as used:
        used.sendall(f"GET /livez HTTP/1.1\r\nHost: {own.url.removeprefix('http://')}\r\n\r\n".encode())
        assert re.match(rb"HTTP/1.1 200", used.recv(4_096))

        own.stop()

        used.settimeout(60)
        while used.recv(4_096):
            pass
        unused.settimeout(60)
        assert unused.recv(1) == b""
    assert "graceful timeout" not in own.log.read_text()
    assert "Traceback" not in own.log.read_text()


def test_refuses_a_file_that_another_process_serves(own: Process, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    env = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/rill.db", "PORT": str(free_port())}

    second = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)

    assert second.returncode == 1
    assert "Another Rill serves" in second.stderr
    assert "Traceback" not in second.stderr
    own.stop()
