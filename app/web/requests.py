"""One log line for each request, when its answer is complete: how long a stream was open shows there too."""

import logging
from time import monotonic

from flask import Flask, Response, g, request

log = logging.getLogger(__name__)

#: Answers that nobody needs to read about: probes and static files.
_QUIET = ("ops.livez", "ops.readyz", "ops.metrics", "static")


def init_app(app: Flask) -> None:
    """Time every request."""
    app.before_request(_begin)
    app.after_request(_note)


def _begin() -> None:
    g.started = monotonic()


def _note(response: Response) -> Response:
    if request.endpoint in _QUIET and response.status_code < 400:
        return response
    started = g.get("started", monotonic())
    fields: dict[str, object] = {"method": request.method, "endpoint": request.endpoint, "status": response.status_code}
    response.call_on_close(lambda: _log(fields, started))
    return response


def _log(fields: dict[str, object], started: float) -> None:
    log.info("request.ended", extra={**fields, "duration_s": round(monotonic() - started, 3)})
