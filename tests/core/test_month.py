"""Months of the calendar."""

from datetime import date

import pytest

from app.core.errors import Malformed
from app.core.month import Month


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-1",
        "2026-13",
        "2026-00",
        "26-11",
        "2026-11-01",
        " 2026-11",
        "2026-11\n",
        "1999-12",
        "２０２６-11",
    ],
)
def test_takes_no_other_form(text: str) -> None:
    with pytest.raises(Malformed, match="2026-11"):
        Month.parse(text)


def test_knows_its_days_and_neighbours() -> None:
    month = Month.parse("2028-02")

    assert (month.days[0], month.days[-1], len(month.days)) == ("2028-02-01", "2028-02-29", 29)
    assert (str(month), month.name) == ("2028-02", "February 2028")
    assert Month(2026, 12).next == Month.of(date(2027, 1, 31))
    assert Month(2026, 1).previous == Month(2025, 12)
    assert Month(2026, 12) < Month(2027, 1)


def test_ends_with_the_century() -> None:
    assert Month.parse("2000-01").previous is None
    assert Month.parse("2099-12").next is None
