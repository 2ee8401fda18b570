"""Lines of CSV."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.cells import line


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝", "\u00a0@"])
def test_lets_no_text_be_a_formula(first: str) -> None:
    (cells,) = csv.reader(io.StringIO(line([f"{first}1+1", 7]), newline=""))

    assert cells == [f"'{first}1+1", "7"]


def test_leaves_figures_and_harmless_text_alone() -> None:
    assert line(["a@b.example", "x=1", -5, 0, ""]) == "a@b.example,x=1,-5,0,\r\n"


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_is_read_back_as_it_was_written(texts: list[str]) -> None:
    (cells,) = csv.reader(io.StringIO(line(texts), newline=""))

    assert [cell.removeprefix("'") for cell in cells] == [text.removeprefix("'") for text in texts]
