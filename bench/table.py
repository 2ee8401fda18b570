"""The table that is printed."""

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
