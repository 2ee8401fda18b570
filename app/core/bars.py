"""Bars of a picture, drawn to scale: lengths are percentages of the longest, or pixels where the height is fixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from unicodedata import east_asian_width

#: Pixels: the columns stand on ``BASE``, their names are below; a row has its name above the bar.
BASE, COLUMNS_HEIGHT, ROW_HEIGHT = 120, 144, 40
#: The part of its room that a column takes.
_FILLED = 0.8
#: Columns of text that a row's name has, as terminals count them: some characters are twice as wide.
_NAME = 36


@dataclass(frozen=True, slots=True)
class Datum:
    """What a bar stands for: its name, its amount, and the amount in words."""

    name: str
    amount: int
    written: str


@dataclass(frozen=True, slots=True)
class Column:
    """A bar that stands: ``x``, ``middle`` and ``width`` are percentages, ``y`` and ``height`` pixels."""

    datum: Datum
    x: float
    middle: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Row:
    """A bar that lies: ``width`` is a percentage, ``y`` pixels; ``name`` has room above it."""

    datum: Datum
    name: str
    y: int
    width: float


def columns(data: Sequence[Datum]) -> list[Column]:
    """Stand the bars side by side; one without an amount is empty."""
    step, most = 100 / max(1, len(data)), _most(data)
    return [_column(datum, place, step, most) for place, datum in enumerate(data)]


def rows(data: Sequence[Datum]) -> list[Row]:
    """Lay the bars one under the other."""
    most = _most(data)
    return [
        Row(datum, shortened(datum.name), place * ROW_HEIGHT, round(100 * max(0, datum.amount) / most, 2))
        for place, datum in enumerate(data)
    ]


def shortened(name: str) -> str:
    """Give as much of a name as there is room for."""
    ends = list(accumulate(2 if east_asian_width(character) in "WF" else 1 for character in name))
    if not ends or ends[-1] <= _NAME:
        return name
    return name[: sum(end < _NAME for end in ends)].rstrip() + "…"


def highest(data: Sequence[Datum]) -> Datum | None:
    """Give the bar that is the longest, if any has an amount."""
    found = max(data, key=lambda datum: datum.amount, default=None)
    return found if found and found.amount > 0 else None


def summed_up(data: Sequence[Datum], nothing: str, *, others: int = 0) -> str:
    """Say what a picture shows, for who does not see it; ``nothing`` stands for one without amounts.

    ``others`` is how many lesser ones are not drawn.
    """
    most = highest(data)
    if most is None:
        return nothing
    count = sum(datum.amount > 0 for datum in data)
    drawn = f"The {len(data)} dearest of {len(data) + others}" if others else f"{count} of {len(data)} with an amount"
    return f"{drawn}; the most is {most.written}, {most.name}. The table below has them all."


def _column(datum: Datum, place: int, step: float, most: int) -> Column:
    height = round(BASE * max(0, datum.amount) / most, 1)
    return Column(
        datum,
        x=round(step * (place + (1 - _FILLED) / 2), 3),
        middle=round(step * (place + 0.5), 3),
        width=round(step * _FILLED, 3),
        y=round(BASE - height, 1),
        height=height,
    )


def _most(data: Sequence[Datum]) -> int:
    return max((datum.amount for datum in data), default=0) or 1
