"""A fake Messages API for load: replies at a steady pace, whose words carry the time they were sent.

Started as ``python -m bench.upstream PORT SECONDS``; it ends by itself after those. The last message of a request
says what is wanted, in any order and with the defaults of ``Wish``:
``[[load: tokens=250 rate=50 piece=mixed burst=0 wait=0 hold=1]]``. Every tenth delta or so holds a mark: ``t``, then
the monotonic clock in 0.1 ms, then ``x``; it begins with ``g`` after a burst, and with ``z`` in the last delta.
``GET /go`` lets the held replies begin, one after the other within a second, ``GET /stats`` tells what has been
sent. One thread and raw sockets: a delta costs little more than its system call.
"""

import json
import os
import re
import socket
import sys
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import random
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from time import monotonic

from bench.pieces import MARK, PIECES, chunk, marked, script
from tests.fakes.claude import closing, opening

BATCH = 64  # deltas in one write of a reply without a pace
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nrequest-id: req_load\r\n"
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@dataclass(frozen=True)
class Wish:
    """What a request asks for; ``rate`` 0 is as fast as it goes, ``burst`` that many deltas before the pace."""

    tokens: int = 250
    rate: float = 50
    piece: str = "mixed"
    burst: int = 0
    wait: float = 0
    hold: int = 0

    @classmethod
    def parse(cls, body: bytes) -> "Wish":
        """Read the wish in the last message of a request."""
        content = json.loads(body)["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        match = re.search(r"\[\[load: ([^\]]*)\]\]", text)
        values = dict(part.split("=") for part in match[1].split()) if match else {}
        return cls(**{name: cls.__annotations__[name](value) for name, value in values.items()})


FIRST = marked(f"{MARK} ")
GOING, LAST = (marked(f"\n\n{kind}{MARK[1:]}\n\n") for kind in "gz")
BEGIN = HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n" + b"".join(map(chunk, opening()))
END = b"".join(map(chunk, closing())) + b"0\r\n\r\n"


@dataclass(eq=False)
class Peer:
    """A connection, and the reply that is being sent on it."""

    socket: socket.socket
    got: bytes = b""
    rest: bytes = b""
    wish: Wish = field(default_factory=Wish)
    steps: list[tuple[bytes, bytes]] = field(default_factory=list)
    place: int = 0
    sent: int = 0
    due: float = 0
    is_running: bool = False


