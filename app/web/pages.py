"""What several routes answer with: the chat page, and errors as page or notice."""

import logging
from math import ceil
from typing import Any

from flask import Flask, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.adapters.models import Message
from app.chat import listing
from app.chat.conversations import Opened
from app.chat.live import LiveReply
from app.core.errors import RillError, SignInNeeded
from app.core.sse import STREAM_HEADERS, encode
from app.core.text import storable
from app.web import api_errors, auth, htmx
from app.web.services import services

log = logging.getLogger(__name__)

#: The parts whose ids lead to a chat, and the page that does: of a reply, to the chat it is in.
_OF_A_CHAT = {
    "conversations": "conversations.show",
    "keeping": "conversations.show",
    "replies": "replies.show",
    "events": "replies.show",
}


def chat_page(
    opened: Opened | None, *, notice: str = "", draft: str = "", is_plain: bool = False, **values: Any
) -> str:
    """Render the chat page, of a conversation or for a new one; ``is_plain`` without the beginning of what grows."""
    live_reply = opened.live_reply if opened else None
    return render_template(
        "conversations/show.html",
        conversation=opened,
        live_reply=live_reply,
        view=live_view(live_reply) if live_reply and not is_plain else None,
        is_plain=is_plain,
        notice=notice,
        draft=draft,
        **page_values(opened.id if opened else None),
        **values,
    )


def live_view(reply: Message) -> LiveReply:
    """Give the view of a running reply, up to date; it outlives the page by a while."""
    with services().live.view(reply.id) as view:
        return view


def chats(current_id: str | None) -> dict[str, Any]:
    """Give what the list of chats needs: the page of it that is asked for, and which one is open."""
    return {"listed": services().db.read(listing.page, auth.owner(), before=_before()), "current_id": current_id}


def page_values(current_id: str | None) -> dict[str, Any]:
    """Give what every page needs: the sidebar, what is offered, and which replies came before those shown."""
    built = services()
    beside = built.db.read(listing.beside, auth.owner(), current_id, before=_before(), rules=built.rules)
    return {
        "listed": beside.listed,
        "earlier": beside.earlier,
        "budget_warning": beside.budget_warning,
        "current_id": current_id,
        "settings": built.settings,
        "options": built.options.get(),
    }


def _before() -> str:
    return storable(request.args.get("before", ""))


def is_for_program() -> bool:
    """Say whether the request is one of the API's, which is answered with JSON, whatever comes of it."""
    return request.path.startswith("/api/")


def init_app(app: Flask) -> None:
    """Answer errors with their sentence: as a notice for htmx, as a page otherwise."""
    app.register_error_handler(RillError, _answer_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(Exception, _answer_crash)


def _answer_error(error: RillError) -> Response:
    if is_for_program():
        return api_errors.answer(api_errors.status_of(error), api_errors.of(error))
    if isinstance(error, SignInNeeded):
        return _sign_in(error)
    response = _error(error.status, str(error))
    if wait_s := getattr(error, "retry_after_s", None):
        response.headers["Retry-After"] = str(ceil(wait_s))
    return response


def _sign_in(error: SignInNeeded) -> Response:
    """Ask a person to sign in: at once where a page was asked for, else with a notice, so that nothing is lost."""
    is_stream = request.headers.get("Accept", "").startswith("text/event-stream")
    if request.method == "GET" and not htmx.is_htmx() and not is_stream:
        return make_response(redirect(url_for("login.show", next=request.full_path.rstrip("?")), code=303))
    notice = render_template("errors/_notice.html", sentence=str(error), href=url_for("login.show"))
    if is_stream:
        frames = encode(htmx.partial("#notice", notice)) + encode("done", event="done")
        return Response(frames, headers=STREAM_HEADERS)
    return _error(error.status, str(error), href=url_for("login.show"))


def _answer_http_error(error: HTTPException) -> Response:
    sentences = {
        404: "There is no such page.",
        405: "That cannot be done this way.",
        408: "What you sent took too long to arrive. Nothing was changed; please try again.",
        413: "That is more than Rill takes at once. Nothing was changed.",
        503: "Rill is restarting, and what you sent had not arrived. Nothing was changed; please try again.",
    }
    code = error.code or 500
    response = _error(code, sentences.get(code, "Rill could not make sense of this request."))
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.valid_methods or ())
    return response


def _answer_crash(error: Exception) -> Response:
    log.error("request.crashed", exc_info=error, extra={"endpoint": request.endpoint})
    return _error(500, "Something went wrong in Rill. Nothing you sent before was lost; please try again.")


def _error(status: int, sentence: str, *, href: str = "") -> Response:
    if is_for_program():
        return api_errors.answer(status, api_errors.body(status, sentence))
    if htmx.is_htmx():
        html = render_template("errors/notice.hx.html", sentence=sentence, href=href)
    else:
        values = {"draft": _draft(), "back": _back(status)}
        html = render_template("errors/error.html", sentence=sentence, status=status, href=href, **values)
    return htmx.vary(make_response(html, status))


def _back(status: int) -> str:
    """Give the place of the chat that was asked about; none where there may be no such chat."""
    id, endpoint = (request.view_args or {}).get("id"), _OF_A_CHAT.get(request.blueprint or "")
    return url_for(endpoint, id=id) if id and endpoint and status != 404 else ""


def _draft() -> str:
    try:
        return request.form.get("text", "")
    except HTTPException:  # it is the body that was refused
        return ""
