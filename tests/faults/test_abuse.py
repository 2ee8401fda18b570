"""One person at their worst: bodies without end, bodies that never come, readers who take nothing."""

import random
import resource
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil

from tests.faults.conftest import MakeSite, workers
from tests.faults.history import until
from tests.faults.test_readers import stream_of
from tests.servers import Process

#: How many times longer a page may take beside 500 readers who take nothing: both are measured in one run.
SLOWED = 10
PAGES = ("/", "/livez", "/readyz", "/compare", "/doctor")


def connect(server: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60)


def begin(server: Process, path: str, *headers: str) -> socket.socket:
    """Send the head of a POST, and leave its body to come."""
    sender = connect(server)
    host = server.url.removeprefix("http://")
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    sender.sendall("\r\n".join(lines).encode())
    return sender


def status(sender: socket.socket) -> int:
    """Read the status of the answer; 0 where the connection ended without one."""
    try:
        head = sender.recv(65_536)
    except OSError:
        return 0
    return int(head.split(b" ", 2)[1]) if head else 0


def get_all(server: Process) -> list[float]:
    """Ask for pages, which have to come; give how long each took, in seconds."""
    took = []
    for path in PAGES * 3:
        began = time.monotonic()
        with urllib.request.urlopen(f"{server.url}{path}", timeout=60) as answer:
            assert answer.status == 200
            answer.read()
        took.append(time.monotonic() - began)
    return took


def slow_page(server: Process) -> float:
    """Say within which time nine pages of ten come; what the machine was doing else is in the tenth."""
    took = sorted(sum((get_all(server) for _turn in range(6)), []))
    print(f"{len(took)} pages: median {1000 * took[len(took) // 2]:.0f} ms, worst {1000 * took[-1]:.0f} ms")
    return took[len(took) * 9 // 10]


def paths(server: Process) -> list[str]:
    """Give where to post: routes that want a body, that want none, and none at all."""
    id = "0" * 32
    return ["/conversations", f"/c/{id}/messages", f"/replies/{id}/stop", f"/replies/{id}/retry", "/compare"] + [
        "/api/chat",
        "/livez",
        "/doctor",
        "/static/x.js",
        "/nowhere",
    ]


def chunked(size: int, chunk: int) -> Iterator[bytes]:
    """Write a body as chunks."""
    piece = f"{chunk:x}\r\n".encode() + b"a" * chunk + b"\r\n"
    for _sent in range(0, size, chunk):
        yield piece
    yield b"0\r\n\r\n"


@contextmanager
def unharmed(server: Process, growth: int) -> Iterator[None]:
    """See that the worker is the same after the block, answers, holds nothing more, and no error was logged."""
    get_all(server)
    [worker] = workers(server)
    connections, size = len(worker.net_connections()), worker.memory_info().rss
    yield
    assert [found.pid for found in workers(server)] == [worker.pid]
    assert psutil.Process(worker.pid).is_running()
    until(lambda: len(worker.net_connections()) <= connections + 4, "every connection is given back")
    get_all(server)
    grown = worker.memory_info().rss - size
    assert grown < growth, f"{grown / 1e6:.0f} MB more"
    log = server.log.read_text()
    assert "Traceback" not in log
    assert " status=500" not in log


def test_outlives_bodies_without_a_length(make_site: MakeSite) -> None:
    server = make_site("sqlite").start()
    with unharmed(server, 60_000_000):
        for path in paths(server):
            for chunk in (65_536, 700):
                kind = "application/json" if path == "/api/chat" else "application/x-www-form-urlencoded"
                with begin(server, path, "Transfer-Encoding: chunked", f"Content-Type: {kind}") as sender:
                    try:
                        for piece in chunked(25_000_000, chunk):
                            sender.sendall(piece)
                    except OSError:
                        continue  # let go before the end
                    assert status(sender) == 413, path


def test_outlives_bodies_of_a_great_many_parts(make_site: MakeSite) -> None:
    server = make_site("sqlite").start()
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    bodies = {
        "multipart/form-data; boundary=x": part * 100_000 + b"--x--\r\n",
        "application/x-www-form-urlencoded": b"a&" * 990_000,
        "application/json": b'{"messages":[' + b"{}," * 600_000 + b"{}]}",
    }

    def post_all(path: str) -> None:
        for kind, body in bodies.items():
            with begin(server, path, f"Content-Length: {len(body)}", f"Content-Type: {kind}") as sender:
                try:
                    sender.sendall(body)
                except OSError:
                    continue
                assert status(sender) in (400, 404, 405, 413, 415, 422), path

    post_all("/api/chat")  # what is loaded for the first time is no growth
    with unharmed(server, 60_000_000):
        for path in paths(server):
            post_all(path)


def test_answers_everybody_beside_500_stuck_readers_and_slow_senders(
    make_site: MakeSite, chance: random.Random
) -> None:
    """Pages take a few times as long as without all that, at most, however fast the machine is."""
    site = make_site("sqlite")
    server, history = site.start(), site.history
    reply = history.begin(site.urls, words=100, speed=15)
    history.until_all_see(5)
    is_over = threading.Event()

    def drip(senders: list[socket.socket]) -> None:
        while not is_over.wait(0.5):
            for sender in chance.sample(senders, 20):
                with suppress(OSError):
                    sender.send(b"a")

    get_all(server)
    before = slow_page(server)
    with unharmed(server, 60_000_000), ExitStack() as stack:
        stuck = [stack.enter_context(stream_of(server, reply)) for _reader in range(500)]
        slow = [
            stack.enter_context(begin(server, path, "Content-Length: 100000", "Content-Type: application/json"))
            for path in paths(server) * 10
        ]
        dripping = threading.Thread(target=drip, args=(slow,))
        dripping.start()
        try:
            beside = slow_page(server)
            history.until_ended()
        finally:
            is_over.set()
            dripping.join()
        assert len(stuck) == 500
    history.check()
    assert beside < SLOWED * max(before, slow_page(server))


def test_lets_senders_go_that_send_too_slowly(make_site: MakeSite) -> None:
    server = make_site("sqlite").start(RILL_TEST_PATIENCE_S="1")
    with unharmed(server, 60_000_000), ExitStack() as stack:
        form = ("Content-Length: 1000", "Content-Type: application/x-www-form-urlencoded")
        senders = [stack.enter_context(begin(server, path, *form)) for path in paths(server)]
        answers = [status(sender) for sender in senders]

    assert set(answers) <= {408, 404, 405, 415}
    assert answers.count(408) >= 5


def test_answers_beside_more_idle_connections_than_it_serves(make_site: MakeSite) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(6_000, most), most))
    server = make_site("sqlite").start()
    host = server.url.removeprefix("http://")
    with unharmed(server, 60_000_000), ExitStack() as stack:
        for turn in range(4_700):
            idle = stack.enter_context(connect(server))
            if turn % 2:
                continue  # never used; the others are kept for a next request
            idle.sendall(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert status(idle) == 200
        get_all(server)


def test_raises_its_limit_of_files(make_site: MakeSite) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, before[1]))
    try:
        server = make_site("sqlite").start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    [worker] = workers(server)
    assert worker.rlimit(psutil.RLIMIT_NOFILE)[0] >= min(6_000, before[1])
