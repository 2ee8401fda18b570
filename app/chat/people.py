"""People: who may come in, as what, and with which password."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.db import Turn, take_turn
from app.adapters.models import LOCAL_OWNER, User
from app.adapters.money import Spending
from app.adapters.people import Option
from app.chat import audit, leases, logins, tokens
from app.core.errors import Conflict, Invalid, NotFound
from app.core.text import plain

Role = Literal["administrator", "member"]
ROLES: Sequence[str] = get_args(Role)

#: Under what the log has that which no person does, in small letters: nobody may be called so.
_ACTORS = frozenset({"flask user", "identity provider", "rill_admin_password"})
#: The row that says that there has been a first administrator, or somebody else with a password.
_FIRST = "first_administrator"
_NAME = re.compile(r"[^\W_](?:[\w.@+ -]{0,78}\w)?")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as a proxy or an identity provider says; ``role`` is None where that says nothing of it."""

    subject: str
    name: str
    role: Role | None = None


def named(text: str) -> str:
    """Give a name as it is stored; raises Invalid."""
    name = " ".join(text.split()).casefold()
    if not _NAME.fullmatch(name) or name in _ACTORS:
        raise Invalid("A name has up to 80 letters, digits, dots, dashes, or is a mail address. Nothing was changed.")
    return name


def get(session: Session, id: str) -> User:
    """Find a person; raises NotFound."""
    if (user := session.get(User, id)) is None:
        raise NotFound("There is no such person here.")
    return user


def find(session: Session, name: str) -> User | None:
    """Find a person by name."""
    return session.scalar(select(User).where(User.name == " ".join(name.split()).casefold()))


def everyone(session: Session, *, after: str = "", part: str = "", most: int | None = None) -> list[User]:
    """List people by name, all of them or those that follow one, with ``part`` in their name."""
    found = select(User).where(_came(), User.name > after, User.name.contains(part.casefold(), autoescape=True))
    return list(session.scalars(found.order_by(User.name).limit(most)))


def add(session: Session, actor: str, name: str, role: str = "member", *, password_hash: str | None = None) -> User:
    """Add a person, who cannot come in without a password; raises Invalid, Conflict."""
    name = named(name)
    if role not in ROLES:
        raise Invalid("A person is an administrator or a member.")
    take_turn(session, Turn.PEOPLE)
    if find(session, name) is not None:
        raise Conflict(f"There is somebody called {name} already. Choose another name.")
    session.add(user := User(name=name, role=role, password_hash=password_hash))
    if password_hash is not None:
        _remember(session)
    session.flush()
    audit.note(session, actor, "person.added", name, role)
    return user


def has_nobody(session: Session) -> bool:
    """Say whether nobody has, or ever had, a password."""
    return session.get(Option, _FIRST) is None


def first_administrator(session: Session, password_hash: str) -> bool:
    """Make the local owner, with what is theirs, the administrator ``admin``: once, before anybody has a password."""
    take_turn(session, Turn.PEOPLE)
    if not has_nobody(session):
        return False
    owner = get(session, LOCAL_OWNER)
    owner.name = "admin" if find(session, "admin") is None else _free(session, "admin")
    owner.role, owner.password_hash = "administrator", password_hash
    _remember(session)
    audit.note(session, "RILL_ADMIN_PASSWORD", "person.added", owner.name, "administrator")
    return True


def is_let_in(session: Session, id: str) -> bool:
    """Say whether there is such a person, and nobody keeps them out."""
    return session.scalar(select(User.is_disabled).where(User.id == id)) is False


def known(session: Session, subject: str) -> User | None:
    """Find the person whom a proxy or an identity provider has named before."""
    return session.scalar(select(User).where(User.subject == subject))


def recognise(session: Session, identity: Identity) -> User:
    """Find the person whom a proxy or an identity provider names, or add them."""
    user = known(session, identity.subject)
    if user is None:
        take_turn(session, Turn.PEOPLE)
        user = known(session, identity.subject)
    if user is None:
        name = _free(session, identity.name)
        session.add(user := User(name=name, role=identity.role or "member", subject=identity.subject))
        session.flush()
        audit.note(session, name, "person.came", name, user.role)
    elif identity.role and user.role != identity.role:
        user.role = identity.role
        audit.note(session, "identity provider", "person.role", user.name, identity.role)
    return user


