"""Everything htmx: which requests come from it, what it is answered with. No other file spells HX-."""

from typing import TypeVar

from flask import Response, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from app.core.markdown import Append, Change, Changes, Grow, Replace, Reset

_R = TypeVar("_R", bound=BaseResponse)


def is_htmx() -> bool:
    """Say whether htmx made the request, and so takes fragments."""
    return request.headers.get("HX-Request") == "true"


def partial(target: str, html: str, *, swap: str = "innerMorph") -> Markup:
    """Wrap sanitised HTML in the element that puts it into ``target``, a CSS selector."""
    return Markup('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>').format(target, swap, Markup(html))


def changes(found: Changes) -> Markup:
    """Write what changed in growing Markdown: text in front of the cursor as it is, all else as partials.

    The element that connects swaps text that is in no partial in front of the cursor (``replies/_live.html``).
    htmx finds the targets of all partials before it swaps the first; it leaves out text of white space alone.
    """
    match found.changes:
        case (Append(html),) if not found.is_moved and not html.isspace():
            return Markup(html)
        case _:
            html = Markup().join(_change(change, is_moved=found.is_moved) for change in found.changes)
            is_gone = not found.is_moved or any(isinstance(change, Append) for change in found.changes)
            return html if is_gone else html + partial(_above(0), "", swap="delete")


def _change(change: Change, *, is_moved: bool) -> Markup:
    match change:
        case Append(html):
            return partial(_above(0), html, swap="outerHTML" if is_moved else "beforebegin")
        case Replace(level, html, is_outer):
            return partial(_above(level), html, swap="outerHTML" if is_outer else "innerHTML")
        case Grow(level, html):
            return partial(_above(level), html, swap="beforeend")
        case Reset(html):
            raise ValueError(f"a reset has no place of its own: {html[:20]!r}")


def _above(level: int) -> Markup:
    """Write the selector of the element so far above the cursor; in an attribute, ``>`` needs no escape."""
    return Markup(f":has(>{'*>' * (level - 1)}.t)" if level else ".t")  # noqa: S704  # made of constants alone


def see_other(url: str) -> BaseResponse:
    """Send the browser to another page: 303 for a plain form, its own header for htmx."""
    if is_htmx():
        return vary(Response(status=204, headers={"HX-Redirect": url}))
    return vary(redirect(url, code=303))


def vary(response: _R) -> _R:
    """Tell caches that htmx and plain requests get different answers."""
    response.vary.add("HX-Request")
    return response


def dom_id(kind: str, id: str | int, part: str = "") -> str:
    """Make the DOM id of a thing: ``message-42``, ``message-42-body``."""
    return "-".join(str(word) for word in (kind, id, part) if word != "")
