"""The link with which a person chooses a password: the first, or another where it was forgotten."""

from flask import Blueprint, make_response, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from app.adapters import passwords
from app.adapters.models import User
from app.chat import guesses, links, people
from app.core.errors import Invalid, NotFound
from app.web import htmx, login, peer
from app.web.services import services

bp = Blueprint("password", __name__, url_prefix="/password")


@bp.get("/<token>")
def show(token: str) -> str:
    """Ask for a new password, twice."""
    return _page(_user(token))


@bp.post("/<token>")
def update(token: str) -> BaseResponse:
    """Take the new password, and sign in."""
    db, user = services().db, _user(token)
    password = request.form.get("password", "")
    try:
        if password != request.form.get("again", ""):
            raise Invalid("These two are not the same. Nothing was changed; try again.")
        guess = db.write(guesses.admit, peer.address())
        passwords.check(password, user.name)
        password_hash = passwords.hashed(password)
        db.write(_set, services().settings.secret_key or "", token, password_hash)
        db.write(guesses.forgive, guess)
    except Invalid as error:
        return htmx.vary(make_response(_page(user, str(error)), error.status))
    return login.enter(user, way="password", next=url_for("me.show") if user.reset_at else None)


def _user(token: str) -> User:
    settings = services().settings
    if "accounts" not in settings.ways or settings.secret_key is None:
        raise NotFound("There are no passwords here.")
    return services().db.read(links.read, settings.secret_key, token)


def _set(session: Session, secret_key: str, token: str, password_hash: str) -> None:
    """Read the link once more where it is used up, so that nobody uses it twice."""
    user = links.read(session, secret_key, token)
    people.set_password(session, user.name, user, password_hash)


def _page(user: User, notice: str = "") -> str:
    return render_template("login/password.html", name=user.name, notice=notice)
