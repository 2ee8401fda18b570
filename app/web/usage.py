"""Usage: what calls to Claude cost in a month, as a page of charts and tables, and as CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context

from app.adapters.clock import now
from app.chat import usage
from app.chat.usage import Line, Share
from app.core import bars
from app.core.amounts import Spent, alike, dollars, exact, short
from app.core.bars import Datum
from app.core.cells import line
from app.core.errors import Malformed
from app.core.month import Month
from app.web import administration, auth
from app.web.services import services

bp = Blueprint("usage", __name__)

_COLUMNS = ("model", "conversation", "calls", "input_tokens", "output_tokens", "dollars")
#: Days that are named below their columns.
_NAMED = (1, 5, 10, 15, 20, 25, 30)
#: Rows that a chart has at most; the table under it has them all.
_DRAWN = 25


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a month, mine or everybody's."""

    month: Month
    is_of_all: bool

    @property
    def arguments(self) -> dict[str, str]:
        """The same as arguments of an address, for links."""
        return {"month": str(self.month)} | ({"of": "all"} if self.is_of_all else {})


@bp.get("/usage")
def show() -> str:
    """Show what a month cost, by day, by model, and by conversation or person."""
    asked, db = _asked(), services().db
    me, month = auth.person(), asked.month
    found = db.read(usage.of_all, month) if asked.is_of_all else db.read(usage.of, me.id, month)
    values: dict[str, Any] = {
        "asked": asked,
        "this": _this_month(),
        "found": found,
        "days": bars.columns(_each_day(month, found.days)),
        "places": administration.places() if asked.is_of_all else [],
        "can_see_all": bool(services().settings.ways) and me.is_administrator,
        "is_demo": services().settings.mode == "demo",
    }
    return render_template("usage/show.html", **values, **_WRITING)


@bp.get("/usage.csv")
def export() -> Response:
    """Give a line for each day, model and conversation; of everybody, also for each person."""
    asked = _asked()
    name = f"rill-usage-{asked.month}{'-all' if asked.is_of_all else ''}.csv"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Type": "text/csv; charset=utf-8",
        "Cache-Control": "no-store",
    }
    return Response(stream_with_context(_csv(asked)), headers=headers)


def _asked() -> Asked:
    """Read the arguments; raises Malformed, and NotFound to who may not see everybody's."""
    of, month = request.args.get("of"), request.args.get("month")
    if of not in (None, "all"):
        raise Malformed("Leave out of for your own usage, or give of=all for everybody's.")
    if of == "all":
        auth.require_administrator()
    return Asked(_this_month() if month is None else Month.parse(month), of == "all")


def _this_month() -> Month:
    return Month.of(now())


def _csv(asked: Asked) -> Iterator[str]:
    """Write the lines, reading one day at a time."""
    db, me = services().db, auth.owner()
    yield line(("day", "person", *_COLUMNS) if asked.is_of_all else ("day", *_COLUMNS))
    for day in asked.month.days:
        found = db.read(usage.lines_of_all, day) if asked.is_of_all else db.read(usage.lines, me, day)
        yield "".join(line(_cells(of, is_named=asked.is_of_all)) for of in found)


def _cells(of: Line, *, is_named: bool) -> Iterator[str | int]:
    yield of.day
    if is_named:
        yield "(deleted)" if of.person is None else of.person
    yield of.model
    yield of.conversation_id or ""
    yield of.spent.calls
    yield of.spent.input_tokens
    yield of.spent.output_tokens
    yield exact(of.spent.micros)


def _each_day(month: Month, shares: Sequence[Share]) -> list[Datum]:
    spent = {share.name: share.spent for share in shares}
    return _data([(day, spent.get(day, Spent())) for day in month.days])


def _data(named: Sequence[tuple[str, Spent]]) -> list[Datum]:
    write = alike(spent.micros for _name, spent in named)
    return [Datum(name, spent.micros, write(spent.micros)) for name, spent in named]


#: What the template writes with.
_WRITING = {
    "named": _NAMED,
    "dollars": dollars,
    "short": short,
    "bars": bars,
    "drawn": _DRAWN,
    "alike": alike,
    "rows": lambda shares: bars.rows(_data([(share.name, share.spent) for share in shares[:_DRAWN]])),
}
