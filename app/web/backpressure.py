"""Readers that take nothing: little of the stream waits for them, and not for long."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

#: A reader who takes nothing for this long, in seconds, is let go; it may come back with its cursor.
STUCK_S = 15.0
#: How much the kernel holds for one reader, in bytes: without a bound it was measured to be megabytes.
SEND_BUFFER = 65_536


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
