"""Texts that are no prose: taken in small steps, shown as they are, and never an error."""

import re
import sys
from typing import Any

import pytest
from bs4 import BeautifulSoup

from app.core.markdown import Incremental, render
from app.core.markdown.draft import NOTE
from tests.core.markdown.page import canonical

MANY = 20_000
PLAIN = {
    "brackets": "[" * MANY,
    "images": "![" * (MANY // 2),
    "backticks": "`" * MANY,
    "stars": "*" * MANY,
    "openers": "**a " * (MANY // 4),
    "links": "[a](" * (MANY // 4),
    "dollars": "$" * MANY,
}
SHOWN = {
    "a long word": "x" * 1_000_000,
    "a long line": "word " * 200_000,
    "a long row": "| a " * (MANY // 4),
    "nested quotes": "> " * MANY + "end",
    "nested items": "- " * (MANY // 2) + "end",
    "deep items": "".join("  " * depth + "- a\n" for depth in range(100)) + "end",
    "white space": " " * MANY + "end",
    "tildes": "~~a" * (MANY // 3),
    "entities": "&" * MANY,
    "angles": "<" * MANY,
    "unclosed formulae": "\\(a " * (MANY // 4),
    "an endless formula": "$$\n" + "x+\n" * 2_000,
    "carriage returns": "a\r" * (MANY // 2),
    "fences": "```\nx\n" * 2_000,
    "code with a long line": "```py\n" + "x" * 10_000 + "\n```\n",
    "blank code": "```java\n" + "\n" * 1_000 + "end\n```\n",
    "unknown code": "```no-such-language\nend\n```\n",
    "formula of braces": "$" + "{" * 1_000 + "}" * 1_000 + "$",
}


def grow(text: str, size: int) -> Incremental:
    growing = Incremental()
    for start in range(0, len(text), size):
        growing.feed(text[start : start + size])
        while growing.is_busy:
            growing.feed()
    growing.finish()
    while growing.is_busy:
        growing.feed()
    return growing


def letters(html: str) -> int:
    tree = BeautifulSoup(html, "html.parser")
    for bar in tree.select(".code__bar, .note"):
        bar.decompose()
    return sum(map(str.isalnum, tree.get_text()))


@pytest.mark.parametrize("name", PLAIN)
def test_shows_what_has_too_much_markup_as_it_is_with_a_note(name: str) -> None:
    html = render(PLAIN[name])

    assert html.endswith(NOTE)
    assert BeautifulSoup(html, "html.parser").p.get_text() == PLAIN[name].strip()


@pytest.mark.parametrize("name", [*PLAIN, *SHOWN])
def test_ends_the_same_in_small_pieces(name: str) -> None:
    text = {**PLAIN, **SHOWN}[name]

    assert canonical(grow(text[:100_000], 997).html()) == canonical(render(text[:100_000]))


@pytest.mark.parametrize("name", SHOWN)
def test_loses_nothing_of_it(name: str) -> None:
    text = re.sub("```.+", "```", SHOWN[name])

    assert letters(render(SHOWN[name])) >= sum(map(str.isalnum, text))


def steps(text: str) -> int:
    """Count the lines of Python that are run to render a text."""
    count = 0

    def trace(_frame: Any, _event: str, _arg: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        render(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("text", ["a\n{}b", "{}b", "> a\n{}b", "- a\n  {}b", "1. {}b", "a\n{}- b\n"])
@pytest.mark.parametrize("white", [" ", "\t"])
def test_passes_over_white_space_without_looking_at_each(text: str, white: str) -> None:
    render(text.format(white))
    few, many = (steps(text.format(white * length)) for length in (500, 5_000))

    assert many - few < 4_500


def test_gives_rows_no_more_missing_cells_than_it_can_afford() -> None:
    header = "|" + "a|" * 100 + "\n|" + "-|" * 100 + "\n"
    html = render(header + "| b |\n" * 2_000 + "\nend")

    assert (html.count("<tr>"), html.count("<td>b</td>")) == (2_001, 2_000)
    assert len(html) < 200_000
    assert "<td>b</td><td></td>" in html
    assert html.endswith("end</p>")


def test_takes_a_large_text_in_many_steps() -> None:
    growing, steps = Incremental(), 1
    growing.feed("word and word\n" * 10_000)
    while growing.is_busy:
        growing.feed()
        steps += 1

    assert steps > 100


def test_highlights_long_code_in_steps() -> None:
    growing, steps = Incremental(), 0
    growing.feed("```py\nx = 1\n" + "y = [2, 'three']\n" * 2_000)
    while growing.is_busy:
        growing.feed()
    growing.feed("```\n")
    while growing.is_busy:
        assert 'class="k' not in growing.html()
        growing.feed()
        steps += 1

    assert steps > 10
    assert 'class="mi"' in growing.html()
