"""The feed through a real Redis: heard elsewhere, and silent rather than in the way."""

from collections.abc import Iterator

import gevent
import pytest

from app.adapters import shared_feed
from app.adapters.feed import Entry, Subscription
from app.adapters.shared_feed import SharedFeed
from tests.backends import Redis
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.kill()


@pytest.fixture
def feeds(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SharedFeed, SharedFeed]]:
    """Give the feeds of two processes."""
    monkeypatch.setattr(shared_feed, "BREAK_S", 0.3)
    monkeypatch.setattr(shared_feed, "COMMAND_S", PATIENCE_S)
    feeds = SharedFeed(redis.url, worker="one"), SharedFeed(redis.url, worker="two")
    running = [gevent.spawn(feed.run) for feed in feeds]
    gevent.sleep(0.05)
    yield feeds
    gevent.killall(running)
    for feed in feeds:
        feed.close()


def entry(seq: int) -> Entry:
    return Entry(seq, "text", f'{{"index":0,"text":"{seq} ü"}}')


def heard(subscription: Subscription) -> list[int]:
    return [entry.seq for entry in subscription.entries]


def test_reaches_who_listens_in_another_process(feeds: tuple[SharedFeed, SharedFeed]) -> None:
    one, two = feeds
    listening = two.subscribe("r", is_remote=True)

    one.publish("r", [entry(1), entry(2)])
    until(lambda: len(listening.entries) == 2)

    assert list(listening.entries) == [entry(1), entry(2)]


def test_gives_who_comes_later_what_is_kept(feeds: tuple[SharedFeed, SharedFeed]) -> None:
    one, two = feeds
    one.publish("r", [entry(1)])
    gevent.sleep(0.1)

    listening = two.subscribe("r", is_remote=True)
    until(lambda: listening.entries)
    one.publish("r", [entry(2)])
    until(lambda: len(listening.entries) == 2)

    assert heard(listening) == [1, 2]


def test_tells_its_own_process_at_once_and_once(feeds: tuple[SharedFeed, SharedFeed]) -> None:
    one, _two = feeds
    listening = one.subscribe("r")

    one.publish("r", [entry(1)])
    assert heard(listening) == [1]

    gevent.sleep(0.2)
    assert heard(listening) == [1]


def test_hands_on_nothing_of_other_replies_and_nothing_after_the_end(feeds: tuple[SharedFeed, SharedFeed]) -> None:
    one, two = feeds
    listening, other = two.subscribe("r", is_remote=True), two.subscribe("s", is_remote=True)
    two.unsubscribe(other)

    one.publish("s", [entry(1)])
    one.publish("r", [entry(7)])
    until(lambda: listening.entries)

    assert (heard(listening), heard(other)) == ([7], [])


def test_tells_every_process_which_reply_to_stop(feeds: tuple[SharedFeed, SharedFeed]) -> None:
    asked: list[str] = []
    feeds[1].on_stop = asked.append

    feeds[0].ask_to_stop("r")
    until(lambda: asked)

    assert asked == ["r"]


def test_goes_on_after_news_that_make_no_sense(feeds: tuple[SharedFeed, SharedFeed], redis: Redis) -> None:
    one, two = feeds
    listening = two.subscribe("r", is_remote=True)
    two.on_stop = lambda _id: {}["nothing"]
    one.publish("r", [Entry(1, "text", "\udc00")])  # cannot be sent
    one.ask_to_stop("s")
    until(lambda: not one.is_up)
    with redis.client() as client:
        client.xadd("rill:reply:r", {"of a newer version": "1"}, id="1-0")
    until(lambda: not two.is_up)

    until(lambda: one.is_up)
    one.publish("r", [entry(2)])
    until(lambda: listening.entries)

    assert heard(listening) == [2]


def test_goes_on_when_redis_comes_back_empty(feeds: tuple[SharedFeed, SharedFeed], redis: Redis) -> None:
    one, two = feeds
    listening = two.subscribe("r", is_remote=True)
    one.publish("r", [entry(1)])
    until(lambda: listening.entries)

    redis.kill()
    one.publish("r", [entry(2)])
    until(lambda: not one.is_up and not two.is_up)
    redis.start()
    gevent.sleep(0.5)
    one.publish("r", [entry(3)])
    until(lambda: 3 in heard(listening))

    assert heard(listening) in ([1, 3], [1, 2, 3])  # whoever finds a gap reads the journal
    until(lambda: one.is_up and two.is_up)


def test_holds_nobody_up_while_redis_does_not_answer(feeds: tuple[SharedFeed, SharedFeed], redis: Redis) -> None:
    one, _two = feeds
    listening = one.subscribe("r")
    redis.kill()

    beats = 0
    for seq in range(1, 2_001):
        one.publish("r", [entry(seq)])
        if seq % 100 == 0:
            gevent.sleep(0)
            beats += 1

    assert beats == 20
    assert heard(listening) == list(range(977, 2_001))  # the newest 1,024
    until(lambda: not one.is_up)


def test_takes_a_full_redis_for_one_that_is_down(feeds: tuple[SharedFeed, SharedFeed], redis: Redis) -> None:
    one, _two = feeds
    with redis.client() as client:
        client.config_set("maxmemory", 1)
        one.publish("r", [entry(1)])
        until(lambda: not one.is_up)
        client.config_set("maxmemory", 0)

    one.publish("r", [entry(2)])
    until(lambda: one.is_up)


def test_takes_an_entry_that_is_there_already_for_sent(feeds: tuple[SharedFeed, SharedFeed]) -> None:
    one, two = feeds
    listening = two.subscribe("r", is_remote=True)

    one.publish("r", [entry(1)])
    one.publish("r", [entry(1), entry(2)])
    until(lambda: 2 in heard(listening))

    assert one.is_up
    assert heard(listening) == [1, 2]


def test_leaves_little_and_not_for_long_in_redis(feeds: tuple[SharedFeed, SharedFeed], redis: Redis) -> None:
    one, _two = feeds
    for seq in range(1, 1_001):
        one.publish("r", [entry(seq)])
    with redis.client() as client:
        until(
            lambda: (
                client.exists("rill:reply:r") and client.xinfo_stream("rill:reply:r")["last-generated-id"] == b"1000-0"
            )
        )

        assert client.xlen("rill:reply:r") <= 2 * shared_feed.KEPT
        assert all(0 < client.ttl(key) <= shared_feed.KEPT_S for key in client.keys("*"))
