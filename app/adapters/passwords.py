"""Passwords: argon2id on a thread beside the event loop, and which are too easy."""

import secrets
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import gevent
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from gevent.lock import BoundedSemaphore
from gevent.threadpool import ThreadPool

from app.core.door import MIN_PASSWORD
from app.core.errors import Invalid, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

#: Longest password, in characters (OWASP ASVS 5.0, 6.2.9 asks for at least 64).
MAX_PASSWORD = 256
#: Guesses that a password must withstand, as a power of ten: what zxcvbn calls safe against online guessing.
_MIN_GUESSES = 8.0
#: Hashes at once, and how many may wait: each takes 64 MiB and a good part of a core.
_AT_ONCE, _WAITING = 2, 20

# RFC 9106, second recommended option.
_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)
_nobody = _hasher.hash(secrets.token_hex())
_room = BoundedSemaphore(_AT_ONCE + _WAITING)
_pools: dict[int, ThreadPool] = {}


def check(password: str, *names: str) -> None:
    """Raise Invalid, with the reason, where a password is too short, too long or too easy to guess."""
    if len(password) < MIN_PASSWORD:
        raise Invalid(f"That password is too short: take at least {MIN_PASSWORD} characters. Nothing was changed.")
    if len(password) > MAX_PASSWORD:
        raise Invalid(f"That password is longer than {MAX_PASSWORD} characters. Nothing was changed.")
    from zxcvbn import zxcvbn  # its lists take 13 MB, and new passwords are rare

    found = zxcvbn(password[:72], user_inputs=[*names, "rill", "claude"])
    if found["guesses_log10"] < _MIN_GUESSES:
        raise Invalid("That password is easy to guess: take several words that do not belong together.")


def hashed(password: str) -> str:
    """Hash a password for the database."""
    return _beside(_hasher.hash, password)


def is_right(password: str, password_hash: str | None) -> bool:
    """Say whether it is the password; takes as long where there is none."""
    return _beside(_verify, password_hash or _nobody, password) and bool(password_hash)


def _verify(password_hash: str, password: str) -> bool:
    if not 0 < len(password) <= MAX_PASSWORD:
        password = " "  # no shorter and no longer than others; it is nobody's
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _beside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do it on a thread, one of few, so that nothing else waits; raises Unavailable where too many ask."""
    if not _room.acquire(blocking=False):
        raise Unavailable("Too many people sign in right now. Try again in a few seconds.")
    try:
        hub = gevent.get_hub()
        pool = _pools.get(id(hub)) or _pools.setdefault(id(hub), ThreadPool(_AT_ONCE, hub=hub))
        result: T = pool.apply(work, args, kwargs)
        return result
    finally:
        _room.release()
