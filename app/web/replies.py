"""Replies: their stream, their finished form, Stop and Retry."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeVar

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from markupsafe import escape
from werkzeug.wrappers import Response as BaseResponse

from app.adapters.models import Message
from app.chat import branches, leases
from app.chat import conversations as chat
from app.core.errors import NotFound, TooMany, Unavailable
from app.core.events import LIVE
from app.core.sse import STREAM_HEADERS, Cursor, encode
from app.web import auth, htmx, pages
from app.web.backpressure import bounded, in_pieces
from app.web.frames import Frames
from app.web.services import services

#: When to connect again to a server that cannot take the stream, in seconds.
_AGAIN_S = (3.0, 6.0)

_A = TypeVar("_A")

bp = Blueprint("replies", __name__, url_prefix="/replies")


@bp.get("/<id>")
def show(id: str) -> BaseResponse:
    """Give the finished reply, which replaces the growing one; 204 while it is being written.

    A plain browser is shown a reply that its conversation has left aside, or else the conversation.
    """
    built = services()
    reply = built.db.read(chat.get_reply, auth.owner(), id)
    if not htmx.is_htmx():
        return _aside(reply)
    if reply.status in LIVE:
        return htmx.vary(Response(status=204))
    values = pages.page_values(reply.conversation_id)
    return htmx.vary(make_response(render_template("replies/show.hx.html", reply=reply, **values)))


@bp.get("/<id>/stream")
def stream(id: str) -> Response:
    """Stream the reply as it grows, from the cursor on that the reader has.

    Always 200 and an event stream: no status code stops hx-sse, a ``done`` event does.
    """
    cursor = Cursor.parse(request.headers.get("Last-Event-ID") or request.args.get("after"))
    return Response(stream_with_context(in_pieces(_frames(id, cursor))), headers=STREAM_HEADERS)


@bp.post("/<id>/stop")
def stop(id: str) -> BaseResponse:
    """Stop the reply, whoever writes it, and keep what has arrived."""
    built = services()
    reply = built.db.read(chat.get_reply, auth.owner(), id)
    if reply.status in LIVE and not built.runner.stop(reply.id, epoch=reply.epoch):
        built.db.write(leases.cancel, reply.id)
        built.feed.ask_to_stop(reply.id)
    if htmx.is_htmx():
        return htmx.vary(Response(status=204))
    return htmx.see_other(url_for("conversations.live", id=reply.conversation_id))


@bp.post("/<id>/retry")
def retry(id: str) -> BaseResponse:
    """Ask again for a reply that ended."""
    reply = _ask(chat.retry, id)
    return _begun("replies/retry.hx.html", reply, earlier_id=id)


@bp.post("/<id>/continue")
def go_on(id: str) -> BaseResponse:
    """Ask Claude to go on with a reply that broke off."""
    sent = _ask(chat.go_on, id)
    return _begun("replies/go_on.hx.html", sent.reply, message=sent.message, earlier_id=id)


def _aside(reply: Message) -> BaseResponse:
    db, owner = services().db, auth.owner()
    messages = db.read(branches.aside, owner, reply.id)
    if not messages:
        return htmx.see_other(url_for("conversations.show", id=reply.conversation_id))
    earlier = db.read(branches.earlier, owner, reply.conversation_id)
    html = render_template("replies/show.html", reply=reply, messages=messages, earlier=earlier)
    return htmx.vary(make_response(html))


def _ask(work: Callable[..., _A], id: str) -> _A:
    built = services()
    built.check(auth.owner())
    earlier = built.db.read(chat.get_reply, auth.owner(), id)
    return built.db.write(work, auth.owner(), id, model=built.options.get().model_like(earlier.model))


def _begun(template: str, reply: Message, **values: object) -> BaseResponse:
    """Begin to write a reply, and show it: what is typed meanwhile stays, because htmx gets fragments."""
    services().runner.start(reply)
    if not htmx.is_htmx():
        return htmx.see_other(url_for("conversations.live", id=reply.conversation_id))
    values |= {"reply": reply, "live_reply": reply, "view": pages.live_view(reply)}
    html = render_template(template, **values, **pages.page_values(reply.conversation_id))
    return htmx.vary(make_response(html))


def _frames(id: str, cursor: Cursor | None) -> Iterator[bytes]:
    built = services()
    try:
        with ExitStack() as stack:
            with built.live.opening():
                reply = built.db.read(chat.get_reply, auth.owner(), id)
                is_live = reply.status in LIVE
                view = stack.enter_context(built.live.view(id, auth.owner())) if is_live else None
            if view is None:
                yield encode("done", event="done")
                return
            stack.enter_context(bounded(request.environ))
            yield from Frames(view, current_app.jinja_env, is_alive=auth.watch(built.is_alive)).stream(cursor)
    except NotFound:
        notice = render_template("errors/_notice.html", sentence="This reply is no longer here. Reload the page.")
        yield encode(htmx.partial("#notice", notice) + htmx.partial("#conn", "", swap="delete"))
        yield encode("done", event="done")
    except (Unavailable, TooMany) as error:  # the page connects again by itself, and then clears the line
        yield encode(htmx.partial("#w", escape(str(error)), swap="textContent"), retry_s=random.uniform(*_AGAIN_S))
