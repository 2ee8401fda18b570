"""The budgets, for administrators: what is used of each, and how much they are."""

from decimal import Decimal

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.chat import allowance
from app.chat import budgets as chat
from app.core.errors import Invalid
from app.core.limits import names
from app.web import administration, auth, htmx
from app.web.services import services

bp = administration.guard(Blueprint("budgets", __name__, url_prefix="/admin/budgets"))

_TITLES = {
    "day": "This server, a day, in dollars",
    "month": "This server, a month, in dollars",
    "person_day": "Each person, a day, in dollars",
    "person_month": "Each person, a month, in dollars",
    "tokens_day": "This server, a day, in tokens",
    "tokens_month": "This server, a month, in tokens",
    "person_tokens_day": "Each person, a day, in tokens",
    "person_tokens_month": "Each person, a month, in tokens",
}


@bp.get("")
def index() -> tuple[str, int]:
    """Show the budgets, and what is used."""
    said = "The budgets are saved." if "saved" in request.args else ""
    return _page(services().db.read(allowance.chosen).written(), said=said)


@bp.post("")
def update() -> BaseResponse | tuple[str, int]:
    """Set the budgets; empty is what the environment allows."""
    given = {name: request.form.get(name, "")[:40] for name in names()}
    try:
        services().db.write(allowance.change, administration.actor(), given)
    except Invalid as error:
        return _page(given, notice=error)
    return htmx.see_other(url_for(".index", saved=1))


def _page(written: dict[str, str], *, notice: Invalid | None = None, said: str = "") -> tuple[str, int]:
    built = services()
    values = {
        "written": written,
        "bounds": _bounds(built.db.read(allowance.chosen).written(), built.rules.limits.written()),
        "used": built.db.read(chat.used, built.rules, auth.owner()),
    }
    return administration.page("options/budgets.html", titles=_TITLES, notice=notice, said=said, **values)


def _bounds(chosen: dict[str, str], environment: dict[str, str]) -> dict[str, str]:
    """Say of each budget which bound holds."""
    return {name: _bound(chosen[name], environment[name]) for name in names()}


def _bound(chosen: str, environment: str) -> str:
    if not environment:
        return f"{chosen} holds, which was set here." if chosen else "There is no limit."
    if not chosen:
        return f"{environment} holds, from the environment."
    if Decimal(chosen) < Decimal(environment):
        return f"{chosen} holds, which was set here; the environment allows up to {environment}."
    return f"{environment} holds, from the environment: more cannot be set here."
