"""Sign in and out."""

import logging
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from app.adapters import passwords
from app.adapters.models import User
from app.chat import audit, guesses, logins, people
from app.chat.logins import Coming
from app.core.errors import Invalid, NotFound, RillError, TooMany
from app.web import auth, cookies, htmx, peer
from app.web.services import services

log = logging.getLogger(__name__)

bp = Blueprint("login", __name__)

_WRONG = "That name and that password do not belong together. Try again."


@bp.get("/login")
def show() -> BaseResponse:
    """Show the ways in; who is in already goes on."""
    me = auth.visitor()
    is_named_alone = me is not None and me.login is None and len(services().settings.ways) > 1
    if me is not None and not is_named_alone:  # whom only the proxy names may sign in besides
        return htmx.see_other(place(request.args.get("next")))
    return page()


@bp.post("/login")
def create() -> BaseResponse:
    """Sign in with a password."""
    if "accounts" not in services().settings.ways:
        raise NotFound("There are no passwords here.")
    name, password = request.form.get("name", ""), request.form.get("password", "")
    try:
        user = _checked(name, password)
    except RillError as error:
        return page(error, name)
    return enter(user, way="password", next=request.form.get("next"))


@bp.post("/logout")
def delete() -> BaseResponse:
    """End this session."""
    if id := cookies.session_id():
        services().db.write(logins.end, id)
    response = htmx.see_other("/login")
    cookies.forget(response)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def enter(user: User, *, way: str, next: str | None) -> BaseResponse:
    """Begin a session under a new id, and go where the person wanted to."""
    named = auth.proxied()
    coming = Coming(way, request.headers.get("User-Agent", ""), named.subject if named else None)
    id = services().db.write(_begin, user, coming, cookies.session_id())
    log.info("login.began", extra={"way": way})
    response = htmx.see_other(place(next))
    cookies.keep(response, id)
    return response


def _begin(session: Session, user: User, coming: Coming, old: str | None) -> str:
    audit.note(session, user.name, "login.began", user.name, coming.way)
    return logins.begin(session, user.id, coming, instead_of=old)


def place(next: str | None) -> str:
    """Give a path of this site, whatever was asked for."""
    if not next or not next.startswith("/") or next[1:2] in ("/", "\\") or not next.isprintable() or "\\" in next:
        return "/"
    return "/" if next.startswith(("/login", "/logout")) else next


def page(error: RillError | None = None, name: str = "") -> Response:
    """Show the ways in, and what went wrong."""
    settings = services().settings
    issuer = urlsplit(settings.oidc_issuer or "").netloc
    values = {"ways": settings.ways, "next": place(request.values.get("next")), "issuer": issuer}
    html = render_template("login/show.html", notice=str(error or ""), name=name, **values)
    response = htmx.vary(make_response(html, error.status if error else 200))
    if isinstance(error, TooMany) and error.retry_after_s:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _checked(name: str, password: str) -> User:
    """Find who has that name and that password; raises Invalid, TooMany, Unavailable."""
    db, address = services().db, peer.address()
    guess = db.write(guesses.admit, address, name[:200])
    user = db.read(people.find, name[:200])
    if not passwords.is_right(password, user.password_hash if user else None) or user is None or user.is_disabled:
        db.write(audit.note, "", "login.failed", user.name if user else "")
        log.warning("login.failed")
        raise Invalid(_WRONG)
    db.write(guesses.forgive, guess)
    return user
