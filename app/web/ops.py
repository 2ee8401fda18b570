"""For whoever runs the server: is it alive, is it ready, what has it done."""

from flask import Blueprint, Response
from sqlalchemy import text

from app.adapters.metrics import CONTENT_TYPE
from app.web import auth
from app.web.services import services

bp = Blueprint("ops", __name__)


@bp.get("/livez")
def livez() -> Response:
    """Answer without touching anything."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
def readyz() -> Response:
    """Say how database, feed and runner are; 503 where Rill cannot answer anybody.

    Without Redis replies still flow, a little later, so that is no reason to be taken out of service.
    """
    built = services()
    try:
        built.db.read(lambda session: session.execute(text("SELECT 1")).scalar_one())
        database = "ok"
    except Exception:
        database = "unavailable"
    feed = "in process" if not built.settings.redis_url else "ok" if built.feed.is_up else "degraded"
    runner = "draining" if built.runner.is_draining else "ok"
    lines = f"database {database}\nfeed {feed}\nrunner {runner}\n"
    is_ready = database == "ok" and runner == "ok"
    return Response(lines, status=200 if is_ready else 503, mimetype="text/plain")


@bp.get("/metrics")
def metrics() -> Response:
    """Give the figures for Prometheus, to administrators and to their programs."""
    auth.require_administrator()
    return Response(services().runner.metrics.text(), content_type=CONTENT_TYPE)
