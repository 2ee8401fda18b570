"""Bars, drawn to scale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.bars import BASE, ROW_HEIGHT, Datum, columns, highest, rows, shortened, summed_up

DATA = [Datum("a", 50, "$50"), Datum("b", 0, "$0"), Datum("c", 100, "$100"), Datum("d", 25, "$25")]


def test_stands_columns_side_by_side() -> None:
    found = columns(DATA)

    assert [column.height for column in found] == [BASE / 2, 0, BASE, BASE / 4]
    assert [column.y for column in found] == [BASE / 2, BASE, 0, BASE * 3 / 4]
    assert [(column.x, column.middle, column.width) for column in found[:2]] == [(2.5, 12.5, 20), (27.5, 37.5, 20)]


def test_lies_rows_one_under_the_other() -> None:
    found = rows([*DATA, Datum("e", 1, "$1")])

    assert [row.width for row in found] == [50, 0, 100, 25, 1]
    assert [row.y for row in found] == [place * ROW_HEIGHT for place in range(5)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", ""),
        ("x" * 36, "x" * 36),
        ("x" * 37, "x" * 35 + "…"),
        ("A title with far more words than what there is", "A title with far more words than wh…"),
        ("灯" * 18, "灯" * 18),
        ("灯" * 19, "灯" * 17 + "…"),
    ],
)
def test_gives_as_much_of_a_name_as_there_is_room_for(name: str, shown: str) -> None:
    assert shortened(name) == shown


def test_draws_nothing_of_nothing() -> None:
    assert columns([]) == rows([]) == []
    assert [column.height for column in columns([Datum("a", 0, "$0")])] == [0]


def test_says_what_it_shows() -> None:
    said = summed_up(DATA, "Nothing.")

    assert said.startswith("3 of 4 with an amount; the most is $100, c.")
    assert summed_up(DATA, "Nothing.", others=3).startswith("The 4 dearest of 7; the most is $100, c.")
    assert highest(DATA) == DATA[2]
    assert summed_up([Datum("a", 0, "$0")], "Nothing.") == "Nothing."
    assert highest([]) is None


@given(st.lists(st.integers(0, 10**15), max_size=40))
def test_stays_on_the_canvas(amounts: list[int]) -> None:
    data = [Datum("x", amount, "") for amount in amounts]

    for column in columns(data):
        assert column.x >= 0
        assert column.x + column.width <= 100.01
        assert 0 <= column.height <= BASE
        assert abs(column.y + column.height - BASE) < 0.11
    assert all(0 <= row.width <= 100 for row in rows(data))
