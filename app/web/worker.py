"""Gunicorn's worker as Rill needs it: what waits does not hold it up, and what is no request is not repeated."""

import logging
import sys
from contextlib import suppress
from errno import EPIPE
from socket import SHUT_RD, SHUT_RDWR, socket
from time import monotonic
from typing import Any

import gevent
from gevent import monkey
from gunicorn.http import errors
from gunicorn.util import write_error
from gunicorn.workers.ggevent import GeventWorker

log = logging.getLogger("app.server")

#: Connections that may wait for a request that may never come; where more do, those that waited longest are ended.
MAX_IDLE = 500
#: What is left of a refused request is read for so long, in seconds, and so many bytes; then the connection ends.
DRAIN_BODY_S, DRAIN_BODY = 5, 40_000_000


#: What is answered to what is no request, by what is wrong with it.
SERVER_ERROR = (500, "Internal Server Error")
REFUSALS = (
    ((errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem), SERVER_ERROR),
    (errors.LimitRequestLine, (414, "URI Too Long")),
    (errors.LimitRequestHeaders, (431, "Request Header Fields Too Large")),
    (errors.ExpectationFailed, (417, "Expectation Failed")),
    (errors.UnsupportedTransferCoding, (501, "Not Implemented")),
    (errors.ParseException, (400, "Bad Request")),
)


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gevent's worker, which leaves without waiting for browsers that keep a connection open for later."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.told_at: float | None = None
        self._is_quitting = False
        self._connections: set[socket] = set()
        self._idle: dict[socket, None] = {}  # as a set that knows which came first

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Note when the worker was told to finish."""
        self.told_at = self.told_at or monotonic()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Leave at once, and only once: Ctrl-C comes from the terminal, and then again from the master."""
        self.alive = False
        if not self._is_quitting:
            self._is_quitting = True
            gevent.spawn(self._quit)

    def _quit(self) -> None:
        if hasattr(self, "wsgi"):
            self.wsgi.extensions["rill"].runner.drain(0)
        sys.exit(0)

    def handle(self, listener: Any, client: socket, addr: Any) -> None:
        """Serve a connection, which is idle until a request comes."""
        self._connections.add(client)
        self._wait(client)
        try:
            super().handle(listener, client, addr)
        finally:
            self._idle.pop(client, None)
            self._connections.discard(client)

    def handle_request(self, listener_name: Any, req: Any, sock: socket, addr: Any) -> None:
        """Serve a request, and keep the connection for the next."""
        self._idle.pop(sock, None)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except TimeoutError as error:  # a reader took nothing for too long: gone, as far as the log is concerned
            raise BrokenPipeError(EPIPE, "stuck") from error
        if not _is_drained(req.body):
            raise StopIteration  # closes the connection, on which nobody knows where the next request begins
        self._wait(sock)

    def _wait(self, client: socket) -> None:
        self._idle[client] = None
        if len(self._idle) > MAX_IDLE:
            self._end(next(iter(self._idle)))

    def _end(self, client: socket) -> None:
        self._idle.pop(client)
        _shut(client, SHUT_RD)

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Refuse what is no request, and repeat nothing of it: gunicorn would log and show a cookie in a bad header."""
        status, reason = next((said for kind, said in REFUSALS if isinstance(exc, kind)), SERVER_ERROR)
        is_crash = status == SERVER_ERROR[0]
        said = {"error": type(exc).__name__, "status": status}
        log.log(
            logging.ERROR if is_crash else logging.WARNING, "request.refused", exc_info=is_crash and exc, extra=said
        )
        with suppress(Exception):
            write_error(client, status, reason, "")

    def close_idle(self) -> None:
        """End the connections that wait for a request."""
        for client in list(self._idle):
            self._end(client)

    def close_all(self) -> None:
        """End every connection, whatever it is in the middle of."""
        for client in list(self._connections):
            _shut(client, SHUT_RDWR)


def _shut(client: socket, how: int) -> None:
    fromfd = monkey.get_original("socket", "fromfd")  # gevent's own shutdown makes waiting readers fail
    with suppress(OSError), fromfd(client.fileno(), client.family, client.type) as same:
        same.shutdown(how)


def _is_drained(body: Any) -> bool:
    """Read what the application left of a request, within bounds: a browser reads its answer only after that."""
    if body is None:
        return True
    with suppress(Exception), gevent.Timeout(DRAIN_BODY_S, False):
        for _step in range(DRAIN_BODY // 8_192):
            if not body.read(8_192):
                return not body.failed
            gevent.sleep(0)
    return False
