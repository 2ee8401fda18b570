"""Readers that take nothing: little of the stream waits for them, and not for long."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import gevent
from gevent.socket import wait_read

#: A reader who takes nothing for this long, in seconds, is let go; it may come back with its cursor.
STUCK_S = 15.0
#: How much the kernel holds for one reader, in bytes: without a bound it was measured to be megabytes.
SEND_BUFFER = 65_536
#: Most that is given to the connection at once, in bytes or characters: it is given STUCK_S for each piece.
PIECE = 65_536

_T = TypeVar("_T", str, bytes)


@contextmanager
def watched(environ: Mapping[str, Any], when_gone: Callable[[], object]) -> Iterator[None]:
    """Call ``when_gone`` as soon as the reader of a WSGI request hangs up, even while nothing is written.

    A reader that ends its side of the connection has gone: whoever waits for an answer keeps both open.
    """
    connection: socket.socket | None = environ.get("gunicorn.socket")
    if connection is None:
        yield
        return
    watcher = gevent.spawn(_watch, connection, when_gone)
    try:
        yield
    finally:
        watcher.kill()


def _watch(connection: socket.socket, when_gone: Callable[[], object]) -> None:
    try:
        while True:
            wait_read(connection.fileno())
            if not connection.recv(1, socket.MSG_PEEK):
                break
            gevent.sleep(1)  # the next request is there already, and has to wait
    except OSError:
        pass
    when_gone()


def in_pieces(stream: Iterable[_T]) -> Iterator[_T]:
    """Pass a stream on in pieces, so that a reader who takes something, however slowly, is not let go."""
    for found in stream:
        for start in range(0, len(found), PIECE):
            yield found[start : start + PIECE]


@contextmanager
def bounded(environ: Mapping[str, Any]) -> Iterator[None]:
    """Bound what a stream may hold back, on the connection of a WSGI request, while it lasts."""
    connection: socket.socket | None = environ.get("gunicorn.socket")
    if connection is None:
        yield
        return
    before = connection.gettimeout()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT") and connection.family != socket.AF_UNIX:  # half-open: nobody acknowledges
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(2_000 * STUCK_S))
    connection.settimeout(STUCK_S)
    try:
        yield
    finally:
        with suppress(OSError):
            connection.settimeout(before)
