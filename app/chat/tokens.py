"""API tokens: what a program shows to act for a person; shown once, kept as a hash."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.models import User
from app.adapters.people import Token
from app.chat import audit
from app.chat.logins import hashed
from app.core.errors import Invalid, NotFound

#: What a token may be good for.
SCOPES = {"chat": "Ask Claude, and read its models", "metrics": "Read the server's figures (administrators)"}
#: Days after which a token may end; None is never.
EXPIRIES = (30, 90, 365)
PREFIX = "rill_"
MOST = 20
_GRAIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Found:
    """A token that is good, and whose it is."""

    token: Token
    user: User
    is_stale: bool


def create(session: Session, user: User, *, name: str, scopes: list[str], days: int, role: str = "member") -> str:
    """Make a token, and give what the program shows, this once; raises Invalid.

    ``role`` is the one in which the person asks: whom only a proxy names is no administrator, whatever they were made.
    """
    name = " ".join(name.split())[:80]
    if not name:
        raise Invalid("Give the token a name that says which program uses it.")
    if not scopes or not set(scopes) <= SCOPES.keys():
        raise Invalid("Choose what the token is good for.")
    if "metrics" in scopes and role != "administrator":
        raise Invalid("Only administrators make tokens that read the server's figures.")
    if days not in EXPIRIES:
        raise Invalid("Choose when the token ends.")
    if (session.scalar(select(func.count()).where(Token.user_id == user.id)) or 0) >= MOST:
        raise Invalid(f"You have {MOST} tokens already. Revoke one first.")
    secret = PREFIX + secrets.token_urlsafe(32)
    expires_at = now() + timedelta(days=days)
    session.add(Token(hash=hashed(secret), user_id=user.id, name=name, scopes=sorted(scopes), expires_at=expires_at))
    audit.note(session, user.name, "token.created", name, " ".join(sorted(scopes)))
    return secret


def find(session: Session, secret: str, scope: str) -> Found | None:
    """Find a token that is good for something, by what a program shows."""
    row = session.execute(
        select(Token, User).join(User, User.id == Token.user_id).where(Token.hash == hashed(secret))
    ).one_or_none()
    if row is None:
        return None
    token, user = row
    if _is_over(token) or user.is_disabled or scope not in token.scopes:
        return None
    if scope == "metrics" and user.role != "administrator":
        return None
    return Found(token, user, is_stale=token.used_at is None or token.used_at < now() - _GRAIN)


def is_valid(session: Session, id: str) -> bool:
    """Say whether a token goes on: it was not revoked, has not ended, and its person is not kept out."""
    found = session.execute(
        select(Token, User).join(User, User.id == Token.user_id).where(Token.id == id)
    ).one_or_none()
    return found is not None and not _is_over(found[0]) and not found[1].is_disabled


def touch(session: Session, id: str) -> None:
    """Take down that a token was used."""
    if token := session.get(Token, id):
        token.used_at = now()


def of(session: Session, user_id: str) -> list[Token]:
    """List the tokens of a person, the newest first."""
    return list(session.scalars(select(Token).where(Token.user_id == user_id).order_by(Token.created_at.desc())))


def revoke(session: Session, user: User, id: str) -> None:
    """End a token of a person; raises NotFound."""
    token = session.get(Token, id)
    if token is None or token.user_id != user.id:
        raise NotFound("There is no such token.")
    session.delete(token)
    audit.note(session, user.name, "token.revoked", token.name)


def revoke_all(session: Session, user_id: str) -> None:
    """End all tokens of a person."""
    session.execute(delete(Token).where(Token.user_id == user_id))


def _is_over(token: Token) -> bool:
    return token.expires_at is not None and token.expires_at <= now()
