"""How the text of an environment variable is read; each function raises ConfigurationError with a sentence."""

import ipaddress
import re
from collections.abc import Callable
from typing import get_args
from urllib.parse import urlsplit

from app.core import addresses
from app.core.addresses import Network
from app.core.errors import ConfigurationError
from app.core.request import Thinking
from app.core.text import lowered

MAKE_A_KEY = "Make one: python3 -c 'import secrets; print(secrets.token_hex(32))'"


def text(name: str, value: str) -> str:
    """Take it as it is."""
    return value


def url(name: str, value: str) -> str:
    """Take an address of a server, without its last slash."""
    if not value.startswith(("http://", "https://")):
        raise ConfigurationError(f"{name} must start with http:// or https://.")
    return value.rstrip("/")


def database_url(name: str, value: str) -> str:
    """Take the URL of a database, as SQLAlchemy wants it."""
    scheme, colon, rest = value.partition("://")
    if colon and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if not value.startswith("sqlite:///"):
        raise ConfigurationError(f"{name} must start with sqlite:/// or postgres://.")
    return value


def redis_url(name: str, value: str) -> str:
    """Take the URL of a Redis."""
    if not value.startswith(("redis://", "rediss://")):
        raise ConfigurationError(f"{name} must start with redis:// or rediss://.")
    return value


def flag(name: str, value: str) -> bool:
    """Take 0 or 1."""
    if value not in ("0", "1"):
        raise ConfigurationError(f"{name} must be 0 or 1.")
    return value == "1"


def integer(low: int, high: int) -> Callable[[str, str], int]:
    """Take a whole number within bounds."""

    def parse(name: str, value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ConfigurationError(f"{name} must be a whole number from {low} to {high}.")
        return int(value)

    return parse


def speed(name: str, value: str) -> float:
    """Take a pace."""
    try:
        speed = float(value)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1000:
        raise ConfigurationError(f"{name} must be a number above 0 and at most 1000.")
    return speed


def host(name: str, value: str) -> str:
    """Take an address to listen on, or ``unix:`` and the path of a socket."""
    if value != "localhost" and not (value.startswith("unix:/") and len(value) > 6):
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ConfigurationError(f"{name} must be an IP address, localhost, or unix:/path/of/a/socket.") from None
    return value


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address, by name or number."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def public_url(name: str, value: str) -> str:
    """Take the address that people open: an origin, with https unless it is this machine's own."""
    origin = value.rstrip("/").lower()
    try:
        parts = urlsplit(origin)
        is_origin = bool(parts.hostname) and origin == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc
        port_is_fine = parts.port != 0
    except ValueError:
        is_origin = port_is_fine = False
    if not is_origin or not port_is_fine or parts.scheme not in ("http", "https"):
        raise ConfigurationError(f"{name} must be an address such as https://chat.example, without a path.")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ConfigurationError(f"{name} must start with https://: without it, passwords could be read on the way.")
    return origin


def networks(name: str, value: str) -> tuple[Network, ...]:
    """Take a list of networks; raises where one is everybody's, or all that a machine may talk to."""
    found = []
    for part in value.replace(",", " ").split():
        try:
            network = addresses.network(part)
        except ValueError:
            raise ConfigurationError(f"{name} must list networks such as 10.0.0.0/8, separated by commas.") from None
        if addresses.is_nearly_everybodys(network):
            raise ConfigurationError(f"{name} must not list {part}: that would trust nearly everybody.")
        found.append(network)
    return tuple(found)


def words(name: str, value: str) -> tuple[str, ...]:
    """Take a list of words, in small letters."""
    return tuple(lowered(part.strip()) for part in value.split(",") if part.strip())


def header(name: str, value: str) -> str:
    """Take the name of a header."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{1,60}", value):
        raise ConfigurationError(f"{name} must be the name of a header, such as X-Forwarded-Email.")
    return value


def contact(name: str, value: str) -> str:
    """Take whom to write to, as security.txt has it."""
    contact = value if ":" in value else f"mailto:{value}"
    is_one = contact.startswith(("https://", "mailto:", "tel:")) and contact.isascii() and contact.isprintable()
    if not is_one or " " in contact or contact == "mailto:":
        raise ConfigurationError(f"{name} must be an e-mail address, or start with https://, mailto: or tel:.")
    return contact


def long_secret(name: str, value: str) -> str:
    """Take a secret that cannot be guessed."""
    if len(value) < 32:
        raise ConfigurationError(f"{name} must have at least 32 characters. {MAKE_A_KEY}")
    return value


def names(name: str, value: str) -> tuple[str, ...]:
    """Take a list of models."""
    names = tuple(part.strip() for part in value.split(",") if part.strip())
    if not names:
        raise ConfigurationError(f"{name} must list at least one model, separated by commas.")
    return names


def origins(name: str, value: str) -> tuple[str, ...]:
    """Take a list of origins, as browsers send them."""
    origins = tuple(part.strip().rstrip("/").lower() for part in value.split(",") if part.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise ConfigurationError(f"{name} must list origins such as https://a.example, separated by commas.")
    return origins


def thinking(name: str, value: str) -> str:
    """Take a way of thinking."""
    if value not in get_args(Thinking):
        raise ConfigurationError(f"{name} must be one of: {', '.join(get_args(Thinking))}.")
    return value
