"""Bad networks between reader and Rill, Rill and Claude, Rill and Redis."""

import random
import time
from collections.abc import Callable, Iterator

import pytest

from tests.backends import Redis
from tests.fakes.chaos import Chaos, Weather
from tests.faults.conftest import MakeSite, workers
from tests.faults.history import post, until
from tests.faults.test_readers import stream_of
from tests.faults.viewer import Viewer
from tests.servers import Process

MakeChaos = Callable[..., Chaos]


@pytest.fixture
def make_chaos(chance: random.Random) -> Iterator[MakeChaos]:
    """Give what puts bad weather before a server."""
    made: list[Chaos] = []

    def make(url: str, **weather: object) -> Chaos:
        made.append(
            Chaos(int(url.rpartition(":")[2].partition("/")[0]), Weather(**weather), seed=chance.getrandbits(32))
        )
        return made[-1]

    yield make
    for chaos in made:
        chaos.close()


@pytest.mark.parametrize(
    "weather",
    [
        {"cut_after": 1_500},
        {"cut_after": 1_500, "is_reset": True},
        {"slice": 7, "delay_s": 0.002},
        {"slice": 300, "delay_s": 0.05, "cut_after": 3_000},
    ],
    ids=["cut", "reset", "sliced", "slow-and-cut"],
)
def test_brings_a_reader_to_the_end_through_any_network(
    make_site: MakeSite, make_chaos: MakeChaos, weather: dict[str, object]
) -> None:
    site = make_site("sqlite")
    server = site.start()
    chaos = make_chaos(server.url, **weather)
    reply = site.history.begin(site.urls, words=120, speed=20)
    for _viewer in range(3):
        site.history.viewers.append(Viewer([chaos.url], reply, home=server.url))
        site.history.viewers[-1].start()
    site.history.until_ended()

    site.history.check()
    assert site.history.statuses() == {"done"}
    if "cut_after" in weather:
        assert chaos.cuts > 3


def test_takes_claude_in_any_slices(make_site: MakeSite, make_chaos: MakeChaos, upstream: Process) -> None:
    site = make_site("sqlite")
    site.start(ANTHROPIC_BASE_URL=make_chaos(upstream.url, slice=3, delay_s=0.001).url)
    for _reply in range(3):
        site.history.begin(site.urls, words=60, speed=20)
    site.history.until_ended()

    site.history.check()
    assert site.history.statuses() == {"done"}


def test_keeps_what_came_when_the_way_to_claude_breaks(
    make_site: MakeSite, make_chaos: MakeChaos, upstream: Process
) -> None:
    site = make_site("sqlite")
    site.start(ANTHROPIC_BASE_URL=make_chaos(upstream.url, cut_after=4_000, is_reset=True).url)
    for _reply in range(5):
        site.history.begin(site.urls, words=300, speed=50)
    site.history.until_ended()

    site.history.check(lost_words=300)
    assert {(row["status"], row["error_code"]) for row in site.history.rows().values()} <= {
        ("failed", "truncated"),
        ("failed", "connect"),
    }
    assert all(row["text"] for row in site.history.rows().values())


def test_shows_what_another_server_writes_while_redis_says_nothing(
    make_site: MakeSite, make_chaos: MakeChaos, redis: Redis
) -> None:
    site = make_site("both")
    chaos = make_chaos(redis.url)
    url = f"redis://127.0.0.1:{chaos.port}/0"
    writer, reader = site.start(REDIS_URL=url), site.start(REDIS_URL=url)
    for _reply in range(3):
        site.history.begin([writer.url], words=200, speed=20)
        site.history.viewers[-1].urls[:] = [reader.url]
    site.history.until_all_see(10)

    chaos.weather.is_silent = True  # answers are lost, and no connection is
    site.history.until_all_see(80)
    chaos.weather.is_silent = False
    site.history.until_ended()

    site.history.check()
    assert site.history.statuses() == {"done"}


@pytest.mark.soak
def test_lets_readers_go_that_take_a_byte_a_second_or_are_not_there_at_all(
    make_site: MakeSite, make_chaos: MakeChaos
) -> None:
    site = make_site("sqlite")
    server = site.start()
    chaos = make_chaos(server.url)
    chaos.receive = 4_096
    reply = site.history.begin(site.urls, words=60_000, speed=500, viewers=0)
    held = len(established(server))
    readers = [stream_of(server, reply, receive=2_048) for _reader in range(5)]
    behind = [stream_of(server, reply, port=chaos.port) for _reader in range(5)]
    chaos.weather.is_silent = True  # as where a phone has gone: nobody takes anything, and nobody hangs up
    until(lambda: len(established(server)) >= held + 10, "all are connected")

    def sip() -> bool:
        for reader in readers:
            reader.recv(1)
        time.sleep(1)
        return len(established(server)) <= held

    until(sip, "all are let go", patience_s=90)
    for reader in readers + behind:
        reader.close()
    assert site.history.live(), "they are let go while there is more to come"
    post(server.url, f"/replies/{reply}/stop")
    site.history.until_ended()

    site.history.check(lost_words=500)


def established(server: Process) -> list[object]:
    """Give the connections that a server holds to its readers."""
    [worker] = workers(server)
    port = int(server.url.rpartition(":")[2])
    return [one for one in worker.net_connections("tcp") if one.laddr.port == port and one.status == "ESTABLISHED"]
