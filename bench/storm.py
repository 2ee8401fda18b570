"""Readers of one reply who are all cut off and come back at once, and somebody who loads pages meanwhile.

Started as ``python -m bench.storm URL TEXT``; prints one line of JSON.
"""

import json
import re
import socket as plain
import struct
import sys
from time import monotonic

import gevent
from gevent import socket
from gevent.pool import Pool

from bench.table import quantiles
from bench.viewers import AT_ONCE, TIMEOUT_S, Crowd, Crowds

READERS = 1_000
#: Within so many seconds all are back, and a page is loaded so many times a second, for so long.
BACK_S, PAGES_PER_S, PAGES_S = 1.0, 20, 4.0
_ID = re.compile(rb"^id: (\S+)$", re.M)
_HANG_UP = struct.pack("ii", 1, 0)  # SO_LINGER of nothing: a reset instead of an end


class Storm(Crowds):
    """The crowd, which reads one reply."""

    def storm(self, page: str, path: str) -> dict[str, object]:
        """Read, break off, come back; gives what was seen."""
        pool = Pool(AT_ONCE)
        opened = list(pool.imap_unordered(lambda _each: self._open(path), range(READERS)))
        cursors, connections = zip(*(reader[:2] for reader in opened), strict=True)
        for connection in connections:
            connection.setsockopt(plain.SOL_SOCKET, plain.SO_LINGER, _HANG_UP)
            connection.close()
        paging = gevent.spawn(self._load_pages, [page])
        started = [
            gevent.spawn_later(BACK_S * n / READERS, self._open, path, cursor) for n, cursor in enumerate(cursors)
        ]
        gevent.joinall(started)
        gevent.sleep(max(0.0, PAGES_S - BACK_S))
        self._is_over = True
        paging.join()
        back = [greenlet.get() for greenlet in started]
        views = {cursor.partition("-")[0] for cursor in cursors}
        for _cursor, connection, _took in back:
            connection.close()
        return {
            "again": quantiles([took for _cursor, _connection, took in back]),
            "pages": quantiles(self.seen.pages),
            "reset": sum(cursor.partition("-")[0] not in views for cursor, _connection, _took in back),
            "errors": self.seen.errors.total(),
        }

    def _open(self, path: str, cursor: str = "") -> tuple[str, plain.socket, float]:
        """Open a stream and wait for its first frame; gives its cursor, and the milliseconds that took."""
        started, found = monotonic(), b""
        connection = socket.create_connection(self._address, timeout=TIMEOUT_S)
        fields = {"last_event_id": cursor} if cursor else {}
        connection.sendall(self._request("GET", path, accept="text/event-stream", **fields))
        while not (match := _ID.search(found)):
            if not (data := connection.recv(65_536)):
                raise RuntimeError(found[:40])
            found += data
        return match[1].decode(), connection, (monotonic() - started) * 1e3


def main(url: str, text: str) -> None:
    """Begin the reply, and have the crowd read it."""
    crowds = Storm(url, Crowd(text=text, pages_per_s=PAGES_PER_S))
    place = crowds._begin(0)
    assert place, "no reply was begun"
    page, path = place
    print(json.dumps(crowds.storm(page, path)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
