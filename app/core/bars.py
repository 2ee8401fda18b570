"""Bars of a picture, drawn to scale: lengths are percentages of the longest, or pixels where the height is fixed."""

from collections.abc import Sequence
from dataclasses import dataclass

#: Pixels: the columns stand on ``BASE``, their names are below; a row has its name above the bar.
BASE, COLUMNS_HEIGHT, ROW_HEIGHT = 120, 144, 40
#: The part of its room that a column takes.
_FILLED = 0.8
#: Characters of a row's name.
_NAME = 28


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
    return name if len(name) <= _NAME else name[: _NAME - 1].rstrip() + "…"


def summed_up(data: Sequence[Datum], nothing: str) -> str:
    """Say what a picture shows, for who does not see it; ``nothing`` stands for one without amounts."""
    with_some = [datum for datum in data if datum.amount > 0]
    if not with_some:
        return nothing
    most = max(with_some, key=lambda datum: datum.amount)
    said = f"{len(with_some)} of {len(data)} with an amount; the most is {most.written}, {most.name}."
    return said + " The table below has them all."


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
