"""Show stream: what Claude sent of a reply, event by event, and when."""

import json
from collections.abc import Iterator
from typing import Any

import gevent
from flask import Blueprint, Response, make_response, render_template, request

from app.adapters.clock import now
from app.adapters.models import Message
from app.chat import traces
from app.core import wire
from app.core.chart import HEIGHT, WIDTH, chart
from app.core.errors import NotFound
from app.core.events import LIVE, Event
from app.core.telling import seconds, sentences
from app.core.timeline import growth, piece, timeline
from app.core.trace import size
from app.web import auth, htmx, rendered
from app.web.services import services

bp = Blueprint("events", __name__, url_prefix="/replies")

#: Events on one page of the list.
PAGE = 200
#: Characters of an event's text that the list shows.
_SNIPPET = 60

#: Without scripts the page of a running reply loads itself again, after so many seconds.
AGAIN_S = 2

#: Events that are summed up in one go: two milliseconds.
_TURN = 300

_Events = list[tuple[int, Event]]


@bp.get("/<id>/events")
def show(id: str) -> Response:
    """Show what Claude sent, summed up; of a running reply, so far."""
    reply, events = services().db.read(traces.of, auth.owner(), id)
    values = _values(reply, events)
    name = "events/_stream.html" if htmx.is_htmx() else "events/show.html"
    return htmx.vary(make_response(render_template(name, **values)))


@bp.get("/<id>/events/list")
def list_all(id: str) -> str:
    """List the events one by one, from a number on."""
    reply, events = _kept(id)
    start = min(max(request.args.get("from", 1, type=int), 1), len(events))
    lines = [_line(events, number) for number in range(start, min(start + PAGE, len(events) + 1))]
    return render_template(
        "events/list.html", reply=reply, lines=lines, start=start, count=len(events), page=PAGE, seconds=seconds
    )


@bp.get("/<id>/events/<int:number>")
def event(id: str, number: int) -> Response:
    """Give one event as it was sent."""
    reply, events = _kept(id)
    if not 0 < number <= len(events):
        raise NotFound("There is no such event in this reply.")
    line = _line(events, number)
    raw = line["raw"]
    html = rendered.html(f"```json\n{json.dumps(raw, ensure_ascii=False, indent=2)}\n```") if raw else ""
    name = "events/_event.html" if htmx.is_htmx() else "events/event.html"
    values = {"reply": reply, "line": line, "count": len(events), "html": html, "seconds": seconds}
    return htmx.vary(make_response(render_template(name, **values)))


def _kept(id: str) -> tuple[Message, _Events]:
    reply, events = services().db.read(traces.of, auth.owner(), id)
    if not events:
        raise NotFound("There are no events of this reply: none came yet, or they are no longer kept.")
    return reply, events


def _values(reply: Message, events: _Events | None) -> dict[str, Any]:
    is_live = reply.status in LIVE
    until_ms = round(_age_ms(reply) if is_live else 1000 * (reply.total_s or 0))
    found = timeline(_in_turns(events or []), until_ms=until_ms)
    silent_ms = found.end_ms - found.last_ms if is_live else None
    return {
        "reply": reply,
        "found": found,
        "is_kept": events is not None,
        "is_live": is_live,
        "said": sentences(found, is_streamed=reply.is_streamed, silent_ms=silent_ms),
        "chart": chart(found),
        "canvas": (WIDTH, HEIGHT),
        "growth": growth(found.usages),
        "seconds": seconds,
        "again_s": AGAIN_S,
        "days": services().settings.traces_days,
    }


def _in_turns(events: _Events) -> Iterator[tuple[int, Event]]:
    """Give the events, and others their turn between: of a long reply there are very many."""
    for number, event in enumerate(events, 1):
        yield event
        if number % _TURN == 0:
            gevent.sleep(0)


def _age_ms(reply: Message) -> float:
    """Say how long ago the reply was asked for: events are timed from about then."""
    return 1000 * (now() - reply.created_at).total_seconds()


def _line(events: _Events, number: int) -> dict[str, Any]:
    at, sent = events[number - 1]
    raw = wire.raw(sent)
    text = piece(sent)
    shown = json.dumps(text[:_SNIPPET], ensure_ascii=False) if text else ""
    return {
        "number": number,
        "at_ms": at,
        "since_ms": max(0, at - events[number - 2][0]) if number > 1 else at,
        "type": raw["type"] if raw else "",
        "index": getattr(sent, "index", None),
        "text": shown + "…" * (len(text) > _SNIPPET),
        "bytes": size(raw) if raw else 0,
        "raw": raw,
        "retry": None if raw else sent,
    }
