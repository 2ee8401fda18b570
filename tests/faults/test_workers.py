"""Workers that die, are told to go, freeze, or block."""

import http.client
import json
import random
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest

from tests.faults.conftest import STORES, MakeSite, kill, workers
from tests.faults.history import TAKEN_OVER_S, slowness, until
from tests.servers import Process

CONCURRENCY = {"sqlite": "1", "both": "2"}


@pytest.mark.parametrize(
    ("kind", "replies"), [("sqlite", 12), ("both", 12), pytest.param("both", 50, marks=pytest.mark.soak)]
)
def test_keeps_what_was_stored_when_workers_are_killed(
    make_site: MakeSite, kind: str, replies: int, chance: random.Random
) -> None:
    site = make_site(kind)
    server = site.start(WEB_CONCURRENCY=CONCURRENCY[kind])
    history = site.history
    for _reply in range(replies):
        history.begin(site.urls, words=1_000, speed=20)
    history.until_all_see(chance.randint(1, 40))

    for worker in workers(server):
        kill(worker)
    history.until_taken_over()
    history.until_ended()

    history.check(lost_words=15)  # 250 ms are 5 words; the rest is what a busy machine was behind
    assert history.statuses() == {"interrupted"}
    assert all(viewer.connections > 1 for viewer in history.viewers)


@pytest.mark.parametrize(
    ("kind", "whom"),
    [
        ("sqlite", "twice"),
        ("both", "all"),
        pytest.param("sqlite", "master", marks=pytest.mark.soak),
        pytest.param("sqlite", "all", marks=pytest.mark.soak),
        pytest.param("both", "master", marks=pytest.mark.soak),
        pytest.param("both", "twice", marks=pytest.mark.soak),
    ],
)
def test_loses_nothing_when_it_is_told_to_go(make_site: MakeSite, kind: str, whom: str) -> None:
    site = make_site(kind)
    server = site.start(WEB_CONCURRENCY=CONCURRENCY[kind])
    history = site.history
    for turn in range(30):
        history.begin(site.urls, words=(60, 2_000)[turn % 2], speed=20)
    history.until_all_see(8)

    pids = [worker.pid for worker in workers(server)] if whom == "all" else []
    for pid in (server.process.pid, *pids):
        site.signal(pid, signal.SIGTERM)
    if whom == "twice":
        time.sleep(1)
        site.signal(server.process.pid, signal.SIGTERM)
    server.process.wait(timeout=60)
    log = server.log.read_text()
    site.start(WEB_CONCURRENCY=CONCURRENCY[kind])
    for viewer in history.viewers:
        viewer.urls[:] = site.urls[-1:]
    history.until_ended()

    history.check(lost_words=4)
    assert history.statuses() == {"done", "interrupted"}
    assert "Traceback" not in log
    assert "graceful timeout" not in log


def test_goes_on_for_readers_while_another_server_takes_over(make_site: MakeSite) -> None:
    site = make_site("both")
    old = site.start()
    history = site.history
    replies = [history.begin(site.urls, words=120, speed=15) for _reply in range(10)]
    history.until_all_see(8)

    new = site.start()
    for viewer in history.viewers:
        viewer.urls.append(new.url)
    site.signal(old.process.pid, signal.SIGTERM)
    later = [history.begin([new.url], words=30, speed=15) for _reply in range(3)]
    history.until_ended()
    old.process.wait(timeout=60)

    history.check()
    assert {history.rows()[id]["status"] for id in replies + later} == {"done"}


@STORES
def test_begins_again_what_had_not_begun(make_site: MakeSite, kind: str) -> None:
    site = make_site(kind)
    server = site.start()
    history = site.history
    history.upstream.process.send_signal(signal.SIGSTOP)  # Claude does not answer
    history.begin(site.urls, words=20, speed=40)
    time.sleep(0.5)

    server.process.send_signal(signal.SIGINT)
    server.process.wait(timeout=60)
    assert history.statuses() == {"queued"}
    history.upstream.process.send_signal(signal.SIGCONT)
    site.start()
    history.viewers[0].urls[:] = site.urls[-1:]
    history.until_ended()

    assert history.statuses() == {"done"}
    assert history.viewers[0].final.endswith("-20")


