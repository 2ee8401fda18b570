"""Bodies of requests: how large they may be, of how many fields, and how long they may take to arrive."""

import io
from collections.abc import Mapping
from time import monotonic
from typing import BinaryIO

import gevent
from flask import Flask, request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, RequestTimeout, ServiceUnavailable

#: Largest body, in bytes, of all routes that are not named in ``larger``.
MOST = 2_000_000
#: Most fields of a form, or parts of one with files.
FIELDS = 100
#: A body may take this long, in seconds, and a second more for each so many bytes of it.
PATIENCE_S, PACE = 30.0, 50_000

_awaited: set["Paced"] = set()


def init_app(app: Flask, larger: Mapping[str, int]) -> None:
    """Bound the body of every request; call before anything that reads one.

    ``larger`` names the endpoints that take more, and read their bodies themselves.
    """
    app.config.update(MAX_CONTENT_LENGTH=MOST, MAX_FORM_MEMORY_SIZE=MOST, MAX_FORM_PARTS=FIELDS)

    def bound() -> None:
        most, length = larger.get(request.endpoint or "", MOST), request.content_length
        request.environ["wsgi.input"] = Paced(request.environ["wsgi.input"], length, most)
        request.max_content_length = most + 1  # at its limit werkzeug cuts a body of unknown length without a word
        if length is not None and length > most:
            raise RequestEntityTooLarge

    app.before_request(bound)


def read() -> None:
    """Read the body, whether the route wants one or not: so every limit holds on every route.

    Made for ``before_request``, after the checks that need no body.
    """
    if request.max_content_length != MOST + 1:
        return
    if request.mimetype == "application/x-www-form-urlencoded":
        if request.get_data().count(b"&") >= FIELDS:  # a field costs much more than its bytes
            vars(request)["form"] = ImmutableMultiDict()  # nobody who asks for the draft is to parse it either
            raise RequestEntityTooLarge
    else:
        request.get_data(parse_form_data=True)


def give_up() -> None:
    """End the requests whose bodies are still to come: this process has to go."""
    gevent.get_hub().loop.run_callback(_give_up)


def _give_up() -> None:
    # Runs in the hub, so that each greenlet is surely where it waits for a body, not in a commit.
    for body in list(_awaited):
        body.give_up()


class Paced(io.RawIOBase):
    """Reads a body that has to arrive whole, and at a pace.

    Raises RequestTimeout where it comes too slowly, RequestEntityTooLarge where there is too much of it,
    ClientDisconnected where it ends before its length, and ServiceUnavailable once it has been given up.
    """

    def __init__(self, stream: BinaryIO, length: int | None, most: int) -> None:
        self._stream, self._length, self._most = stream, length, most
        self._took, self._began_s = 0, monotonic()
        self._is_given_up = False
        self._step = 65_536 if length is not None else 8_192  # chunks may be of a byte each

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # all that is read into
        """Read what there is, waiting no longer than the pace allows."""
        data = self._read(min(len(buffer), self._step))
        if not data and self._length is not None and self._took < self._length:
            raise ClientDisconnected
        buffer[: len(data)] = data
        self._took += len(data)
        if self._took > self._most:
            raise RequestEntityTooLarge
        return len(data)

    def give_up(self) -> None:
        """Break off whoever waits for more of it; call in the hub."""
        self._is_given_up = True
        self._reader.throw(ServiceUnavailable())

    def _read(self, size: int) -> bytes:
        if self._is_given_up:
            raise ServiceUnavailable
        left_s = self._began_s + PATIENCE_S + self._took / PACE - monotonic()
        self._reader = gevent.getcurrent()
        _awaited.add(self)
        try:
            with gevent.Timeout(max(left_s, 0.001), RequestTimeout()):
                data = self._stream.read(size)
                gevent.sleep(0)  # a fast sender always has more, and would let nobody else have a turn
                return data
        finally:
            _awaited.discard(self)
