"""Asks an identity provider over HTTP: what counts is JSON, small, soon, and from the very address that was asked."""

import json
from typing import Any
from urllib.parse import urlsplit

import gevent
import httpx2

from app.core import parse
from app.core.errors import RillError, Unavailable

#: Longest answer that is read, in bytes.
_LARGEST = 256 * 1024
_BAD = (
    "The identity provider gave an answer that cannot be trusted, so nobody was signed in. "
    "Try again, or tell who runs this Rill."
)
_AWAY = "The identity provider does not answer at the moment, so nobody was signed in. Try again in a minute."


class Untrusted(RillError):
    """The identity provider answered wrongly; ``reason`` is for the log, and made of our own words."""

    status = 502

    def __init__(self, reason: str) -> None:
        super().__init__(_BAD)
        self.reason = reason


class Away(Unavailable):
    """The identity provider cannot be reached, or is too slow; ``reason`` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(_AWAY)
        self.reason = reason


class Wire:
    """The connection to an identity provider; ``patience_s`` is how long one answer may take in all, in seconds."""

    def __init__(self, *, patience_s: float = 10.0) -> None:
        limits = httpx2.Limits(max_connections=20, max_keepalive_connections=0)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Rill"}
        self._client = httpx2.Client(follow_redirects=False, timeout=httpx2.Timeout(5), limits=limits, headers=headers)
        self._patience_s = patience_s

    def get(self, url: str, *, token: str | None = None) -> dict[str, Any]:
        """Read an object; raises Untrusted, Away."""
        status, found = self._ask("GET", url, {"Authorization": f"Bearer {token}"} if token else {}, None)
        if status != 200:
            raise _wrong(status)
        return found

    def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, dict[str, Any]]:
        """Send a form, and give the status and the object that came back; raises Untrusted, Away."""
        return self._ask("POST", url, headers, body)

    def _ask(self, method: str, url: str, headers: dict[str, str], body: str | None) -> tuple[int, dict[str, Any]]:
        try:
            with (
                gevent.Timeout(self._patience_s, TimeoutError),
                self._client.stream(method, url, headers=headers, content=body) as response,
            ):
                return response.status_code, _object(response)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise Away(type(error).__name__) from None


def check_address(url: object, issuer: str) -> str:
    """Give an address that the provider named, if it may be asked: https, or plain where the issuer is on loopback."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Untrusted("discovery.address") from None
    is_plain = parts.scheme == "http" and parse.is_loopback(host) and parse.is_loopback(urlsplit(issuer).hostname or "")
    if not host or "@" in parts.netloc or parts.fragment or not (parts.scheme == "https" or is_plain):
        raise Untrusted("discovery.address")
    return str(url)


def _object(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code >= 500 or response.status_code == 429 or 300 <= response.status_code < 400:
        raise _wrong(response.status_code)
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Untrusted("encoding")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > _LARGEST:
            raise Untrusted("too_large")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Untrusted("not_json") from None
    if not isinstance(found, dict):
        raise Untrusted("not_json")
    return found


def _wrong(status: int) -> RillError:
    return Away(f"status_{status}") if status >= 500 or status == 429 else Untrusted(f"status_{status}")
