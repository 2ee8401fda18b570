"""Tries at passwords: slowed by address, by name and for all together, over restarts, without holding anything up."""

import hashlib
import ipaddress
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.db import Turn, take_turn
from app.adapters.people import Guess
from app.core.errors import TooMany

#: Tries before there are pauses from one address and at one name, and those a minute that all may make together.
PER_ADDRESS, PER_NAME, PER_SERVER = 5, 10, 30
_MINUTE = timedelta(minutes=1)
_REMEMBERED = timedelta(hours=1)
#: The first pause and the longest, in seconds. At a name they are short: its owner waits for them, too.
_OF_ADDRESS, _OF_NAME = (60, 900), (15, 60)
#: Digits of a name's hash: enough to count by, too few to find a password by that was typed in the wrong field.
_NAME_DIGITS = 5


def admit(session: Session, address: str, name: str = "") -> str:
    """Take down a try, and give its id; raises TooMany, with the wait, where it comes too soon."""
    moment, kept = now(), _hash(_network(address))
    aimed_at = _hash(f"name:{' '.join(name.split()).casefold()}")[:_NAME_DIGITS] if name else None
    take_turn(session, Turn.GUESSES)
    session.execute(delete(Guess).where(Guess.at < moment - _REMEMBERED))
    waits = [_wait(session, Guess.address == kept, PER_ADDRESS, _OF_ADDRESS, moment), _wait_of_server(session, moment)]
    if aimed_at:
        waits.append(_wait(session, Guess.name == aimed_at, PER_NAME, _OF_NAME, moment))
    if (wait := max(waits)) > 0:
        raise TooMany(f"That were too many tries. Wait {_spoken(wait)}, then try again.", retry_after_s=wait)
    session.add(guess := Guess(address=kept, name=aimed_at, at=moment))
    session.flush()
    return guess.id


def forgive(session: Session, id: str) -> None:
    """Hold a try, which was the right one, against nobody; it still counts among those of all."""
    if guess := session.get(Guess, id):
        guess.address, guess.name = "", None


def _wait(session: Session, which: ColumnElement[bool], free: int, pauses: tuple[int, int], moment: datetime) -> int:
    tries, last = session.execute(select(func.count(), func.max(Guess.at)).where(which)).one()
    if tries < free:
        return 0
    first, longest = pauses
    return _left(_utc(last, moment) + timedelta(seconds=min(first * 2 ** (tries - free), longest)), moment)


def _wait_of_server(session: Session, moment: datetime) -> int:
    recent = select(Guess.at).where(Guess.at > moment - _MINUTE).order_by(Guess.at.desc()).limit(PER_SERVER)
    times = session.scalars(recent).all()
    return _left(times[-1] + _MINUTE, moment) if len(times) == PER_SERVER else 0


def _utc(instant: datetime, like: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=like.tzinfo)


def _left(until: datetime, moment: datetime) -> int:
    left = (until - moment).total_seconds()
    return int(left) + 1 if left > 0 else 0


def _spoken(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{seconds // 60} minutes"


def _network(address: str) -> str:
    """Give an address, or of an IPv6 address the network, of which one household has 2^64 addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    is_one = parsed.version == 4 or parsed.ipv4_mapped is not None
    return address if is_one else str(ipaddress.ip_network((parsed, 64), strict=False))


def _hash(text: str) -> str:
    return hashlib.sha256(f"guess:{text}".encode()).hexdigest()
