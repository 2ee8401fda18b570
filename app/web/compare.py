"""Compare: one request streamed and in one piece, side by side, each with its clock."""

import random
from collections.abc import Iterator
from contextlib import ExitStack

from flask import Blueprint, Response, make_response, render_template, request, stream_with_context, url_for
from markupsafe import escape
from werkzeug.wrappers import Response as BaseResponse

from app.chat import comparisons
from app.core.errors import NotFound, RillError, TooMany, Unavailable
from app.core.request import WHOLE_TOKENS
from app.core.sse import STREAM_HEADERS, encode
from app.web import asked, auth, htmx, pages
from app.web.backpressure import bounded, in_pieces
from app.web.columns import columns, frames, progress
from app.web.services import services

bp = Blueprint("compare", __name__, url_prefix="/compare")

#: What is asked where a person has nothing of their own to ask.
EXAMPLE = "Write a story about a long river, from its spring to the sea, in about 500 words."
#: Without scripts the page of a running comparison loads itself again, after so many seconds.
AGAIN_S = 2
#: When to connect again to a server that cannot take the stream, in seconds.
_RETRY_S = (3.0, 6.0)


@bp.get("")
def index() -> str:
    """Show the form."""
    return _form(EXAMPLE)


@bp.post("")
def create() -> BaseResponse:
    """Begin a comparison; the same form sent twice makes one."""
    built = services()
    try:
        built.check(auth.owner())
        compared = built.db.write(comparisons.start, auth.owner(), **asked.message())
    except RillError as error:
        if htmx.is_htmx():
            raise
        form = request.form
        return make_response(_form(form.get("text", ""), form.get("model", ""), notice=str(error)), error.status)
    if compared.is_new:
        built.runner.start(compared.streamed)
        built.runner.start(compared.whole)
    return htmx.see_other(url_for(".show", id=compared.id))


@bp.get("/<id>")
def show(id: str) -> Response:
    """Show both replies; htmx asks for the end, and is given 204 before that."""
    compared = services().db.read(comparisons.find, auth.owner(), id)
    if htmx.is_htmx() and compared.is_live:
        return htmx.vary(Response(status=204))
    found = columns(compared, pages.live_view)
    name = "compare/_columns.html" if htmx.is_htmx() else "compare/show.html"
    html = render_template(name, compared=compared, columns=found, progress=progress(found), again_s=AGAIN_S)
    return htmx.vary(make_response(html))


@bp.get("/<id>/stream")
def stream(id: str) -> Response:
    """Stream both replies with their clocks; always 200 and an event stream, because only ``done`` stops hx-sse."""
    return Response(stream_with_context(in_pieces(_frames(id))), headers=STREAM_HEADERS)


def _frames(id: str) -> Iterator[bytes]:
    built, owner = services(), auth.owner()
    try:
        compared = built.db.read(comparisons.find, owner, id)
        with ExitStack() as stack:
            stack.enter_context(bounded(request.environ))
            found = columns(compared, lambda reply: stack.enter_context(built.live.view(reply.id, owner)))
            yield from frames(found, is_alive=auth.watch(built.is_alive))
    except NotFound:
        notice = render_template("errors/_notice.html", sentence="This comparison is no longer here. Reload the page.")
        yield encode(htmx.partial("#notice", notice) + htmx.partial("#conn", "", swap="delete"))
        yield encode("done", event="done")
    except (Unavailable, TooMany) as error:  # the page connects again by itself
        yield encode(htmx.partial("#k", escape(str(error)), swap="textContent"), retry_s=random.uniform(*_RETRY_S))


def _form(draft: str, model: str = "", *, notice: str = "") -> str:
    options = services().options.get()
    is_fair = options.max_tokens <= WHOLE_TOKENS
    values = {"chosen_model": model or options.model, "options": options, "is_fair": is_fair, "most": WHOLE_TOKENS}
    return render_template("compare/index.html", draft=draft, notice=notice, **values)