def set_password(
    session: Session, actor: str, user: User, password_hash: str, *, keep: str | None = None, ends_tokens: bool = False
) -> None:
    """Give a person another password: sessions but the one kept are over, and so are links and perhaps API tokens."""
    user.password_hash = password_hash
    user.stamp += 1
    if actor != user.name:
        user.reset_at = now()
    _remember(session)
    logins.end_all(session, user.id, but=keep)
    if ends_tokens:
        tokens.revoke_all(session, user.id)
    audit.note(session, actor, "person.password", user.name)


def change_password(
    session: Session, actor: str, id: str, password_hash: str, *, keep: str | None, ends_tokens: bool
) -> None:
    """Give the person with an id another password."""
    set_password(session, actor, get(session, id), password_hash, keep=keep, ends_tokens=ends_tokens)


def reset(session: Session, actor: str, id: str) -> User:
    """Take a person's password away, and end what it opened; a link lets them choose another. Raises Conflict."""
    user = get(session, id)
    if user.subject:
        raise Conflict("This person signs in elsewhere, and has no password here to reset. Nothing was changed.")
    if user.is_disabled:
        raise Conflict("This person is disabled, so a link would not help. Enable them first. Nothing was changed.")
    refuse_last(session, user)
    if user.password_hash:  # else it is an invitation that is made once more
        user.password_hash, user.reset_at = None, now()
    user.stamp += 1
    logins.end_all(session, id)
    tokens.revoke_all(session, id)
    audit.note(session, actor, "person.reset", user.name)
    return user


def set_role(session: Session, actor: str, id: str, role: str) -> None:
    """Make a person an administrator or a member; raises Invalid, Conflict, NotFound."""
    user = get(session, id)
    if role not in ROLES:
        raise Invalid("A person is an administrator or a member.")
    if role == user.role:
        return
    if role == "member":
        refuse_last(session, user)
    user.role = role
    logins.end_all(session, id)
    audit.note(session, actor, "person.role", user.name, role)


def disable(session: Session, actor: str, id: str) -> None:
    """Keep a person out: sessions, tokens, links and running replies are over; what is theirs stays.

    Raises Conflict, NotFound.
    """
    user = get(session, id)
    refuse_last(session, user)
    user.is_disabled = True
    user.stamp += 1
    logins.end_all(session, id)
    tokens.revoke_all(session, id)
    leases.cancel_all(session, id)
    audit.note(session, actor, "person.disabled", user.name)


def enable(session: Session, actor: str, id: str) -> None:
    """Let a person in again; raises NotFound."""
    user = get(session, id)
    user.is_disabled = False
    audit.note(session, actor, "person.enabled", user.name)


def retire(session: Session, owner: User) -> None:
    """Make the first administrator the local owner again, who is nobody, and has nothing."""
    logins.end_all(session, owner.id)
    tokens.revoke_all(session, owner.id)
    session.execute(update(Spending).where(Spending.user_id == owner.id).values(user_id=None))
    owner.name = "local owner" if find(session, "local owner") is None else _free(session, "local owner")
    owner.role, owner.password_hash, owner.reset_at = "member", None, None
    owner.is_disabled, owner.stamp = False, 0


def refuse_last(session: Session, user: User) -> None:
    """Raise Conflict where no administrator who has a way in would be left without this person."""
    take_turn(session, Turn.PEOPLE)
    can_enter = User.password_hash.is_not(None) | User.subject.startswith("oidc:")  # a header makes no administrator
    others = select(func.count()).where(User.role == "administrator", ~User.is_disabled, can_enter, User.id != user.id)
    if user.role == "administrator" and not session.scalar(others):
        raise Conflict("This is the only administrator. Make somebody else one who can sign in. Nothing was changed.")


def _remember(session: Session) -> None:
    """Take down that somebody has a password, so that the environment's makes nobody an administrator any more."""
    session.merge(Option(name=_FIRST, value=True))


def _came() -> ColumnElement[bool]:
    """The local owner is nobody yet before they become the first administrator; a lost password is counted in stamp."""
    return User.password_hash.is_not(None) | (User.stamp > 0) | (User.id != LOCAL_OWNER)


def _free(session: Session, wanted: str) -> str:
    """Give a name that can be read, and that nobody has; ``admin`` is for whoever runs the server."""
    name = plain(wanted).casefold()[:80].strip() or "somebody"
    taken = {*_ACTORS, "admin", *session.scalars(select(User.name).where(User.name.startswith(name, autoescape=True)))}
    return next(each for each in (name, *(f"{name} {n}" for n in range(2, len(taken) + 3))) if each not in taken)
