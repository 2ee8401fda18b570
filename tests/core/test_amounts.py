"""Amounts, as people and programs read them."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.amounts import Spent, alike, dollars, exact, short


@pytest.mark.parametrize(
    ("micros", "written"),
    [
        (0, "$0.00"),
        (3, "$0.000003"),
        (12_300, "$0.0123"),
        (12_345, "$0.01234"),
        (123_456, "$0.1235"),
        (500_000, "$0.50"),
        (999_949, "$0.9999"),
        (999_999, "$1.00"),
        (1_000_000, "$1.00"),
        (1_234_500_000, "$1,234.50"),
        (-12_300, "-$0.0123"),
    ],
)
def test_writes_an_amount(micros: int, written: str) -> None:
    assert dollars(micros) == written


@pytest.mark.parametrize(
    ("amounts", "written"),
    [
        ([], []),
        ([0, 1_500_000], ["$0.00", "$1.50"]),
        ([12_300, 1_500_000, 0], ["$0.0123", "$1.5000", "$0.0000"]),
        ([3, 123_456], ["$0.000003", "$0.123456"]),
    ],
)
def test_writes_a_column_with_one_number_of_decimals(amounts: list[int], written: list[str]) -> None:
    assert [alike(amounts)(amount) for amount in amounts] == written


@given(st.integers(0, 10**15))
def test_is_never_far_from_the_amount(micros: int) -> None:
    written = dollars(micros)
    value = Decimal(re.sub("[$,]", "", written))

    assert re.fullmatch(r"\$[0-9,]+\.[0-9]{2,6}", written)
    assert abs(value * 1_000_000 - micros) <= max(Decimal(micros) / 1000, 0 if micros < 1_000_000 else 5_000)
    assert Decimal(exact(micros)) * 1_000_000 == micros


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (0, "0"),
        (99_999, "99,999"),
        (100_000, "100 k"),
        (999_400, "999 k"),
        (999_600, "1.00 M"),
        (9_994_999, "9.99 M"),
        (28_808_088, "28.8 M"),
        (99_960_000, "100 M"),
        (1_234_567_890, "1.23 G"),
        (5 * 10**13, "50,000 G"),
    ],
)
def test_writes_large_numbers_short(count: int, written: str) -> None:
    assert short(count) == written.replace(" ", "\u00a0")


def test_adds_up() -> None:
    assert Spent(1, 2, 3, 4) + Spent(10, 20, 30, 40) == Spent(11, 22, 33, 44)
