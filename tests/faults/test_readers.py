"""Readers and people who do everything at once, twice, and wrong."""

import random
import re
import resource
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.backends import Redis
from tests.faults.conftest import STORES, MakeSite, workers
from tests.faults.history import PROXY_SECRET, History, post, until, vouched
from tests.faults.test_door import PROXY
from tests.faults.test_workers import closed
from tests.faults.viewer import Viewer
from tests.servers import Process

#: Readers who leave and come back at once.
CROWD = 1_000


@STORES
def test_sends_once_what_is_posted_five_times_at_once(make_site: MakeSite, kind: str) -> None:
    site = make_site(kind)
    servers = [site.start()] if kind == "sqlite" else [site.start(), site.start()]
    with ThreadPoolExecutor(10) as pool:
        places = list(
            pool.map(
                lambda turn: post(
                    servers[turn % len(servers)].url, "/conversations", text="[[load: kx 20 40]]", nonce="n"
                ),
                range(10),
            )
        )
    until(lambda: site.history.statuses() == {"done"}, "the reply has ended")

    assert len(set(places)) == 1
    assert len(site.history.rows()) == 1


@STORES
def test_asks_again_once_when_two_tabs_press_retry(make_site: MakeSite, kind: str) -> None:
    site = make_site(kind)
    servers = [site.start()] if kind == "sqlite" else [site.start(), site.start()]
    history = site.history
    first = history.begin([servers[0].url], words=900, speed=20)
    history.until_all_see(5)
    post(servers[0].url, f"/replies/{first}/stop")
    until(lambda: history.statuses() == {"stopped"}, "it has stopped")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda turn: retried(servers[turn % len(servers)], first), range(6)))

    assert sorted(answers) == [303] + [409] * 5
    assert len(history.rows()) == 2
    for id in history.rows():
        post(servers[0].url, f"/replies/{id}/stop")
    until(lambda: history.statuses() == {"stopped"}, "all have stopped")


@STORES
def test_ends_once_when_stop_is_pressed_six_times(make_site: MakeSite, kind: str) -> None:
    site = make_site(kind)
    servers = [site.start()] if kind == "sqlite" else [site.start(), site.start()]
    history = site.history
    reply = history.begin([servers[0].url], words=3_000, speed=20)
    history.until_all_see(5)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda turn: post(servers[turn % len(servers)].url, f"/replies/{reply}/stop"), range(6)))
    history.until_ended()

    history.check(lost_words=50)
    assert history.statuses() == {"stopped"}
    assert ends(history) == {reply: 1}
    until(lambda: closed(history.upstream.url) == 1, "Claude is let go")


@STORES
def test_ends_once_when_stop_meets_the_end(make_site: MakeSite, kind: str, chance: random.Random) -> None:
    site = make_site(kind)
    servers = [site.start()] if kind == "sqlite" else [site.start(), site.start()]
    history = site.history

    def meet(turn: int) -> str:
        reply = history.begin([servers[0].url], words=15, speed=30)
        threading.Event().wait(chance.uniform(0.2, 0.7))
        post(servers[turn % len(servers)].url, f"/replies/{reply}/stop")
        return reply

    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(meet, range(16)))
    history.until_ended()
    before = history.rows()

    history.check(lost_words=15)
    assert history.statuses() <= {"done", "stopped"}
    assert ends(history) == dict.fromkeys(replies, 1)
    assert history.rows() == before, "what has ended stays as it is"


def ends(history: History) -> dict[str, int]:
    """Count how often the journal says of each reply that it ended."""
    return Counter(str(row["message_id"]) for row in history.read("SELECT message_id FROM journal WHERE kind = 'end'"))


@STORES
def test_sends_nobody_a_word_that_is_for_another(make_site: MakeSite, kind: str) -> None:
    trusted = {"RILL_TRUSTED_PROXIES": "127.0.0.0/8", "RILL_PROXY_SECRET": PROXY_SECRET}
    site = make_site(kind, **PROXY, **trusted)
    urls = [site.start().url] if kind == "sqlite" else [site.start().url, site.start().url]
    history = site.history
    people = ["ann", "bob", "cleo"]
    replies = {history.begin(urls, words=300, speed=15, owner=owner): owner for owner in people * 2}
    history.until_all_see(5)
    others = [(reply, other) for reply, owner in replies.items() for other in people if other != owner]
    with ThreadPoolExecutor(len(others)) as pool:
        answers = list(pool.map(lambda pair: spied(urls[-1], *pair), others))
    assert history.live()
    history.until_ended()

    history.check()
    assert all("no longer here" in answer for answer in answers)
    assert not [answer for answer in answers if any(key in answer for key in history.keys.values())]


