"""The probe: what it sees of a way that streams, and of ways that do not."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from app.adapters import probe as module
from app.adapters.probe import probe
from app.core import diagnosis

#: A plan with a short silence; a machine that stands still for less than half a second makes no heap of its ten.
PLAN = (*(turn / 10 for turn in range(10)), 1.2, 1.3, 1.4)


class _Way(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        way, _slash, start = self.path.lstrip("/").partition("/doctor/stream/")
        ticks = [f"id: {n}\nevent: tick-{n}\ndata: {n}\n\n".encode() for n in range(len(PLAN))]
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if way == "page" else "text/event-stream; charset=utf-8")
        if way == "gzip":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        for number, tick in enumerate(ticks):
            if way == "cut" and number == 10:
                return
            if way != "together":
                time.sleep(max(0.0, float(start) + PLAN[number] - time.time()))
            elif number == 0:
                time.sleep(max(0.0, float(start) + PLAN[-1] - time.time()))
            self.wfile.write(tick)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(diagnosis, "PLAN", PLAN)
    monkeypatch.setattr(diagnosis, "_LATE_S", 30.0)
    monkeypatch.setattr(module, "PLAN", PLAN)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Way)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("way", "states", "word"),
    [
        ("good", {"Streaming": "ok", "Silence": "ok"}, "one by one"),
        ("together", {"Streaming": "bad", "Silence": "ok"}, "buffers"),
        ("gzip", {"Compression": "bad"}, "text/event-stream"),
        ("cut", {"Streaming": "ok", "Silence": "warn"}, "proxy_read_timeout"),
        ("page", {"Streaming": "bad"}, "is that a Rill"),
    ],
)
def test_sees_what_a_way_does(url: str, way: str, states: dict[str, str], word: str) -> None:
    found = probe(f"{url}/{way}")

    assert {finding.name: finding.state for finding in found} == states
    assert word in " ".join(finding.sentence for finding in found)


def test_wants_an_address() -> None:
    assert probe("file:///etc/passwd")[0].state == "bad"
