"""Where a request came from, told by the socket and by the proxies that the operator trusts, and by nobody else."""

import hmac
import re

from flask import request

from app.core import addresses
from app.core.errors import Malformed
from app.web.services import services

_SECRET_HEADER = "X-Rill-Proxy-Secret"  # noqa: S105  # the name of a header
#: Headers in which proxies write who is on the way.
_FROM = ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP")
_FORWARDED = re.compile(r'for=("[^"]*"|[^;,\s]+)', re.IGNORECASE)


def address() -> str:
    """Give the address of who asked: the last one on the way that is no trusted proxy's."""
    found = addresses.plain(request.remote_addr or "")
    hops = [hop for value in request.headers.getlist("X-Forwarded-For") for hop in value.split(",")]
    while is_trusted(found) and hops:
        found = addresses.plain(hops.pop())
    return found


def is_trusted(address: str) -> bool:
    """Say whether an address is one of the operator's proxies; a unix socket has none, and is."""
    settings = services().settings
    if not address:
        return settings.host.startswith("unix:")
    found = addresses.parsed(address)
    return found is not None and any(found in network for network in settings.trusted_proxies)


def is_of_this_machine() -> bool:
    """Say whether whoever is in front says of all on the way that they are this machine; nobody in front is fine."""
    headers = request.headers
    hops = [hop for name in _FROM for value in headers.getlist(name) for hop in value.split(",")]
    hops += [hop for value in headers.getlist("Forwarded") for hop in _FORWARDED.findall(value) or [""]]
    is_forwarded = any(name.lower().startswith("x-forwarded-") for name, _value in headers)
    return all(map(addresses.is_loopback, hops)) and (bool(hops) or not is_forwarded)


def named_by_proxy() -> str | None:
    """Give the name with which a proxy vouches for somebody; raises Malformed where there is more than one."""
    settings = services().settings
    if settings.proxy_header is None or not _vouches(settings.proxy_secret):
        return None
    names = request.headers.getlist(settings.proxy_header)
    if not names or not names[0].strip():
        return None
    if len(names) > 1 or "," in names[0]:
        raise Malformed("The proxy in front of Rill named more than one person.")
    return names[0].strip()[:200]


def spoken(name: str) -> str:
    """Give a name of a header, which arrives as Latin-1, as the UTF-8 that most proxies write."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeError:
        return name


def _vouches(secret: str | None) -> bool:
    """Say whether the request came from the proxy: from its place, and with its secret where there is one."""
    if not is_trusted(request.remote_addr or ""):
        return False
    shown = request.headers.getlist(_SECRET_HEADER)
    return secret is None or (len(shown) == 1 and hmac.compare_digest(shown[0].encode(), secret.encode()))
