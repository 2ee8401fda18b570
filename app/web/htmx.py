"""Everything htmx: which requests come from it, what it is answered with. No other file spells HX-."""

from flask import Response, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse


def is_htmx() -> bool:
    """Say whether htmx made the request, and so takes fragments."""
    return request.headers.get("HX-Request") == "true"


def partial(target: str, html: str, *, swap: str = "innerMorph") -> Markup:
    """Wrap sanitised HTML in the element that puts it into ``target``, a CSS selector."""
    return Markup('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>').format(target, swap, Markup(html))


def see_other(url: str) -> BaseResponse:
    """Send the browser to another page: 303 for a plain form, its own header for htmx."""
    if is_htmx():
        return Response(status=204, headers={"HX-Redirect": url})
    return redirect(url, code=303)


def vary(response: Response) -> Response:
    """Tell caches that htmx and plain requests get different answers."""
    response.headers.add("Vary", "HX-Request")
    return response


def dom_id(kind: str, id: str | int, part: str = "") -> str:
    """Make the DOM id of a thing: ``message-42``, ``message-42-body``."""
    return "-".join(str(word) for word in (kind, id, part) if word != "")
