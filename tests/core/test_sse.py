"""Server-sent events on the wire."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sse import Cursor, decode, encode


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


LINES = ("event: a", "event:b", "data: one", "data:  two ", "data", ": words", "id: 7", "retry: 1", "data: \u2028", "x")


def pieces(wire: bytes, cuts: list[int]) -> list[bytes]:
    """Cut bytes at some places."""
    places = sorted(cut % (len(wire) + 1) for cut in cuts)
    return [wire[start:end] for start, end in zip([0, *places], [*places, len(wire)], strict=True)]


@given(
    st.lists(st.lists(st.sampled_from(LINES), max_size=4), max_size=4),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_cuts_what_comes_in_any_pieces(events: list[list[str]], end: str, cuts: list[int]) -> None:
    wire = "".join(line + end for event in events for line in [*event, ""]) + "data: never sent" + end

    found = [event for event in decode(pieces(wire.encode(), cuts)) if event != ("", "")]

    expected = [parse("\n".join(event)) for event in events]
    names = [[line for line in event if line.startswith("event")] for event in events]
    last = [lines[-1].partition(":")[2].strip() if lines else "" for lines in names]
    assert found == [
        (name, data) for name, (_event, _id, data) in zip(last, expected, strict=True) if (name, data) != ("", "")
    ]


def test_reads_what_was_written() -> None:
    assert list(decode([encode("a\n\nb", event="x")])) == [("x", "a\n\nb")]
    assert list(decode([b"data: a\r", b"\n", b"\r\n\n", b"data: b"])) == [("", "a")]
