"""The log of who did what, for administrators; never what was said."""

from typing import Any

from flask import Blueprint, request

from app.chat import audit
from app.web import administration
from app.web.services import services

bp = administration.guard(Blueprint("audit", __name__, url_prefix="/admin/audit"))

#: Rows on one page.
PAGE = 100
#: Largest id that every database takes.
_MOST_ID = 2**31 - 1

_ACTIONS = {
    "person.added": "added a person",
    "person.came": "came for the first time",
    "person.password": "set a password",
    "person.reset": "reset a password",
    "person.role": "changed a role",
    "person.disabled": "disabled a person",
    "person.enabled": "enabled a person",
    "login.failed": "failed to sign in",
    "person.deleted": "deleted an account",
    "person.exported": "exported a person's data",
    "budgets.changed": "changed the budgets",
    "login.began": "signed in",
    "token.created": "made a token",
    "token.revoked": "revoked a token",
    "option.changed": "changed an option",
    "preset.added": "added a preset",
    "preset.changed": "changed a preset",
    "preset.removed": "removed a preset",
}


@bp.get("")
def index() -> tuple[str, int]:
    """Show what was done, the latest first."""
    before = request.args.get("before", type=int)
    if before is not None and not 0 < before <= _MOST_ID:
        before = None
    rows = services().db.read(audit.latest, before=before, most=PAGE + 1)
    more = rows[PAGE - 1].id if len(rows) > PAGE else None
    values: dict[str, Any] = {"actions": _ACTIONS, "more": more, "before": before, "kept_days": audit.KEPT_DAYS}
    return administration.page("people/log.html", rows=rows[:PAGE], **values)
