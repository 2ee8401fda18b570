"""What failures of Claude's mean where nothing is stored and no page is shown: to programs, and in a shell."""

from collections.abc import Mapping

from app.core.errors import Kind, Upstream

_BY_KIND: dict[Kind, str] = {
    "busy": "Claude is busy or out of reach, and trying again did not help. Try later.",
    "account": "This server cannot reach Claude; tell the administrator.",
    "foreign": "What came back is not a reply from Claude; tell the administrator.",
    "request": "Claude could not accept the request.",
    "cut": "The reply broke off.",
}
_BY_CODE = {
    "context_too_long": "The text is too long for the model. Send less.",
    "request_too_large": "The request is too large for Claude. Send less.",
    "not_found_error": "Claude does not know the model. Choose another one.",
}
_NOTHING: Mapping[str, str] = {}


def sentence(error: Upstream, own: Mapping[str, str] = _NOTHING) -> str:
    """Say what a failure means, and what Claude said of the request; ``own`` has other sentences by code or kind."""
    found = own.get(error.code) or _BY_CODE.get(error.code) or own.get(error.kind) or _BY_KIND[error.kind]
    if error.kind == "busy" and error.retry_after_s is not None:
        found = f"Claude is busy, and asks to wait {error.retry_after_s:.0f} s. Try later."
    return f"{found} It said: {error.said}" if error.said else found
