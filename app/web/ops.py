"""For whoever runs the server: is it alive, is it ready."""

from flask import Blueprint, Response
from sqlalchemy import text

from app.web.services import services

bp = Blueprint("ops", __name__)


@bp.get("/livez")
def livez() -> Response:
    """Answer without touching anything."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
def readyz() -> Response:
    """Answer 200 if the database does."""
    try:
        services().db.read(lambda session: session.execute(text("SELECT 1")).scalar_one())
    except Exception:
        return Response("database unavailable\n", status=503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