class Upstream:
    """The server; one loop sends what is due and reads what has come."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._listener.setblocking(False)
        self._selector = DefaultSelector()
        self._selector.register(self._listener, EVENT_READ)
        self._due: list[tuple[float, int, Peer]] = []
        self._order, self._begun = count(), count()
        self._held: list[Peer] = []
        self.stats = {"begun": 0, "sent": 0, "done": 0, "gone": 0, "late_max_ms": 0.0}

    def serve(self, lifetime_s: float) -> None:
        """Serve until the parent is gone or the time is over."""
        parent, end = os.getppid(), monotonic() + lifetime_s
        while os.getppid() == parent and monotonic() < end:
            wait_s = self._due[0][0] - monotonic() if self._due else 1.0
            for key, mask in self._selector.select(min(max(wait_s, 0), 1.0)):
                if key.fileobj is self._listener:
                    self._accept()
                elif mask & EVENT_WRITE:
                    self._write(key.data, b"")
                else:
                    self._read(key.data)
            now = monotonic()
            while self._due and self._due[0][0] <= now:
                self._step(heappop(self._due)[2], now)

    def _accept(self) -> None:
        connection, _address = self._listener.accept()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, EVENT_READ, Peer(connection))

    def _read(self, peer: Peer) -> None:
        try:
            data = peer.socket.recv(65_536)
        except OSError:
            data = b""
        if not data:
            self._leave(peer)
            return
        peer.got += data
        head, blank, body = peer.got.partition(b"\r\n\r\n")
        size = LENGTH.search(head)
        if blank and len(body) >= (int(size[1]) if size else 0):
            peer.got = b""
            self._answer(peer, head.split(b" ", 2)[1], body)

    def _answer(self, peer: Peer, path: bytes, body: bytes) -> None:
        if path == b"/v1/messages":
            self._begin(peer, Wish.parse(body))
            return
        if path == b"/go":
            held, self._held = self._held, []
            for each in held:
                each.due, each.is_running = monotonic() + random() * max(1, 1 / each.wish.rate), True
                self._plan(each)
        text = json.dumps({**self.stats, "held": len(self._held)}).encode()
        self._write(peer, HEAD % b"application/json" + b"content-length: %d\r\n\r\n%s" % (len(text), text))

    def _begin(self, peer: Peer, wish: Wish) -> None:
        steps, starts = script(wish.piece)
        peer.wish, peer.steps, peer.place, peer.sent = wish, steps, starts[next(self._begun) % len(starts)], 0
        peer.due = monotonic() + wish.wait
        self.stats["begun"] += 1
        self._go_on(peer, BEGIN)

    def _step(self, peer: Peer, now: float) -> None:
        """Send a delta, or as many as there is no pace for."""
        wish = peer.wish
        if not peer.is_running:
            return
        self.stats["late_max_ms"] = max(self.stats["late_max_ms"], (now - peer.due) * 1e3)
        is_paced = wish.rate > 0 and peer.sent >= wish.burst
        size = 1 if is_paced else min(BATCH, (wish.burst or wish.tokens) - peer.sent)
        data = b"".join(self._delta(peer) for _ in range(size))
        peer.due = peer.due + 1 / wish.rate if is_paced else now
        self.stats["sent"] += size
        self._go_on(peer, data)

    def _go_on(self, peer: Peer, data: bytes) -> None:
        """Send bytes of a reply, and decide whether it runs on, is held, or is over."""
        is_over = peer.sent >= peer.wish.tokens
        is_held = bool(peer.wish.hold) and peer.sent == peer.wish.burst
        self._held += [peer] * is_held
        peer.is_running = not is_over and not is_held
        self.stats["done"] += is_over
        self._write(peer, data + END if is_over else data)

    def _delta(self, peer: Peer) -> bytes:
        peer.sent += 1
        head, tail = peer.steps[peer.place]
        peer.place = (peer.place + 1) % len(peer.steps)
        if peer.sent in (1, peer.wish.burst + 1, peer.wish.tokens):
            head, tail = {1: FIRST, peer.wish.tokens: LAST}.get(peer.sent, GOING)
        return b"%s%012d%s" % (head, int(monotonic() * 1e4), tail) if tail else head

    def _plan(self, peer: Peer) -> None:
        """Put the next step on the list, unless the connection has to take earlier bytes first."""
        if peer.is_running and not peer.rest:
            heappush(self._due, (peer.due, next(self._order), peer))

    def _write(self, peer: Peer, data: bytes) -> None:
        """Send what the connection takes; the rest, and the next step, wait until it takes more."""
        was_waiting, data = bool(peer.rest), peer.rest + data
        try:
            taken = peer.socket.send(data)
        except BlockingIOError:
            taken = 0
        except OSError:
            self._leave(peer)
            return
        peer.rest = data[taken:]
        if bool(peer.rest) != was_waiting:
            self._selector.modify(peer.socket, EVENT_WRITE if peer.rest else EVENT_READ, peer)
        self._plan(peer)

    def _leave(self, peer: Peer) -> None:
        self.stats["gone"] += peer.is_running
        peer.is_running = False
        self._held = [each for each in self._held if each is not peer]
        self._selector.unregister(peer.socket)
        peer.socket.close()


if __name__ == "__main__":
    for piece in (*PIECES, "corpus"):
        script(piece)
    Upstream(int(sys.argv[1])).serve(float(sys.argv[2]))
