"""Budgets as they are written, and when they begin anew."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.core.errors import ConfigurationError
from app.core.limits import Limits, day_of, parse, read, resets_at


def test_reads_what_is_written() -> None:
    limits = parse("RILL_BUDGETS", "day=5 person-day=0.5, tokens_month=2000000")

    assert limits == Limits(day=5_000_000, person_day=500_000, tokens_month=2_000_000)
    assert read(limits.written()) == parse("RILL_BUDGETS", str(limits)) == limits
    assert (str(limits), str(Limits())) == ("day=5 person_day=0.5 tokens_month=2000000", "")
    assert read({"day": " $1,000.50 ", "month": ""}) == Limits(day=1_000_500_000)
    assert read({"tokens_day": "12,000,000", "person_day": "$0.5"}) == Limits(tokens_day=12_000_000, person_day=500_000)
    assert not Limits()
    assert Limits(day=0)


@pytest.mark.parametrize("text", ["day", "day=", "day=-1", "week=5", "day=1e9", "tokens_day=1.5", "day=NaN", "day=٣"])
def test_refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(ConfigurationError, match="RILL_BUDGETS: .* is no limit"):
        parse("RILL_BUDGETS", text)


@pytest.mark.parametrize("text", ["0,5", "2,50", "1,00", "1,0000", ",5", "1,", "1,000,50", "1.000,50", "5 $", "$$5"])
def test_reads_no_comma_of_a_fraction_as_one_of_thousands(text: str) -> None:
    with pytest.raises(ValueError, match="person_day"):
        read({"person_day": text})


@pytest.mark.parametrize(
    ("moment", "day", "month"),
    [
        (
            datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC),
            datetime(2026, 11, 24, tzinfo=UTC),
            datetime(2026, 12, 1, tzinfo=UTC),
        ),
        (datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
def test_begins_anew_in_utc(moment: datetime, day: datetime, month: datetime) -> None:
    assert (resets_at(moment, is_month=False), resets_at(moment, is_month=True)) == (day, month)


def test_counts_days_of_utc() -> None:
    assert day_of(datetime(2026, 11, 24, 1, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-23"
