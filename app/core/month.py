"""Calendar months, written 2026-11; days are in UTC."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Self

from app.core.errors import Malformed

_WRITTEN = re.compile("(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of this century; ``number`` is 1 for January."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a month as it is written; raises Malformed."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise Malformed("A month is written like 2026-11, from 2000-01 to 2099-12.")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Self:
        """Give the month that a day is in."""
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"

    @property
    def name(self) -> str:
        """The month in words: November 2026."""
        return f"{date(self.year, self.number, 1):%B %Y}"

    @property
    def days(self) -> list[str]:
        """Its days, written 2026-11-23."""
        return [f"{self}-{day:02}" for day in range(1, monthrange(self.year, self.number)[1] + 1)]

    @property
    def previous(self) -> "Month | None":
        """The month before, if there is one in this century."""
        return self._shifted(-1)

    @property
    def next(self) -> "Month | None":
        """The month after, if there is one in this century."""
        return self._shifted(1)

    def _shifted(self, months: int) -> "Month | None":
        years, number = divmod(self.number - 1 + months, 12)
        year = self.year + years
        return Month(year, number + 1) if 2000 <= year <= 2099 else None
