"""My own: sessions, password, API tokens, and my data to take away or to delete."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, stream_with_context, url_for
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.wrappers import Response as BaseResponse

from app.adapters import passwords
from app.adapters.models import User
from app.chat import export as take_away
from app.chat import guesses, keeping, logins, people, tokens
from app.core.errors import Invalid, RillError
from app.core.text import is_meant
from app.web import auth, cookies, htmx, peer
from app.web.services import services

Form = ImmutableMultiDict[str, str]

bp = Blueprint("me", __name__, url_prefix="/me")

#: What is said once something was done.
_SAID = {
    "password": "Your password was changed, and all other sessions are over.",
    "sessions": "Signed out there.",
    "token": "The token is over.",
}


@bp.get("")
def show() -> Response:
    """Show what is mine, and what came of what was done before."""
    return _page(said=_SAID.get(request.args.get("said", ""), ""))


@bp.post("/password")
def password() -> BaseResponse:
    """Change the password, and end all other sessions, and the API tokens if that is wanted."""
    return _do(_change_password, said="password")


@bp.post("/sessions")
def end_session() -> BaseResponse:
    """End one session, or all but this one."""
    me, db = auth.person(), services().db
    if hash := request.form.get("hash"):
        db.write(logins.end_one, me.id, hash)
    else:
        db.write(logins.end_all, me.id, but=me.login)
    return htmx.see_other(url_for(".show", said="sessions"))


@bp.post("/tokens")
def create_token() -> BaseResponse:
    """Make an API token, and show it, this once."""
    form, secret = request.form, ""
    days = form.get("days", "")

    def create(user: User) -> None:
        nonlocal secret
        ends = int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0
        name, scopes = form.get("name", ""), form.getlist("scopes")
        role, write = auth.person().role, services().db.write
        secret = write(tokens.create, user, name=name, scopes=scopes, days=ends, role=role)

    return _do(create, lambda: _page(secret=secret), typed=form)


@bp.post("/tokens/<id>/revoke")
def revoke_token(id: str) -> BaseResponse:
    """End an API token."""
    return _do(lambda user: services().db.write(tokens.revoke, user, id), said="token")


@bp.get("/export.json")
def export() -> Response:
    """Give all that is kept of me, as one JSON file."""
    headers = {"Content-Disposition": 'attachment; filename="rill.json"', "Content-Type": "application/json"}
    return Response(stream_with_context(take_away.pieces(services().db, auth.owner())), headers=headers)


@bp.post("/delete")
def delete() -> BaseResponse:
    """Delete me with all that is mine; my name, where I have one, says that it is meant."""

    def forget(user: User) -> None:
        word, built = _word(user), services()
        if not is_meant(request.form.get("name", ""), word):
            raise Invalid(f"Write {word} to say that you mean it. Nothing was deleted.")
        built.db.write(keeping.forget if built.settings.ways else keeping.clear, user.id)

    return _do(forget, _leave)


def _do(
    work: Callable[[User], object],
    then: Callable[[], BaseResponse] | None = None,
    *,
    said: str | None = None,
    typed: Form | None = None,
) -> BaseResponse:
    """Do something of mine, and show the page again; with the reason where it was refused."""
    user = services().db.read(people.get, auth.owner())
    try:
        work(user)
    except RillError as error:
        return _page(notice=error, typed=typed)
    return then() if then else htmx.see_other(url_for(".show", said=said))


def _word(user: User) -> str:
    return user.name if services().settings.ways else "delete"


def _leave() -> BaseResponse:
    is_local = not services().settings.ways
    response = htmx.see_other(url_for("conversations.index", said="forgotten" if is_local else None))
    cookies.forget(response)
    return response


def _change_password(user: User) -> None:
    form, db, me = request.form, services().db, auth.person()
    guess = db.write(guesses.admit, peer.address(), user.name)
    if not passwords.is_right(form.get("old", ""), user.password_hash):
        raise Invalid("That is not your password. Nothing was changed.")
    db.write(guesses.forgive, guess)
    if form.get("password", "") != form.get("again", ""):
        raise Invalid("The two new ones are not the same. Nothing was changed.")
    passwords.check(form.get("password", ""), user.name)
    password_hash = passwords.hashed(form.get("password", ""))
    ends = "tokens" in form
    db.write(people.change_password, user.name, user.id, password_hash, keep=me.login, ends_tokens=ends)


def _page(*, secret: str = "", notice: RillError | None = None, said: str = "", typed: Form | None = None) -> Response:
    me, db, settings = auth.person(), services().db, services().settings
    user = db.read(people.get, me.id)
    values: dict[str, Any] = {
        "user": user,
        "word": _word(user),
        "sessions": db.read(logins.of, me.id),
        "tokens": db.read(tokens.of, me.id),
        "scopes": {name: about for name, about in tokens.SCOPES.items() if name != "metrics" or me.is_administrator},
        "expiries": tokens.EXPIRIES,
        "is_local": not settings.ways,
        "said": said,
        "typed": typed,
        "settings": settings,
    }
    html = render_template("me/show.html", secret=secret, notice=str(notice or ""), this=me.login, **values)
    return htmx.vary(make_response(html, notice.status if notice else 200))
