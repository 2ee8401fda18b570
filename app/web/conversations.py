"""Conversations: a new one, one of them, and what is said in them."""

from collections.abc import Iterator
from typing import Any

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
from werkzeug.wrappers import Response as BaseResponse

from app.chat import branches
from app.chat import conversations as chat
from app.chat.conversations import Opened, Sent
from app.core.errors import RillError
from app.core.events import LIVE
from app.web import asked, auth, htmx, pages
from app.web.backpressure import bounded, in_pieces
from app.web.frames import Plain
from app.web.services import services

bp = Blueprint("conversations", __name__)

#: Marks in the rendered page the places where a plain browser's reply grows, and where its footer goes.
_HERE, _AFTER = "<!-- the reply -->", "<!-- its footer -->"

_LEFT = "This page follows the reply no longer; the reply goes on."

#: What is said on the page that follows something done.
_SAID = {"deleted": "The chat was deleted.", "forgotten": "All your chats were deleted."}


@bp.get("/")
def index() -> str:
    """Show the page of a new conversation, and what came of what was done before."""
    return pages.chat_page(None, notice=_SAID.get(request.args.get("said", ""), ""))


@bp.get("/chats")
def listed() -> BaseResponse:
    """Give the list of chats again; nothing to who is signed out, whom other requests tell so."""
    if not htmx.is_htmx():
        return htmx.see_other(url_for(".index"))
    if auth.visitor() is None:
        return htmx.vary(Response(status=204))
    values = pages.chats(request.args.get("current"))
    return htmx.vary(make_response(render_template("conversations/_chats.html", live_reply=None, **values)))


@bp.post("/conversations")
def create() -> BaseResponse:
    """Begin a conversation with a message."""
    built = services()
    try:
        built.check(auth.owner())
        sent = built.db.write(chat.start, auth.owner(), preset=asked.preset(), **asked.message())
    except RillError as error:
        return _refused(None, error)
    _run(sent)
    return htmx.see_other(_place(sent))


@bp.get("/c/<id>")
def show(id: str) -> Response:
    """Show a conversation; of a running reply, everything so far."""
    opened = services().db.read(chat.get, auth.owner(), id)
    return htmx.vary(make_response(pages.chat_page(opened)))


@bp.post("/c/<id>/messages")
def send(id: str) -> BaseResponse:
    """Say something in a conversation."""
    built = services()
    try:
        built.check(auth.owner())
        sent = built.db.write(chat.send, auth.owner(), id, **asked.message())
    except RillError as error:
        return _refused(built.db.read(chat.get, auth.owner(), id), error)
    _run(sent)
    if not htmx.is_htmx():
        return htmx.see_other(_place(sent))
    if not sent.is_new or _misses_some(sent):
        return htmx.see_other(url_for(".show", id=id))
    values = {"sent": sent, "live_reply": sent.reply, **pages.page_values(id)}
    html = render_template("conversations/send.hx.html", view=pages.live_view(sent.reply), **values)
    return htmx.vary(make_response(html))


@bp.get("/c/<id>/live")
def live(id: str) -> BaseResponse:
    """Show a conversation to a browser without scripts: the running reply grows as the page loads."""
    opened = services().db.read(chat.get, auth.owner(), id)
    if opened.live_reply is None:
        return htmx.see_other(url_for(".show", id=id))
    page = pages.chat_page(opened, is_plain=True, here=_HERE, after=_AFTER)
    pieces = in_pieces(_grow(page, opened.id, opened.live_reply.id))
    response = Response(stream_with_context(pieces), mimetype="text/html")
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store, no-transform"
    return response


def _grow(page: str, id: str, reply_id: str) -> Iterator[str]:
    built = services()
    head, _, rest = page.partition(_HERE)
    body_end, _, foot = rest.partition(_AFTER)
    yield head
    sentence = _LEFT
    try:
        with bounded(request.environ), built.live.view(reply_id, auth.owner()) as view:
            yield from Plain(view, current_app.jinja_env, is_alive=auth.watch(built.is_alive)).stream()
        reply = built.db.read(chat.get_reply, auth.owner(), reply_id)
        earlier = built.db.read(branches.earlier, auth.owner(), id)
    except RillError as error:
        reply, sentence = None, str(error)
    if reply is None or reply.status in LIVE:
        end = render_template("replies/_left.html", id=id, sentence=sentence)
    else:
        end = render_template("replies/_footer.html", reply=reply, earlier=earlier)
    yield body_end + end + foot


def _run(sent: Sent) -> None:
    if sent.is_new:
        services().runner.start(sent.reply)


def _misses_some(sent: Sent) -> bool:
    """Say whether the page, which names the last message it shows, misses some that came before this one."""
    before = sent.message.parent_id or ""
    return request.form.get("after", before) != before


def _place(sent: Sent) -> str:
    """A plain browser goes to where the reply grows; htmx to the page that streams."""
    endpoint = ".show" if htmx.is_htmx() else ".live"
    return url_for(endpoint, id=sent.message.conversation_id)


def _refused(opened: Opened | None, error: RillError) -> Response:
    """Say why not, and give a plain browser its text back; with htmx the page still has it."""
    if htmx.is_htmx():
        raise error
    form = request.form
    chosen: dict[str, Any] = {"chosen": form.get("preset", ""), "chosen_model": form.get("model", "")}
    page = pages.chat_page(opened, notice=str(error), draft=form.get("text", ""), **chosen)
    return htmx.vary(make_response(page, error.status))
