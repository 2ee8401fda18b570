"""For whoever runs the server: is it alive, is it ready, what has it done."""

from datetime import timedelta

from flask import Blueprint, Response
from sqlalchemy import text

from app.adapters.clock import now
from app.adapters.metrics import CONTENT_TYPE
from app.core.errors import NotFound
from app.web import auth
from app.web.services import services

bp = Blueprint("ops", __name__)

#: For how long what security.txt says may be relied on, in days: less than a year, as RFC 9116 recommends.
SECURITY_DAYS = 180


@bp.get("/livez")
def livez() -> Response:
    """Answer without touching anything."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
def readyz() -> Response:
    """Say how database, feed and runner are, and what has ended that must not; 503 where Rill cannot answer anybody.

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
    ended = built.ended
    lines = f"database {database}\nfeed {feed}\nrunner {runner}\n" + "".join(f"{name} ended\n" for name in ended)
    is_ready = database == "ok" and runner == "ok" and not ended
    return Response(lines, status=200 if is_ready else 503, mimetype="text/plain")


@bp.get("/.well-known/security.txt")
def security() -> Response:
    """Say whom to tell of a weakness, where the operator has said so (RFC 9116)."""
    contact = services().settings.security_contact
    if contact is None:
        raise NotFound(
            "Whoever runs this Rill has named nobody to tell of a weakness (RILL_SECURITY_CONTACT). Of one in Rill "
            "itself tell its maintainers, as SECURITY.md beside its code says."
        )
    expires = now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=SECURITY_DAYS)
    lines = f"Contact: {contact}\nExpires: {expires:%Y-%m-%dT%H:%M:%SZ}\nPreferred-Languages: en\n"
    return Response(lines, content_type="text/plain; charset=utf-8")


@bp.get("/robots.txt")
def robots() -> Response:
    """Ask search engines to leave (RFC 9309)."""
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")


@bp.get("/metrics")
def metrics() -> Response:
    """Give the figures for Prometheus, to administrators and to their programs."""
    auth.require_administrator()
    return Response(services().runner.metrics.text(), content_type=CONTENT_TYPE)
