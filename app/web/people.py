"""Administration of people: who there is, invitations, roles, and who is kept out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.adapters.clock import now
from app.adapters.models import User
from app.chat import keeping, links, people, roster
from app.chat.roster import Listed
from app.core.errors import Conflict, Invalid, NotFound, RillError
from app.core.text import is_meant, storable
from app.web import administration, auth, htmx
from app.web.services import services

bp = administration.guard(Blueprint("people", __name__, url_prefix="/admin/people"))

Page = tuple[str, int]


@bp.get("")
def index() -> Page:
    """List people, and offer to invite somebody."""
    return _list()


@bp.post("")
def create() -> Page:
    """Add somebody, and show the link with which they choose a password, this once."""
    name, role = request.form.get("name", ""), request.form.get("role", "member")
    _refuse_without_passwords()
    try:
        user = services().db.write(people.add, administration.actor(), name, role)
    except RillError as error:
        return _list(notice=error, name=name)
    return _one(user.id, link=_link(user))


@bp.get("/<id>")
def show(id: str) -> Page:
    """Show a person, and what can be done."""
    return _one(id)


@bp.post("/<id>/reset")
def reset(id: str) -> Page:
    """Take a person's password away, and show the link with which they choose another."""
    _refuse_without_passwords()
    _find(id)
    try:
        user = services().db.write(people.reset, administration.actor(), id)
    except RillError as error:
        return _one(id, notice=error)
    return _one(id, link=_link(user))


@bp.post("/<id>/role")
def role(id: str) -> Page | BaseResponse:
    """Make a person an administrator or a member."""
    if _is_by_groups(_find(id)):
        return _one(id, notice=Conflict("Groups at the identity provider say who is what. Nothing was changed."))
    return _do(people.set_role, id, request.form.get("role", ""))


@bp.post("/<id>/disable")
def disable(id: str) -> Page | BaseResponse:
    """Keep a person out."""
    return _do(people.disable, id)


@bp.post("/<id>/enable")
def enable(id: str) -> Page | BaseResponse:
    """Let a person in again."""
    return _do(people.enable, id)


@bp.post("/<id>/delete")
def delete(id: str) -> Page | BaseResponse:
    """Delete a person who is kept out; their name says that it is meant."""
    name = _find(id).user.name
    try:
        if not is_meant(request.form.get("name", ""), name):
            raise Invalid("Write their name to say that you mean it. Nothing was deleted.")
        services().db.write(keeping.remove, administration.actor(), id)
    except RillError as error:
        return _one(id, notice=error)
    return htmx.see_other(url_for(".index"))


def _do(work: Callable[..., None], id: str, *more: str) -> Page | BaseResponse:
    _find(id)
    try:
        services().db.write(work, administration.actor(), id, *more)
    except RillError as error:
        return _one(id, notice=error)
    return htmx.see_other(url_for(".show", id=id))


def _find(id: str) -> Listed:
    built = services()
    if not built.settings.ways:
        raise NotFound("Nobody signs in here.")
    return built.db.read(roster.one, storable(id))


def _refuse_without_passwords() -> None:
    if "accounts" not in services().settings.ways:
        raise NotFound("There are no passwords here.")


def _link(user: User) -> str:
    """Write the address under which a person chooses a password."""
    settings = services().settings
    place = settings.url or request.host_url.rstrip("/")
    return place + url_for("password.show", token=links.make(settings.secret_key or "", user))


def _list(*, notice: RillError | None = None, name: str = "") -> Page:
    built, after = services(), storable(request.args.get("after", ""))
    part = storable(request.args.get("part", "")).strip()[:80]
    most = roster.PAGE + 1
    found = built.db.read(roster.page, after=after, part=part, most=most) if built.settings.ways else []
    more = found[roster.PAGE - 1].user.name if len(found) > roster.PAGE else None
    values = {"ways": built.settings.ways, "roles": people.ROLES, "name": name}
    return administration.page(
        "people/index.html", notice=notice, listed=found[: roster.PAGE], more=more, after=after, part=part, **values
    )


def _one(id: str, *, notice: RillError | None = None, link: str = "") -> Page:
    values: dict[str, Any] = {"ways": services().settings.ways, "roles": people.ROLES, "link": link}
    values["until"] = now() + timedelta(seconds=links.GOOD_S)
    found = _find(id)
    is_me = found.user.id == auth.owner()
    values["is_by_groups"] = _is_by_groups(found)
    return administration.page("people/show.html", notice=notice, listed=found, is_me=is_me, **values)


def _is_by_groups(listed: Listed) -> bool:
    return listed.way == "identity provider" and bool(services().settings.oidc_admin_groups)