def test_refuses_what_a_frozen_worker_writes_when_it_wakes(make_site: MakeSite) -> None:
    site = make_site("both")
    frozen, other = site.start(), site.start()
    history = site.history
    ids = [history.begin([frozen.url, other.url], words=3_000, speed=20) for _reply in range(3)]
    history.until_all_see(8)
    [worker] = workers(frozen)

    worker.suspend()
    for viewer in history.viewers:
        viewer.urls.reverse()
    history.until_taken_over()
    assert history.statuses() == {"interrupted"}
    texts = {id: history.rows()[id]["text"] for id in ids}
    worker.resume()
    until(lambda: "fenced" in metrics(frozen.url), "the frozen one has noticed")
    history.until_ended()

    assert {id: history.rows()[id]["text"] for id in ids} == texts
    until(lambda: closed(history.upstream.url) >= 3, "the frozen one has let go of Claude")
    for viewer in history.viewers:
        assert viewer.final == " ".join(texts[viewer.reply_id].split())


def test_says_when_the_loop_was_blocked_and_goes_on(make_site: MakeSite) -> None:
    site = make_site("sqlite")
    server = site.start()
    history = site.history
    for _reply in range(4):
        history.begin(site.urls, words=100, speed=20)
    history.until_all_see(5)

    request = urllib.request.Request(f"{server.url}/_block/3", b"", {"Origin": server.url}, method="POST")
    urllib.request.urlopen(request, timeout=60).close()
    history.until_ended()

    history.check()
    assert history.statuses() == {"done"}
    slow = [line for line in metrics(server.url).splitlines() if 'loop_lag_seconds_bucket{le="1.0"}' in line]
    count = [line for line in metrics(server.url).splitlines() if "loop_lag_seconds_count" in line]
    assert float(slow[0].split()[-1]) < float(count[0].split()[-1])


def test_blocks_nobody_else_and_is_taken_over_when_it_is_killed(make_site: MakeSite) -> None:
    site = make_site("both")
    blocked, other = site.start(), site.start()
    history = site.history
    lost = [history.begin([blocked.url, other.url], words=3_000, speed=20) for _reply in range(3)]
    kept = [history.begin([other.url], words=150, speed=15) for _reply in range(3)]
    history.until_all_see(5)
    [worker] = workers(blocked)

    with urlopen_soon(f"{blocked.url}/_block/50", blocked) as is_blocked:
        until(lambda: all(viewer.sees(60) for viewer in history.viewers[3:]), "the peer goes on")
        for _page in range(10):
            urllib.request.urlopen(f"{other.url}/", timeout=20).close()
        assert is_blocked()
        kill(worker)
    for viewer in history.viewers:
        viewer.urls[:] = [other.url]
    until(lambda: not set(lost) & set(history.live()), "they are taken over", patience_s=TAKEN_OVER_S * slowness())
    history.until_ended()

    history.check(lost_words=3_000)  # all that Claude sent to a process that could not read
    assert {history.rows()[id]["status"] for id in lost} == {"interrupted"}
    assert {history.rows()[id]["status"] for id in kept} == {"done"}


@contextmanager
def urlopen_soon(url: str, server: Process) -> Iterator[Callable[[], bool]]:
    """Post in a thread of its own; gives what says whether the answer is still to come."""

    def ask() -> None:
        request = urllib.request.Request(url, b"", {"Origin": server.url}, method="POST")
        with suppress(OSError, http.client.HTTPException):
            urllib.request.urlopen(request, timeout=90).close()

    thread = Thread(target=ask, daemon=True)
    thread.start()
    yield thread.is_alive
    thread.join(timeout=90)


def metrics(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as response:
        return str(response.read().decode())


def closed(url: str) -> int:
    with urllib.request.urlopen(url, timeout=60) as response:
        return int(json.load(response)["closed"])


@STORES
def test_interrupts_nothing_when_it_is_reloaded(make_site: MakeSite, kind: str) -> None:
    site = make_site(kind)
    server = site.start(WEB_CONCURRENCY=CONCURRENCY[kind])
    history = site.history
    for _reply in range(4):
        history.begin(site.urls, words=120, speed=20)
    history.until_all_see(8)
    before = {worker.pid for worker in workers(server)}

    site.signal(server.process.pid, signal.SIGHUP)
    until(lambda: before.isdisjoint({worker.pid for worker in workers(server)}), "the workers have been replaced")
    history.until_ended()

    history.check()
    assert history.statuses() == {"done"}
