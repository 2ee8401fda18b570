"""Readers that take nothing: they cost little, and are let go, while others read on."""

import socket
import sqlite3
import time
import urllib.request
from pathlib import Path

from tests.browser.test_shutdown import say
from tests.servers import Process, free_port, start_rill


def stuck_reader(rill: Process, reply: str) -> socket.socket:
    """Ask for a stream and never read it; its window is small, so that it fills at once."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    reader.connect(("127.0.0.1", int(rill.url.rpartition(":")[2])))
    host = rill.url.removeprefix("http://")
    reader.sendall(f"GET /replies/{reply}/stream HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return reader


def test_lets_readers_go_that_take_nothing(tmp_path: Path, upstream: Process) -> None:
    rill = start_rill(tmp_path, free_port(), ANTHROPIC_API_KEY="sk-ant-test", ANTHROPIC_BASE_URL=upstream.url)
    say(rill, "[[echo: 60]]\n" + "Many words that nobody reads. " * 6_000)
    with sqlite3.connect(tmp_path / "rill.db") as db:
        [reply] = db.execute("SELECT id FROM message WHERE role = 'assistant'").fetchone()
    readers = [stuck_reader(rill, reply) for _reader in range(20)]

    for _ in range(300):  # the stream is longer than what the sockets hold: sends wait, and time out
        if rill.log.read_text().count("endpoint=replies.stream") >= 20:
            break
        time.sleep(0.2)
        urllib.request.urlopen(f"{rill.url}/livez", timeout=60).close()
    log = rill.log.read_text()
    taken = [drained(reader) for reader in readers]
    rill.stop()

    assert log.count("endpoint=replies.stream") == 20
    assert "Traceback" not in log
    assert not [data for data in taken if b"event: done" in data]
    assert max(map(len, taken)) < 200_000


def drained(reader: socket.socket) -> bytes:
    """Read what had been sent before the connection was cut."""
    reader.settimeout(60)
    found = b""
    with reader:
        try:
            while data := reader.recv(65_536):
                found += data
        except ConnectionResetError:
            pass
    return found
