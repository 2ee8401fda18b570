"""Response headers, the nonce of each response, and the checks every request passes."""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from app.core.errors import Forbidden
from app.web import cookies, htmx, peer
from app.web.services import services

_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types htmx"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000; includeSubDomains"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
#: What platforms ask by number; it says nothing of anybody.
_PROBES = {"ops.livez", "ops.readyz"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def init_app(app: Flask) -> None:
    """Guard every request and harden every response of the app."""
    app.before_request(_check_host)
    app.before_request(_check_way)
    app.before_request(_check_origin)
    app.after_request(_harden)
    app.after_request(_share)
    app.context_processor(lambda: {"nonce": nonce()})


def nonce() -> str:
    """Give the script nonce of this response; hx-csp swaps it for the page's in fragments."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    value: str = g.nonce
    return value


def _check_host() -> None:
    """Refuse other names for this server, so that no website can rebind its own name to it."""
    try:
        parts = urlsplit(f"//{request.host}")
        host = parts.hostname if parts.port != 0 else None  # reading a port that is none raises
    except ValueError:
        host = None
    url = services().settings.url
    if host not in _LOOPBACK and request.endpoint not in _PROBES and (url is None or host != urlsplit(url).hostname):
        raise Forbidden(f"This is not an address of Rill. Open it as {url or 'http://127.0.0.1 or http://localhost'}.")


def _check_way() -> None:
    """Without a way in, serve nobody whom a proxy brings from another machine."""
    if not services().settings.ways and request.endpoint not in _PROBES and not peer.is_of_this_machine():
        raise Forbidden(
            "Nobody signs in at this Rill, so it serves its own machine alone; this came through a proxy, and not for "
            "certain from there. Whoever runs it can set a way in: the README says how, under “Who can come in”."
        )


def _check_origin() -> None:
    """Refuse unsafe requests that another site caused: Sec-Fetch-Site decides, else Origin must match."""
    if request.method in _SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_ours = origin is None or origin == (services().settings.url or request.host_url.rstrip("/"))
    if site is not None:
        is_ours = site == "same-origin" or (site == "none" and is_ours)
    if not is_ours and not _is_invited():
        raise Forbidden("This request came from another site, so Rill did not carry it out.")


def _is_invited() -> bool:
    """Say whether the request is one to the API, of a page that the operator lets use it."""
    return request.path.startswith("/api/") and request.headers.get("Origin") in services().settings.api_origins


def _share(response: Response) -> Response:
    """Tell browsers that pages of other origins may read this, where they may (the Fetch standard, CORS)."""
    if not request.path.startswith("/api/") or not services().settings.api_origins:
        return response
    response.headers.add("Vary", "Origin")
    if _is_invited():
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
            response.headers["Access-Control-Max-Age"] = "600"
    return response


def _harden(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce())
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.vary.add("Cookie")
    if not request.path.startswith("/api/"):
        htmx.vary(response)
    if cookies.is_secure():
        response.headers["Strict-Transport-Security"] = HSTS
    return response