def spied(url: str, reply: str, owner: str) -> str:
    """Ask for the stream of somebody else's reply; give all that comes."""
    request = urllib.request.Request(f"{url}/replies/{reply}/stream", headers=vouched(owner))
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("is_redis_up", [True, False])
def test_stops_from_a_server_that_does_not_write_it(make_site: MakeSite, redis: Redis, is_redis_up: bool) -> None:
    site = make_site("both")
    one, other = site.start(), site.start()
    history = site.history
    reply = history.begin([one.url], words=3_000, speed=20)
    history.until_all_see(5)
    if not is_redis_up:
        redis.kill()

    post(other.url, f"/replies/{reply}/stop")
    history.until_ended()

    history.check(lost_words=50)
    assert history.statuses() == {"stopped"}
    until(lambda: closed(history.upstream.url) == 1, "Claude is let go")


def test_answers_any_cursor_with_what_is_there(make_site: MakeSite, chance: random.Random) -> None:
    site = make_site("sqlite")
    server = site.start()
    history = site.history
    reply = history.begin(site.urls, words=150, speed=15)
    history.until_all_see(5)
    nonsense = [
        "",
        "0",
        "-1",
        "zzzzzz-1",
        "abcdef-999999999",
        "1-2-3",
        "a" * 5_000,
        "٣٤٥-١",
        "'; DROP TABLE message; --",
    ]
    [worker] = workers(server)
    open_before = len(worker.net_connections())

    def visit(turn: int) -> None:
        viewer = Viewer(site.urls, reply)
        viewer.page.ids.append(
            chance.choice([*nonsense, *history.viewers[0].page.ids]).encode("ascii", "ignore").decode()
        )
        threading.Timer(chance.uniform(0.05, 1), viewer.is_leaving.set).start()
        viewer.run()
        assert viewer.errors == [] or "ValueError" in viewer.errors[0]

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(visit, range(300)))
    history.until_ended()

    history.check()
    assert " status=500" not in server.log.read_text()
    assert "Traceback" not in server.log.read_text()
    until(lambda: len(worker.net_connections()) <= open_before + 2, "every connection is given back")


def retried(server: Process, reply: str) -> int:
    try:
        post(server.url, f"/replies/{reply}/retry")
    except urllib.error.HTTPError as error:
        return error.code
    return 303


def test_takes_everybody_back_who_left_at_once(make_site: MakeSite) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    site = make_site("sqlite")
    server = site.start()
    history = site.history
    reply = history.begin(site.urls, words=3_000, speed=15)
    history.until_all_see(5)
    [worker] = workers(server)
    open_before = len(worker.net_connections())

    crowd = [stream_of(server, reply) for _reader in range(CROWD)]
    cursors = [first_id(reader) for reader in crowd]
    for reader in crowd:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST
        reader.close()
    crowd = [stream_of(server, reply, cursor) for cursor in cursors]
    again = [first_id(reader) for reader in crowd]
    urllib.request.urlopen(f"{server.url}/", timeout=60).close()
    for reader in crowd:
        reader.close()
    post(server.url, f"/replies/{reply}/stop")
    history.until_ended()

    history.check(lost_words=50)
    assert {cursor.partition("-")[0] for cursor in cursors + again} == {again[0].partition("-")[0]}, "nobody was reset"
    until(lambda: len(worker.net_connections()) <= open_before + 2, "every connection is given back")


def stream_of(
    server: Process,
    reply: str,
    cursor: str = "",
    *,
    port: int | None = None,
    receive: int | None = None,
    source: str = "",
) -> socket.socket:
    """Ask for a stream, perhaps at another port, from another address, or with room for only so many bytes of it."""
    reader = socket.socket()
    if source:
        reader.bind((source, 0))
    host = server.url.removeprefix("http://")
    reader.settimeout(60)
    if receive:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    reader.connect(("127.0.0.1", port or int(host.rpartition(":")[2])))
    last = f"Last-Event-ID: {cursor}\r\n" if cursor else ""
    reader.sendall(f"GET /replies/{reply}/stream HTTP/1.1\r\nHost: {host}\r\n{last}\r\n".encode())
    return reader


def first_id(reader: socket.socket) -> str:
    """Read until the first frame has come, and give its cursor."""
    found = b""
    while not (match := re.search(rb"^id: (.+)$", found, re.M)):
        data = reader.recv(65_536)
        assert data, found
        found += data
    return match[1].decode()
