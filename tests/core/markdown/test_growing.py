"""Growing Markdown: whatever the pieces, the page ends up with the whole, and is right on the way."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.markdown import Append, Grow, Incremental, Replace, render, sanitise
from tests.core.markdown.page import Page, canonical
from tests.core.markdown.strategies import cuts, markdown, pieces

CORPUS = {path.stem: path.read_text() for path in sorted(Path("tests/corpus").glob("*.md"))}
every_reply = pytest.mark.parametrize("name", CORPUS)


def text_of(html: str) -> str:
    return "".join(re.sub("<[^>]*>", "", html).split())


def test_has_a_corpus_of_realistic_replies() -> None:
    assert len(CORPUS) >= 30
    assert sum(map(len, CORPUS.values())) > 80_000


@given(markdown, cuts)
def test_ends_in_the_whole_however_it_is_cut(text: str, sizes: list[int]) -> None:
    page = Page()
    for piece in pieces(text, sizes):
        page.feed(piece)
        assert page.html == canonical(page.growing.html())
        assert canonical(sanitise(page.html)) == page.html
    page.finish()

    assert page.growing.is_late or page.html == canonical(render(text))


@given(st.text(), cuts)
def test_takes_any_text(text: str, sizes: list[int]) -> None:
    page = Page()
    for piece in pieces(text, sizes):
        page.feed(piece)
    page.finish()

    assert page.growing.is_late or page.html == canonical(render(text))


@every_reply
@settings(max_examples=3)
@given(cuts=st.lists(st.integers(1, 60), min_size=200, max_size=400))
def test_ends_in_the_whole_for_realistic_replies(name: str, cuts: list[int]) -> None:
    page = Page()
    for piece in pieces(CORPUS[name], cuts):
        page.feed(piece)
    page.finish()

    assert page.resets == 0
    assert page.growing.is_late == (name in ("16-footnotes", "17-reference-links"))
    assert page.growing.is_late or page.html == canonical(render(CORPUS[name]))


@every_reply
def test_never_takes_back_what_it_has_shown(name: str) -> None:
    """Nothing flashes: the text of a page only ever grows, but where a formula takes the place of its source."""
    growing, shown = Incremental(), ""
    for piece in pieces(CORPUS[name], [5] * 2_500):
        changes = growing.feed(piece)
        while growing.is_busy:
            growing.feed()
        html = growing.html()
        is_formula = any("<math" in change.html for change in changes.changes)
        assert is_formula or text_of(html).startswith(shown)
        shown = text_of(html)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=5), st.sampled_from(sorted(CORPUS)))
def test_tells_each_reader_what_it_lacks(versions: list[int], name: str) -> None:
    """A reader who was away for any time ends with the page of one who never was."""
    growing = Incremental()
    page, seen = Page(growing), 0
    for version, piece in enumerate(pieces(CORPUS[name][:6_000], [15] * 400)):
        growing.feed(piece)
        while growing.is_busy:
            growing.feed()
        if version in versions:
            page.apply(growing.changes(seen))
            seen = growing.version
            assert page.html == canonical(growing.html())
    page.apply(growing.changes(seen))

    assert page.html == canonical(growing.html())


def test_appends_words_as_they_are() -> None:
    growing = Incremental()
    growing.feed("Some words")

    changes = growing.feed(" and more of them")

    assert changes.changes == (Append(" words and more of"),)
    assert not changes.is_moved


def test_appends_inside_the_open_element() -> None:
    growing = Incremental()
    growing.feed("- one\n- two words here\n")

    assert [type(change) for change in growing.feed("- three words\n").changes] == [Append, Grow]


def test_highlights_a_fence_once_when_it_closes() -> None:
    growing = Incremental()
    changes = [change for piece in ("```py\n", *["x = 1\n"] * 50, "```\n") for change in growing.feed(piece).changes]

    assert sum(isinstance(change, Replace) for change in changes) == 1
    assert [change.html for change in changes if isinstance(change, Append)].count("x = 1\n") == 50


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It is **very impor", "It is"),
        (
            "It is **a long run of important words that goes on and on",
            "It is a long run of important words that goes on and",
        ),
        ("Call `foo(", "Call"),
        ("See [the do", "See"),
        ("See [the docs](https://e.exam", "See"),
        ("Let $x +", "Let"),
        ("Let \\(x +", "Let"),
        ("```python\nprint(1", "python print(1"),
        ("| a | b |\n|---|---|\n| 1 | 2", "a b"),
        ("a | b", "a"),
        ("# A head", "A"),
        ("> quoted wor", "quoted"),
        ("1. first it", "first"),
        ("- [x] done wi", "☑ done"),
    ],
)
def test_shows_unfinished_markup_as_if_it_were_finished(text: str, shown: str) -> None:
    growing = Incremental()
    for letter in text:
        growing.feed(letter)

    assert BeautifulSoup(growing.html(), "html.parser").get_text(" ", strip=True).split() == shown.split()


@pytest.mark.parametrize(
    "text",
    [
        "- [ ] a *b **c** d* and more of it\n",
        "- [x] **a long run of important words that goes on and on** and more\n",
        "- [ ] heading\n  ===\n",
        "- [ ] | a | b |\n  |---|---|\n  | c | d |\n",
    ],
)
def test_keeps_the_box_of_a_task_when_its_text_is_put_right(text: str) -> None:
    page = Page()
    for letter in text:
        page.feed(letter)
        assert page.html == canonical(page.growing.html())
    page.finish()

    assert page.html == canonical(render(text))


@pytest.mark.parametrize(
    "pieces", [("one\r", "\n", "\n", "two"), ("one", "\r", "\n\r", "\n", "two"), ("one\n\n", "two")]
)
def test_takes_line_ends_in_halves(pieces: tuple[str, ...]) -> None:
    page = Page()
    for piece in pieces:
        page.feed(piece)
    page.finish()

    assert page.html == canonical(render("one\n\ntwo"))


def test_corrects_a_definition_that_comes_late() -> None:
    growing = Incremental()
    growing.feed("See [here].\n\n[here]: https://e.example\n")
    growing.finish()

    assert growing.is_late
    assert "<a" not in growing.html()
    assert "<a" in render("See [here].\n\n[here]: https://e.example\n")
