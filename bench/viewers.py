"""Readers of Rill: they begin conversations and read their streams on raw sockets, as browsers do.

Started as ``python -m bench.viewers URL JSON`` with the fields of ``Crowd``. Prints ``ready`` when all streams are
open, and when they have ended one line of JSON. The age of a delta is the time from its mark's clock to the bytes
of the whole frame it came in. Sizes are those on the wire, with the framing of HTTP.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from secrets import token_hex
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

import gevent
from gevent import socket
from gevent.pool import Pool

from bench.table import quantiles

MARK = re.compile(rb"([tgz])(\d{12})x")
CONNECT = re.compile(rb'hx-sse:connect="(/replies/(\w+)/stream[^"]*)"')
TIMEOUT_S = 90.0
#: Conversations that are begun, and streams that are opened, at once.
AT_ONCE = 8


@dataclass(frozen=True)
class Crowd:
    """What to do: replies and how many read each, or with ``in_turn`` one reply after another.

    ``finals`` is of how many the finished form is fetched in the end.
    """

    text: str
    replies: int = 1
    viewers: int = 1
    pages_per_s: float = 0
    in_turn: bool = False
    finals: int = 1


@dataclass
class Seen:
    """What was seen; milliseconds and bytes."""

    ages: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    frames_held: int = 0
    pages: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    first_new: list[float] = field(default_factory=list)
    first_next: list[float] = field(default_factory=list)
    bytes: int = 0
    final_bytes: int = 0
    complete: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def figures(self) -> dict[str, Any]:
        """Give what is printed: lists as quantiles."""
        lists: dict[str, Sequence[float]] = {
            "ages": self.ages,
            "frames": self.frames,
            "pages": self.pages,
            "posts": self.posts,
        }
        lists |= {"paced_frames": self.frames[self.frames_held :]}
        lists |= {"first_new": self.first_new, "first_next": self.first_next}
        plain = {"bytes": self.bytes, "final_bytes": self.final_bytes, "complete": self.complete}
        return {**{name: quantiles(values) for name, values in lists.items()}, **plain, "errors": dict(self.errors)}


class Crowds:
    """The readers, and the server they read from."""

    def __init__(self, url: str, crowd: Crowd) -> None:
        self._url, self._crowd, self.seen = url, crowd, Seen()
        parts = urlsplit(url)
        self._host, self._address = parts.netloc, (parts.hostname, parts.port)
        self._opened = 0
        self._is_over = False

    def run(self) -> None:
        """Begin the conversations, read all streams to their end, and load pages meanwhile."""
        pool = Pool(AT_ONCE)
        places = [place for place in pool.imap_unordered(self._begin, range(self._crowd.replies)) if place]
        readers = []
        for index, (_page, path) in enumerate(places * self._crowd.viewers):
            readers.append(gevent.spawn(self.read, path))
            self._await_opened(index + 2 - AT_ONCE)
        self._await_opened(len(readers))
        print("ready", flush=True)
        paging = gevent.spawn(self._load_pages, [page for page, _path in places])
        gevent.joinall(readers)
        self._is_over = True
        paging.join()
        for _page, path in places[: self._crowd.finals]:
            self._measure_final(path)

    def _await_opened(self, count: int) -> None:
        while self._opened + self.seen.errors["stream"] < count:
            gevent.sleep(0.002)

    def run_in_turn(self) -> None:
        """Time the first text of a new conversation, and of the next message in it, again and again."""
        for _turn in range(self._crowd.replies):
            started = monotonic()
            page = self._start()
            html = self._ask("GET", page)
            self.seen.first_new.append(self._first_text(html, started))
            form = {"text": self._crowd.text, "nonce": token_hex(8)}
            started = monotonic()
            html = self._ask("POST", f"{page}/messages", form)
            self.seen.first_next.append(self._first_text(html, started))

    def _first_text(self, html: bytes, started: float) -> float:
        """Give the milliseconds until the text was here: in the page, or else in the stream, which is read on."""
        came = monotonic()
        if match := CONNECT.search(html):
            first = self.read(match[1].decode())
            came = came if MARK.search(html) else first
        return (came - started) * 1e3

    def read(self, path: str) -> float:
        """Read a stream to its end, and give the time of its first mark."""
        first, last, is_complete, opened = 0.0, 0, False, 0.0
        try:
            for frame, came in self._frames(path):
                opened = opened or came
                for kind, digits in MARK.findall(frame):
                    if (sent := int(digits)) > last or kind == b"z":  # a block that is sent again holds old marks
                        first, last = first or came, sent
                        is_complete = kind == b"z"
                        if kind == b"g":
                            self.seen.frames_held = len(self.seen.frames)
                        if sent / 1e4 >= opened:
                            self.seen.ages.append((came - sent / 1e4) * 1e3)
                if b"event: done\n" in frame:
                    self.seen.complete += is_complete
                    return first
            self.seen.errors["ended early"] += 1
        except (OSError, RuntimeError):
            self.seen.errors["stream"] += 1
        return first

    def _frames(self, path: str) -> Iterator[tuple[bytes, float]]:
        """Give each frame and when it came; first the headers, as a frame."""
        seen = self.seen
        with socket.create_connection(self._address, timeout=TIMEOUT_S) as connection:
            connection.sendall(self._request("GET", path, accept="text/event-stream"))
            rest = connection.recv(65_536)
            if not rest.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(rest[:20])
            self._opened += 1
            yield b"", monotonic()
            _head, _blank, begun = rest.partition(b"\r\n\r\n")
            rest = b""
            for data in chain([begun], iter(lambda: connection.recv(262_144), b"")):
                came = monotonic()
                seen.bytes += len(data)
                *frames, rest = (rest + data).split(b"\n\n")
                for frame in frames:
                    seen.frames.append(len(frame) + 2)
                    yield frame, came

    def _begin(self, _index: int) -> tuple[str, str] | None:
        """Begin a conversation: its page, and where its stream is."""
        try:
            page = self._start()
            match = CONNECT.search(self._ask("GET", page))
        except (OSError, RuntimeError):
            self.seen.errors["post"] += 1
            return None
        return (page, match[1].decode()) if match else None

    def _start(self) -> str:
        started = monotonic()
        head = self._ask("POST", "/conversations", {"text": self._crowd.text, "nonce": token_hex(8)}, is_head=True)
        self.seen.posts.append((monotonic() - started) * 1e3)
        match = re.search(rb"(?i)\r\nhx-redirect: (\S+)", head)
        if match is None:
            raise RuntimeError(head[:20])
        return match[1].decode()

    def _load_pages(self, pages: list[str]) -> None:
        """Load pages at a steady rate, however long each takes."""
        rate, due = self._crowd.pages_per_s, monotonic()
        loads: list[gevent.Greenlet] = []
        while rate and pages and not self._is_over:
            loads.append(gevent.spawn(self._load, pages[len(loads) % len(pages)]))
            due += 1 / rate
            gevent.sleep(max(0, due - monotonic()))
        gevent.joinall(loads)

    def _load(self, page: str) -> None:
        started = monotonic()
        try:
            if not self._ask("GET", page).rstrip().endswith(b"</html>"):
                raise RuntimeError(page)
            self.seen.pages.append((monotonic() - started) * 1e3)
        except (OSError, RuntimeError):
            self.seen.errors["page"] += 1

    def _measure_final(self, path: str) -> None:
        """Take the size of the finished reply, as the page fetches it."""
        self.seen.final_bytes = len(self._ask("GET", path.partition("/stream")[0], is_htmx=True))

    def _ask(
        self,
        method: str,
        path: str,
        form: dict[str, str] | None = None,
        *,
        is_head: bool = False,
        is_htmx: bool = False,
    ) -> bytes:
        """Make a request on a connection of its own; give the body, or with ``is_head`` the head."""
        body = urlencode(form).encode() if form is not None else b""
        fields = {"connection": "close", "origin": self._url} | ({"hx-request": "true"} if body or is_htmx else {})
        if body:
            fields |= {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}
        with socket.create_connection(self._address, timeout=TIMEOUT_S) as connection:
            connection.sendall(self._request(method, path, **fields) + body)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        head, _blank, content = answer.partition(b"\r\n\r\n")
        if not re.match(rb"HTTP/1.1 20[04] ", head):
            raise RuntimeError(head[:40])
        return head if is_head else content

    def _request(self, method: str, path: str, **fields: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode()


def main(url: str, crowd: str) -> None:
    """Do what is wanted, and print what was seen."""
    crowds = Crowds(url, Crowd(**json.loads(crowd)))
    (crowds.run_in_turn if json.loads(crowd).get("in_turn") else crowds.run)()
    print(json.dumps(crowds.seen.figures()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
