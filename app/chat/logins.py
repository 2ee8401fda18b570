"""Sessions of browsers: kept here, known by the hash of their id, and ended from here."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.models import User
from app.adapters.people import Login

#: A session ends after so long without a request, and after so long in any case (OWASP ASVS 5.0, 7.3.1 and 7.3.2).
IDLE, MOST = timedelta(days=14), timedelta(days=90)
#: How exactly it is known when a session was last used; each update is a write.
_GRAIN = timedelta(minutes=5)
_BROWSERS = re.compile(r"(Firefox|Edg|OPR|Chrome|Safari|curl|Lynx|w3m)[A-Za-z]*/(\d+)")
_SYSTEMS = re.compile(r"(Windows|iPhone|iPad|Android|Macintosh|CrOS|Linux)")


@dataclass(frozen=True, slots=True)
class Found:
    """A session that is valid, and whose it is."""

    login: Login
    user: User
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Coming:
    """How somebody comes: the way, what their browser says of itself, and whom a proxy names besides."""

    way: str
    device: str = ""
    beside: str | None = None


def begin(session: Session, user_id: str, coming: Coming, *, instead_of: str | None = None) -> str:
    """Begin a session, and give its id, which is told nobody else; the one it comes after is ended."""
    if instead_of:
        end(session, instead_of)
    id, device = secrets.token_urlsafe(32), describe(coming.device)
    session.add(Login(hash=hashed(id), user_id=user_id, way=coming.way, device=device, beside=coming.beside))
    return id


def find(session: Session, id: str) -> Found | None:
    """Find a session that is valid by its id."""
    moment = now()
    valid = (Login.hash == hashed(id), Login.seen_at > moment - IDLE, Login.created_at > moment - MOST)
    row = session.execute(select(Login, User).join(User, User.id == Login.user_id).where(*valid)).one_or_none()
    if row is None or row[1].is_disabled:
        return None
    return Found(row[0], row[1], is_stale=row[0].seen_at < moment - _GRAIN)


def touch(session: Session, hash: str) -> None:
    """Take down that a session is in use."""
    if login := session.get(Login, hash):
        login.seen_at = now()


def is_valid(session: Session, hash: str) -> bool:
    """Say whether a session goes on, by the hash of its id."""
    valid = select(User.is_disabled).join(Login, Login.user_id == User.id).where(Login.hash == hash)
    return session.scalar(valid) is False


def of(session: Session, user_id: str) -> list[Login]:
    """List the sessions of a person, the last used first."""
    mine = select(Login).where(Login.user_id == user_id, Login.seen_at > now() - IDLE, Login.created_at > now() - MOST)
    return list(session.scalars(mine.order_by(Login.seen_at.desc())))


def end(session: Session, id: str) -> None:
    """End a session by its id."""
    session.execute(delete(Login).where(Login.hash == hashed(id)))


def end_one(session: Session, user_id: str, hash: str) -> None:
    """End a session of a person, by the hash of its id."""
    session.execute(delete(Login).where(Login.user_id == user_id, Login.hash == hash))


def end_all(session: Session, user_id: str, *, but: str | None = None) -> None:
    """End all sessions of a person, except one, by the hash of its id."""
    session.execute(delete(Login).where(Login.user_id == user_id, Login.hash != (but or "")))


def sweep(session: Session) -> None:
    """Forget the sessions that are over."""
    moment = now()
    session.execute(delete(Login).where((Login.seen_at < moment - IDLE) | (Login.created_at < moment - MOST)))


def hashed(id: str) -> str:
    """Hash an id: 256 random bits need no more than one round."""
    return hashlib.sha256(id.encode()).hexdigest()


def describe(agent: str) -> str:
    """Say in few words what a browser says of itself."""
    browser, system = _BROWSERS.search(agent), _SYSTEMS.search(agent)
    name = {"Edg": "Edge", "OPR": "Opera"}.get(browser[1], browser[1]) if browser else "A browser"
    place = {"Macintosh": "a Mac", "CrOS": "ChromeOS", "iPhone": "an iPhone", "iPad": "an iPad"}
    return f"{name} on {place.get(system[1], system[1])}" if system else name
