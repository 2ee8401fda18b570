"""The table that is printed, and what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A line of the table; without a bar it is for information."""

    name: str
    what: str
    figure: float
    unit: str
    bar: float | None = None
    is_least: bool = False

    def __str__(self) -> str:
        verdict = bar = ""
        if self.bar is not None:
            is_met = self.figure >= self.bar if self.is_least else self.figure <= self.bar
            bar = f"{'≥' if self.is_least else '≤'} {self.bar:g}"
            verdict = "met" if is_met else "not met"
        digits = 0 if self.figure >= 100 or not self.unit else 2
        return f"{self.name:9} {self.what:68} {self.figure:9,.{digits}f} {self.unit:3}{bar:>8}  {verdict}".rstrip()


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Give count, median, 99th percentile and maximum."""
    if not values:
        return {"count": 0}
    ranked = sorted(values)
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {"count": len(ranked)} | {name: ranked[round(q * (len(ranked) - 1))] for name, q in at.items()}
