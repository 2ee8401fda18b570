"""The loudspeaker between processes: Redis Streams, one a reply, under the numbers of the journal.

The journal stays the truth. Redis may vanish, come back empty or be full: then nothing is lost, readers are late
by as much as the journal is asked, and this feed says that it is not up.
"""

import logging
from collections import deque
from collections.abc import Iterable
from typing import Any

import gevent
import redis
from gevent.event import Event as Flag
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.adapters.feed import Entry, Feed, Subscription

log = logging.getLogger(__name__)

#: After a failure Redis is left alone for this long, in seconds.
BREAK_S = 5.0
#: How long a command may take, in seconds.
COMMAND_S = 1.0
#: How long one read waits for news, in seconds.
BLOCK_S = 5.0
#: Entries a stream keeps, and how long it lives after the last one, in seconds: the journal has the rest.
KEPT, KEPT_S = 128, 600
#: Entries that may wait to be sent; more are dropped, and found by whoever sees the gap.
OUTBOX = 5_000

_CONTROL = "rill:control"


class SharedFeed(Feed):
    """A feed that also reaches, and hears, the other processes."""

    def __init__(self, url: str, *, worker: str, verify: bool = True) -> None:
        super().__init__()
        never = Retry(NoBackoff(), 0)
        options: dict[str, Any] = {"socket_connect_timeout": COMMAND_S, "retry": never, "protocol": 2}
        if url.startswith("rediss://") and not verify:
            options["ssl_cert_reqs"] = "none"
        self._sender = redis.Redis.from_url(url, max_connections=4, socket_timeout=COMMAND_S, **options)
        self._reader = redis.Redis.from_url(url, max_connections=1, socket_timeout=3 * BLOCK_S, **options)
        self._wake_key = f"rill:wake:{worker}"
        self._outbox: deque[tuple[str, str, dict[str, str]]] = deque(maxlen=OUTBOX)
        self._has_mail = Flag()
        self._is_sending = self._is_reading = True
        self._positions: dict[str, str] = {}

    @property
    def is_up(self) -> bool:
        """Whether it reaches other processes at the moment."""
        return self._is_sending and self._is_reading

    def publish(self, reply_id: str, entries: Iterable[Entry]) -> None:
        """Say here at once, and to the others as soon as may be, that these entries are committed."""
        entries = tuple(entries)
        self._hand_on(reply_id, entries)
        for entry in entries:
            self._post(_key(reply_id), f"{entry.seq}-0", {"kind": entry.kind, "body": entry.body})

    def ask_to_stop(self, reply_id: str) -> None:
        """Tell the other processes that a reply is to be stopped."""
        self._post(_CONTROL, "*", {"stop": reply_id})

    def subscribe(self, reply_id: str, *, is_remote: bool = False) -> Subscription:
        """Listen from now on; close with ``unsubscribe``."""
        subscription = super().subscribe(reply_id, is_remote=is_remote)
        if is_remote and _key(reply_id) not in self._positions:
            self._positions[_key(reply_id)] = "0-0"
            self._post(self._wake_key, "*", {"for": "news"})
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop listening."""
        super().unsubscribe(subscription)
        if subscription.reply_id not in self._subscriptions:
            self._positions.pop(_key(subscription.reply_id), None)

    def check(self) -> int | None:
        """Raise where Redis does not answer; gives how many connections it allows, if it says."""
        self._sender.ping()
        try:
            allowed: Any = self._sender.config_get("maxclients")
        except redis.ResponseError:  # hosted ones refuse the command
            return None
        return int(allowed["maxclients"]) if "maxclients" in allowed else None

    def run(self) -> None:
        """Send and hear for ever; spawn this once. The end of either would be the end of both."""
        both = [gevent.spawn(self._send_for_ever), gevent.spawn(self._hear_for_ever)]
        try:
            gevent.joinall(both, count=1)
        finally:
            gevent.killall(both)

    def close(self) -> None:
        """Let the connections go."""
        self._sender.close()
        self._reader.close()

    def _post(self, key: str, id: str, fields: dict[str, str]) -> None:
        self._outbox.append((key, id, fields))
        self._has_mail.set()

    def _send_for_ever(self) -> None:
        while True:
            self._has_mail.wait()
            self._has_mail.clear()
            letters = list(self._outbox)
            self._outbox.clear()
            try:
                self._send(letters)
                self._turn("sending", True)
            except Exception as error:  # Redis, or something that cannot be sent: the next news will be
                self._turn("sending", False, error)
                gevent.sleep(BREAK_S)
                self._outbox.clear()  # old news: the journal has it
                self._post(self._wake_key, "*", {"for": "news"})

    def _send(self, letters: Iterable[tuple[str, str, dict[str, str]]]) -> None:
        pipeline = self._sender.pipeline(transaction=False)
        keys = dict.fromkeys(key for key, _id, _fields in letters)
        for key, id, fields in letters:
            pipeline.xadd(key, fields, id=id, maxlen=KEPT, approximate=True)  # type: ignore[arg-type]  # invariant there
        for key in keys:
            pipeline.expire(key, KEPT_S)
        for result in pipeline.execute(raise_on_error=False):
            if isinstance(result, redis.RedisError) and "equal or smaller" not in str(result):
                raise result

    def _hear_for_ever(self) -> None:
        positions = {_CONTROL: "0-0", self._wake_key: "0-0"}
        while True:
            try:
                self._hear(positions)
                self._turn("reading", True)
            except Exception as error:  # Redis, or something that is no news: the journal has it
                self._turn("reading", False, error)
                gevent.sleep(1)

    def _hear(self, positions: dict[str, str]) -> None:
        """Wait for news, and hand them on; ``positions`` are those of the streams that are no reply's."""
        watched = {**self._positions, **positions}
        found: Any = self._reader.xread(watched, block=round(1000 * BLOCK_S))  # type: ignore[arg-type]  # invariant there
        for name, letters in found:
            key, last = name.decode(), letters[-1][0].decode()
            if key in positions:
                positions[key] = last
                self._obey(letters if key == _CONTROL else ())
            elif key in self._positions:
                self._positions[key] = last
                self._hand_on(key.removeprefix(_key("")), tuple(_entry(*letter) for letter in letters))

    def _obey(self, letters: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> None:
        for _id, fields in letters:
            self.on_stop(fields.get(b"stop", b"").decode())

    def _turn(self, what: str, is_well: bool, error: Exception | None = None) -> None:
        if getattr(self, f"_is_{what}") == is_well:
            return
        setattr(self, f"_is_{what}", is_well)
        fields = {"what": what, "error": type(error).__name__ if error else None}
        log.log(logging.INFO if is_well else logging.ERROR, "feed.up" if is_well else "feed.down", extra=fields)


def _key(reply_id: str) -> str:
    return f"rill:reply:{reply_id}"


def _entry(id: bytes, fields: dict[bytes, bytes]) -> Entry:
    return Entry(int(id.partition(b"-")[0]), fields[b"kind"].decode(), fields[b"body"].decode())
