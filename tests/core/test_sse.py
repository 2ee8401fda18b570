"""Server-sent events on the wire."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sse import Cursor, encode


def parse(wire: str) -> tuple[str | None, str | None, str]:
    """Read one event as the standard says (WHATWG HTML, 9.2.6)."""
    fields: dict[str, list[str]] = {}
    for line in re.split("\r\n|\r|\n", wire):
        name, _colon, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    data = "\n".join(fields.get("data", []))
    return (fields.get("event") or [None])[0], (fields.get("id") or [None])[0], data


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_arrives_as_it_was_sent_but_for_line_ends(data: str) -> None:
    event, id, got = parse(encode(data, id="7", event="done").decode())

    assert (event, id) == ("done", "7")
    assert got == re.sub("\r\n|\r", "\n", data)


def test_keeps_separators_that_are_no_line_ends() -> None:
    assert encode("a\u2028b\x0bc") == "data: a\u2028b\x0bc\n\n".encode()


def test_reads_back_its_own_cursor() -> None:
    assert Cursor.parse(str(Cursor("a1b2c3", 42))) == Cursor("a1b2c3", 42)


@pytest.mark.parametrize(
    "text", [None, "", "x", "a1b2c3", "a1b2c3-", "a1b2c3-x", "A1B2C3-1", "a1b2c3--1", "a1b2c3-1\n"]
)
def test_takes_nothing_else_for_a_cursor(text: str | None) -> None:
    assert Cursor.parse(text) is None
