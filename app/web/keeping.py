"""What becomes of a chat: pinned, or deleted."""

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.adapters.models import Conversation
from app.chat import keeping
from app.core.errors import Invalid
from app.web import auth, htmx
from app.web.services import services

bp = Blueprint("keeping", __name__, url_prefix="/c/<id>")


@bp.get("/options")
def show(id: str) -> str:
    """Show what can be done with a chat."""
    return _page(services().db.read(keeping.get, auth.owner(), id))


@bp.post("/pin")
def pin(id: str) -> BaseResponse:
    """Pin a chat, or take the pin off."""
    services().db.write(keeping.pin, auth.owner(), id, is_pinned=request.form.get("is_pinned") == "1")
    return htmx.see_other(url_for(".show", id=id))


@bp.post("/delete")
def delete(id: str) -> BaseResponse:
    """Delete a chat; the box says that it is meant."""
    built = services()
    if request.form.get("is_meant") != "1":
        built.db.read(keeping.get, auth.owner(), id)
        raise Invalid("Tick the box that says that you mean it. Nothing was deleted.")
    built.db.write(keeping.delete, auth.owner(), id)
    return htmx.see_other(url_for("conversations.index", said="deleted"))


def _page(conversation: Conversation) -> str:
    return render_template("me/chat.html", conversation=conversation, days=services().settings.retention_days)
