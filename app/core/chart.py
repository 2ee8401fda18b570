"""The picture of a stream: when events came, and how much, as places on a canvas."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from app.core.timeline import Timeline

#: The canvas; bars stand on ``BASE``, the marks of the events are below.
WIDTH, HEIGHT, BASE = 1000, 120, 96
_MOST_BARS = 60
_WIDTHS_MS = (250, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture, from the left and from the top."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: bars, waits and stalls as boxes, marks and retries as places from the left."""

    span_ms: int
    bar_ms: int
    most_per_s: float
    bars: list[Box]
    wait: Box | None
    stalls: list[Box]
    retries: list[float]
    marks: list[int]


def chart(found: Timeline) -> Chart | None:
    """Draw a stream, up to its end; None where there is nothing to draw."""
    span = found.end_ms
    if span <= 0:
        return None
    scale = WIDTH / span
    bar_ms = next((width for width in _WIDTHS_MS if span / width <= _MOST_BARS), ceil(span / _MOST_BARS))
    weights = _buckets(found.arrivals, bar_ms)
    most = max(weights.values(), default=0)
    first = found.first_ms if found.first_ms is not None else span
    bars = [
        _bar(max(slot * bar_ms, first) * scale, (slot + 1) * bar_ms * scale, BASE * weight / most)
        for slot, weight in weights.items()
    ]
    per_s = most / bar_ms * 1000 * (found.tokens_per_character or 1)
    return Chart(
        span_ms=span,
        bar_ms=bar_ms,
        most_per_s=per_s,
        bars=bars,
        wait=_band(0, first, scale) if first else None,
        stalls=[_band(gap.at_ms, gap.ms, scale) for gap in found.stalls],
        retries=[round(at * scale, 1) for at, _event in found.retries],
        marks=sorted({round(at * scale) for at in found.times}),
    )


def _buckets(arrivals: Iterable[tuple[int, int]], bar_ms: int) -> dict[int, int]:
    """Add up what came in each slot of time; slots in which nothing came are missing."""
    found: dict[int, int] = {}
    for at, length in arrivals:
        if length:
            found[at // bar_ms] = found.get(at // bar_ms, 0) + length
    return found


def _bar(x: float, end: float, height: float) -> Box:
    """Stand a bar on the base, with a little room beside it; it may not leave the canvas."""
    width = max(0.5, (min(end, WIDTH) - x) * 0.86)
    return Box(round(x, 1), round(BASE - height, 1), round(width, 1), round(height, 1))


def _band(at_ms: int, ms: int, scale: float) -> Box:
    return Box(round(at_ms * scale, 1), 0, round(ms * scale, 1), BASE)
