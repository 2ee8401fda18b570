"""Tries at passwords: slowed for each address and for all together, over restarts, without holding anything up."""

import hashlib
import ipaddress
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.people import Guess
from app.core.errors import TooMany

#: Tries a minute: from one address, and from all of them.
PER_ADDRESS, PER_SERVER = 5, 30
_MINUTE = timedelta(minutes=1)
_REMEMBERED = timedelta(hours=1)
#: Longest wait after many tries from one address, in seconds.
_MOST_S = 900


def admit(session: Session, address: str) -> str:
    """Take down a try, and give its id; raises TooMany, with the wait, where it comes too soon."""
    moment, kept = now(), _hash(address)
    session.execute(delete(Guess).where(Guess.at < moment - _REMEMBERED))
    wait = max(_wait_of_address(session, kept, moment), _wait_of_server(session, moment))
    if wait > 0:
        raise TooMany(f"That were too many tries. Wait {_spoken(wait)}, then try again.", retry_after_s=wait)
    session.add(guess := Guess(address=kept, at=moment))
    session.flush()
    return guess.id


def forgive(session: Session, address: str) -> None:
    """Forget the tries from an address from which somebody got in."""
    session.execute(delete(Guess).where(Guess.address == _hash(address)))


def _wait_of_address(session: Session, address: str, moment: datetime) -> int:
    mine = select(func.count(), func.max(Guess.at)).where(Guess.address == address)
    tries, last = session.execute(mine).one()
    if tries < PER_ADDRESS:
        return 0
    latest = _utc(last, moment)
    pause = min(60 * 2 ** (tries - PER_ADDRESS), _MOST_S)
    return _left(latest + timedelta(seconds=pause), moment)


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


def _hash(address: str) -> str:
    """Hash an address; of an IPv6 address the network, of which one household has 2^64 addresses."""
    try:
        parsed = ipaddress.ip_address(address)
        if parsed.version == 6 and parsed.ipv4_mapped is None:
            address = str(ipaddress.ip_network((parsed, 64), strict=False))
    except ValueError:
        pass
    return hashlib.sha256(f"guess:{address}".encode()).hexdigest()
