"""Passwords: argon2id, and which are too easy, both on a thread beside the event loop."""

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
#: How much of a password is looked at: its first characters, and so many different signs that may stand for letters.
#: zxcvbn tries all readings of all of them, which are thousands where somebody is out for that.
_LOOKED_AT, _SIGNS = 32, 4
#: Hashes at once, and how many may wait: each takes 64 MiB and a good part of a core.
_AT_ONCE, _WAITING = 2, 20

# RFC 9106, second recommended option.
_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)
_nobody = _hasher.hash(secrets.token_hex())
_one = BoundedSemaphore(1)  # zxcvbn keeps the names it is given in a global
_room = BoundedSemaphore(_AT_ONCE + _WAITING)
_pools: dict[int, ThreadPool] = {}


def check(password: str, *names: str) -> None:
    """Raise Invalid, with the reason, where a password is too short, too long or too easy to guess."""
    if len(password) < MIN_PASSWORD:
        raise Invalid(f"That password is too short: take at least {MIN_PASSWORD} characters. Nothing was changed.")
    if len(password) > MAX_PASSWORD:
        raise Invalid(f"That password is longer than {MAX_PASSWORD} characters. Nothing was changed.")
    with _one:
        strength = _beside(_strength, password, [*names, "rill", "claude"])
    if strength < _MIN_GUESSES:
        raise Invalid("That password is easy to guess: take several words that do not belong together.")


def hashed(password: str) -> str:
    """Hash a password for the database."""
    return _beside(_hasher.hash, password)


def is_right(password: str, password_hash: str | None) -> bool:
    """Say whether it is the password; takes as long where there is none."""
    return _beside(_verify, password_hash or _nobody, password) and bool(password_hash)


def _strength(password: str, names: list[str]) -> float:
    """Give how many guesses a password withstands, as a power of ten."""
    from zxcvbn import zxcvbn  # its lists take 13 MB, and new passwords are rare
    from zxcvbn.matching import L33T_TABLE

    password = password[:_LOOKED_AT]
    signs = {sign for each in L33T_TABLE.values() for sign in each}
    further = [char for char in dict.fromkeys(password) if char in signs][_SIGNS:]
    readable = password.translate(str.maketrans("".join(further), "?" * len(further)))
    return float(zxcvbn(readable, user_inputs=names)["guesses_log10"])


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
