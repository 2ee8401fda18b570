"""The doctor: what Rill stands on, and whether streams reach this very browser as they were sent."""

import re
from collections.abc import Iterator
from time import time

import gevent
from flask import Blueprint, Response, render_template, request, stream_with_context

from app.chat.doctor import examine
from app.core.diagnosis import PLAN, diagnose
from app.core.errors import Invalid
from app.core.sse import STREAM_HEADERS, encode
from app.web import administration, htmx
from app.web.services import services

bp = administration.guard(Blueprint("doctor", __name__, url_prefix="/doctor"))

#: From the page to the first tick, in seconds: for the browser to connect.
_LEAD_S = 2.0
#: A test is over after this long, in seconds; older addresses are refused.
_OLDEST_S = 120.0
_SEEN = re.compile(r"([0-9]{1,2}):(-?[0-9]{1,6})")


@bp.get("")
def show() -> tuple[str, int]:
    """Show what is known already, and begin to test streams."""
    built = services()
    found = examine(built.settings, built.db, built.feed, built.claude)
    start = f"{time() + _LEAD_S:.3f}"
    return administration.page("doctor/show.html", findings=found, start=start, ticks=range(len(PLAN)))


@bp.get("/stream/<start>")
def stream(start: str) -> Response:
    """Send the ticks at their times; a named event each, which the page answers with a request."""
    last = request.headers.get("Last-Event-ID", "")
    since = int(last) + 1 if last.isascii() and last.isdigit() and len(last) < 4 else 0
    try:
        ticks = _ticks(_instant(start), since)
    except Invalid as error:
        if not htmx.is_htmx():
            raise
        ticks = _over(error)
    return htmx.vary(Response(stream_with_context(ticks), headers=STREAM_HEADERS))


@bp.get("/seen/<start>/<int:tick>")
def seen(start: str, tick: int) -> str:
    """Take down when a tick has arrived: in the page, so that it does not matter which process is asked."""
    if tick >= len(PLAN):
        raise Invalid("There is no such tick.")
    delay_s = time() - _instant(start) - PLAN[tick]
    return render_template("doctor/_seen.html", name="seen", value=f"{tick}:{1000 * delay_s:.0f}")


@bp.get("/cut")
def cut() -> str:
    """Take down that the connection was cut, and made again."""
    return render_template("doctor/_seen.html", name="cut", value="1")


@bp.get("/report")
def report() -> str:
    """Judge what the page took down."""
    delays: dict[int, float] = {}
    for pair in request.args.getlist("seen")[: len(PLAN)]:
        if match := _SEEN.fullmatch(pair):
            delays.setdefault(int(match[1]), int(match[2]) / 1000)
    findings = diagnose(delays, was_cut="cut" in request.args)
    return render_template("doctor/_findings.html", findings=findings)


def _ticks(start: float, since: int) -> Iterator[bytes]:
    yield encode("cut", event="cut") if since else encode("hello", event="hello")
    for tick in range(since, len(PLAN)):
        gevent.sleep(max(0.0, start + PLAN[tick] - time()))
        yield encode(str(tick), id=str(tick), event=f"tick-{tick}")
    yield encode("done", event="done")


def _over(error: Invalid) -> Iterator[bytes]:
    """End a test that a page comes back to too late: no status code stops hx-sse, and this takes it away."""
    notice = render_template("errors/_notice.html", sentence=str(error))
    yield encode(htmx.partial("#report", notice, swap="innerHTML"))
    yield encode("done", event="done")


def _instant(start: str) -> float:
    try:
        instant = float(start)
    except ValueError:
        instant = 0.0
    if not abs(time() - instant) < _OLDEST_S:
        raise Invalid("This test is over. Load /doctor again to begin another.")
    return instant
