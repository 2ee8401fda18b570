"""Who is asking: found once for each request, whatever the way in; without any way there is one local owner.

Every route is closed but those named in ``PUBLIC``.
"""

import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from flask import Flask, g, request
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.adapters.models import LOCAL_OWNER, User
from app.chat import logins, people, tokens
from app.chat.people import Identity
from app.core.errors import Forbidden, NotFound, RillError, SignInNeeded, Unavailable
from app.core.text import lowered
from app.web import cookies, peer
from app.web.services import services

#: What anybody may ask for: how to come in, and what says nothing of anybody.
PUBLIC = frozenset(
    {
        "static",
        "ops.livez",
        "ops.readyz",
        "ops.security",
        "ops.robots",
        "favicon",
        "api.description",
        "conversations.listed",
        "login.show",
        "login.create",
        "login.delete",
        "oidc.start",
        "oidc.callback",
        "password.show",
        "password.update",
    }
)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: How often a stream looks whether who reads it still may, in seconds.
_LOOK_S = 10.0
_SIGN_IN = "You are not signed in, or no longer. Sign in, and try again; nothing that was stored is lost."
_TOKENLESS = "Send a token of yours: Authorization: Bearer rill_… People make them on the page, under their name."
NOT_VALID = "The token is not valid here, or not any more. People make others on the page, under their name."


@dataclass(frozen=True, slots=True)
class Person:
    """Who a request is made for; ``login`` is the hash of their session's id, ``token`` the id of a program's token."""

    id: str
    name: str
    role: str
    stamp: int = 0
    login: str | None = None
    token: str | None = None

    @property
    def is_administrator(self) -> bool:
        """Say whether they may see and change what is everybody's."""
        return self.role == "administrator"


_LOCAL = Person(LOCAL_OWNER, "You", "administrator")


def init_app(app: Flask) -> None:
    """Let nobody further who may not."""
    app.before_request(_admit)
    app.context_processor(lambda: {"csrf": csrf, "me": _known()})


def person() -> Person:
    """Give the person the request is made for; raises SignInNeeded."""
    found = visitor()
    if found is None:
        has_shown = _is_for_program() and "Authorization" in request.headers
        raise SignInNeeded(NOT_VALID if has_shown else _TOKENLESS if _is_for_program() else _SIGN_IN)
    return found


def visitor() -> Person | None:
    """Give the person the request is made for, if anybody is known."""
    if "person" not in g:
        g.person = _find() if services().settings.ways else _LOCAL
    found: Person | None = g.person
    return found


def proxied() -> Identity | None:
    """Give whom a proxy names, if it does; names that differ in more than the case of ASCII are of different people."""
    name = peer.named_by_proxy()
    return Identity(f"proxy:{lowered(name)}", peer.spoken(name)) if name is not None else None


def owner() -> str:
    """Give the id of the person the request is made for."""
    return person().id


def require_administrator() -> Person:
    """Give the administrator who asks; to anyone else the place is not there (NotFound)."""
    asking = person()
    if not asking.is_administrator:
        raise NotFound("There is nothing here.")
    return asking


def csrf() -> Markup:
    """Write the field that shows that a form is ours."""
    asking = _known()
    token = _csrf(asking) if asking else ""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(token) if token else Markup()


def watch(is_alive: Callable[[], bool]) -> Callable[[], bool]:
    """Give what says whether a stream may go on: while the worker is alive, and who reads it may come in."""
    asking, built = person(), services()
    next_look, goes_on = monotonic() + _LOOK_S, True

    def look() -> bool:
        nonlocal next_look, goes_on
        if asking is not _LOCAL and goes_on and monotonic() > next_look:
            with suppress(Unavailable):  # without the database nobody can be let out either
                goes_on = built.db.read(_may_go_on, asking)
            next_look = monotonic() + _LOOK_S
        return goes_on and is_alive()

    return look


def _may_go_on(session: Session, asking: Person) -> bool:
    """Say whether the session or token somebody came with is still good; by a proxy's header it is the person alone."""
    if asking.login:
        return logins.is_valid(session, asking.login)
    return tokens.is_valid(session, asking.token) if asking.token else people.is_let_in(session, asking.id)


def _known() -> Person | None:
    """Give who asks, for pages that must be shown whatever is wrong."""
    try:
        return visitor()
    except RillError:
        return None


def check_form() -> None:
    """Take no form that is not ours; for ``before_request``, once the body has been read."""
    if request.method not in _SAFE_METHODS and not _is_open() and not _is_ours(person()):
        raise Forbidden("This page is out of date, so nothing was done. Reload it and try again.")


def _admit() -> None:
    if not _is_open():
        person()


def _is_open() -> bool:
    return request.endpoint is None or request.endpoint in PUBLIC or request.method == "OPTIONS"


def _is_ours(asking: Person) -> bool:
    """Say whether a form is ours; programs have shown a token instead, which no browser sends by itself."""
    token = _csrf(asking)
    return not token or _is_for_program() or hmac.compare_digest(request.form.get("csrf", "").encode(), token.encode())


def _csrf(asking: Person) -> str:
    key = services().settings.secret_key
    if asking is _LOCAL or key is None:
        return ""
    return hmac.digest(key.encode(), f"csrf:{asking.id}:{asking.stamp}".encode(), "sha256").hex()


def _find() -> Person | None:
    if _is_for_program():
        return _by_token("chat")
    named = proxied()
    found = _by_session(named) or (_by_proxy(named) if named else None)
    return found or (_by_token("metrics") if request.endpoint == "ops.metrics" else None)


def _is_for_program() -> bool:
    return request.path.startswith("/api/")


def _by_session(named: Identity | None) -> Person | None:
    built, id = services(), cookies.session_id()
    found = built.db.read(logins.find, id) if id else None
    if found is None or (named is not None and not _goes_with(found, named)):
        return None
    if found.is_stale:
        _touch(logins.touch, found.login.hash)
    return _person(found.user, found.user.role, login=found.login.hash)


def _goes_with(found: logins.Found, named: Identity) -> bool:
    """Say whether a session goes with the proxy's name: it is theirs, or an administrator's who began it beside it.

    Else whoever sits down at a browser next would be who sat there before, whatever the proxy says.
    """
    is_administrators = found.user.role == "administrator" and found.login.beside == named.subject
    return found.user.subject == named.subject or is_administrators


def _by_proxy(named: Identity) -> Person:
    """Find, or take in, whom the proxy names; a header alone makes nobody an administrator."""
    built = services()
    user = built.db.read(people.known, named.subject) or built.db.write(people.recognise, named)
    if user.is_disabled:
        raise Forbidden("An administrator has closed this account. What is in it is kept.")
    return _person(user, "member")


def _by_token(scope: str) -> Person | None:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.casefold() != "bearer" or not secret.startswith(tokens.PREFIX):
        return None
    built = services()
    found = built.db.read(tokens.find, secret.strip(), scope)
    if found is None:
        return None
    if found.is_stale:
        _touch(tokens.touch, found.token.id)
    return _person(found.user, found.user.role, token=found.token.id)


def _touch(touch: Callable[[Session, str], None], id: str) -> None:
    """Note the use; where that cannot be written now, pages are read all the same."""
    with suppress(Unavailable):
        services().db.write(touch, id)


def _person(user: User, role: str, *, login: str | None = None, token: str | None = None) -> Person:
    return Person(user.id, user.name, role, user.stamp, login, token)
