"""The budgets, for administrators: what is used of each, and how much they are."""

from flask import Blueprint, request
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
    built = services()
    return _page(built.db.read(allowance.current, built.rules).written())


@bp.post("")
def update() -> BaseResponse | tuple[str, int]:
    """Set the budgets; empty is none."""
    given = {name: request.form.get(name, "")[:40] for name in names()}
    try:
        services().db.write(allowance.change, administration.actor(), given)
    except Invalid as error:
        return _page(given, notice=error)
    return htmx.see_other("/admin/budgets")


def _page(written: dict[str, str], *, notice: Invalid | None = None) -> tuple[str, int]:
    built = services()
    used = built.db.read(chat.used, built.rules, auth.owner())
    return administration.page("options/budgets.html", titles=_TITLES, written=written, used=used, notice=notice)
