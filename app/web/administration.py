"""What the pages of administrators share: who may open them, and the way from one to the next."""

from flask import Blueprint, current_app, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import RillError
from app.web import auth, htmx

#: Pages of other parts, which are linked where they are there.
_BESIDE = (
    ("budgets", "Budgets", "/admin/budgets"),
    ("usage", "Usage", "/usage?of=all"),
    ("doctor", "Doctor", "/doctor"),
)


def _admit() -> None:
    auth.require_administrator()


def guard(bp: Blueprint) -> Blueprint:
    """Let nobody but administrators further: to anyone else there is nothing."""
    bp.before_request(_admit)
    return bp


bp = guard(Blueprint("administration", __name__, url_prefix="/admin"))


@bp.get("")
def index() -> BaseResponse:
    """Lead to the first of the pages."""
    return htmx.see_other(url_for("people.index"))


def page(template: str, *, notice: RillError | None = None, **values: object) -> tuple[str, int]:
    """Render a page with its way to the others, and with what was refused."""
    html = render_template(template, places=places(), notice=str(notice or ""), **values)
    return html, notice.status if notice else 200


def places() -> list[tuple[str, str]]:
    """List the pages of administrators, each a name and a path."""
    own = [("People", "people.index"), ("Options", "options.index"), ("Log", "audit.index")]
    beside = [(name, path) for blueprint, name, path in _BESIDE if blueprint in current_app.blueprints]
    return [(name, url_for(endpoint)) for name, endpoint in own] + beside


def actor() -> str:
    """Give the name under which the log has what is done now."""
    return auth.person().name
