"""Errors as programs get them: ``{"error": {"type", "message", "retry_after"?}}``, in Anthropic's words."""

from math import ceil
from typing import Any

from flask import Response, jsonify

from app.core.errors import RillError, Upstream

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    529: "overloaded_error",
}
#: What Claude says, as a status: of all else it can only be said that Claude cannot be reached at the moment.
_UPSTREAM = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "invalid_request_error": 400,
    "context_too_long": 400,
    "not_found_error": 404,
    "request_too_large": 413,
    "budget": 429,
    "internal": 500,
}
_MOST_S = 86_400


def status_of(error: RillError) -> int:
    """Give the status that fits an error."""
    return _UPSTREAM.get(error.code, 503) if isinstance(error, Upstream) else error.status


def body(status: int, sentence: str, retry_after_s: float | None = None) -> dict[str, Any]:
    """Write an error as JSON."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    error: dict[str, Any] = {"type": kind, "message": sentence}
    if retry_after_s is not None:
        error["retry_after"] = min(ceil(retry_after_s), _MOST_S)
    return {"error": error}


def of(error: RillError) -> dict[str, Any]:
    """Write one of ours as JSON."""
    return body(status_of(error), str(error), getattr(error, "retry_after_s", None))


def answer(status: int, content: dict[str, Any]) -> Response:
    """Answer with an error."""
    response: Response = jsonify(content)
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if (retry_after := content["error"].get("retry_after")) is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response
