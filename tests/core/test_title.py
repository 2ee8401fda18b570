"""Titles of conversations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.title import title_of


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello\nthere ", "Hello there"),
        ("# Überschrift with `code`", "Überschrift with code"),
        ("> - **Why** is _this_ ~~so~~?", "Why is this so?"),
        ("See [the page](https://example.com/a) and ![it](x.png)", "See the page and it"),
        ("```python\nprint(1)\n```\nWhy?", "print(1) Why?"),
        ("snake_case_name, 2 * 3 * 4, **kwargs, C# and #1", "snake_case_name, 2 * 3 * 4, **kwargs, C# and #1"),
        ("1. First", "1. First"),
        ("```", "```"),
        ("***", "***"),
    ],
)
def test_takes_the_marks_off(text: str, title: str) -> None:
    assert title_of(text) == title


def test_ends_at_a_word() -> None:
    title = title_of("word " * 30)

    assert len(title) <= 61
    assert title.endswith("word…")
    assert title_of("x" * 100) == "x" * 60 + "…"


@given(st.text("#>-*_~`[](!) a\n", max_size=80))
def test_says_something_where_something_was_said(text: str) -> None:
    assert bool(title_of(text)) == bool(text.strip())
