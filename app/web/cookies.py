"""The one cookie: the id of a session, which says nothing by itself."""

from flask import request
from werkzeug.wrappers import Response

from app.chat.logins import MOST
from app.web.services import services


def session_id() -> str | None:
    """Give the id that the browser has."""
    return request.cookies.get(_name()) or None


def keep(response: Response, id: str) -> None:
    """Have the browser keep an id, for as long as a session may last."""
    response.set_cookie(
        _name(),
        id,
        max_age=int(MOST.total_seconds()),
        path="/",
        secure=is_secure(),
        httponly=True,
        samesite="Lax",
    )


def forget(response: Response) -> None:
    """Have the browser forget its id."""
    response.delete_cookie(_name(), path="/", secure=is_secure(), httponly=True, samesite="Lax")


def is_secure() -> bool:
    """Say whether people come over TLS: they do, but for those at this very machine."""
    return (services().settings.url or "").startswith("https://")


def _name() -> str:
    return "__Host-rill" if is_secure() else "rill"
