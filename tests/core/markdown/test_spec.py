"""Rill reads Markdown as its specifications say, which is how markdown-it reads it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.markdown import inline, render
from tests.core.markdown import oracle
from tests.core.markdown.examples import SOURCES, every_source
from tests.core.markdown.page import Page, canonical
from tests.core.markdown.strategies import cuts, markdown, pieces

#: Where markdown-it leaves the specification: a definition ends otherwise, and so does a quote's table before the next
#: line of the quote; and a paragraph in a quote or an item does not always go on in an indented line.
_OTHERWISE = re.compile(r"\n> |\]:|^[ \t]*(?:>|[-+*]|\d+[.)])[\s\S]*\n(?: {4}|\t)", re.MULTILINE)
#: Formulae, footnotes and tasks are Rill's own.
OWN = ("$", "\\[", "[^", "[ ]", "[x]")


@pytest.fixture(autouse=True, scope="module")
def any_link() -> object:
    """Let every link through: most examples have relative ones."""
    patch = pytest.MonkeyPatch()
    patch.setattr(inline, "is_safe_link", lambda url: True)
    inline._parser.cache_clear()
    inline._definitions.cache_clear()
    oracle._parser.cache_clear()
    yield
    patch.undo()
    inline._parser.cache_clear()
    inline._definitions.cache_clear()
    oracle._parser.cache_clear()


@every_source
def test_reads_every_example_as_the_parser_does(source: str) -> None:
    if not any(mark in source for mark in OWN):
        assert oracle.structure(render(source)) == oracle.structure(oracle.read(source))


@every_source
def test_ends_the_same_when_examples_come_letter_by_letter(source: str) -> None:
    page = Page()
    for letter in source:
        page.feed(letter)
    page.finish()

    assert page.growing.is_late or page.html == canonical(render(source))


@given(st.sampled_from(SOURCES), cuts)
def test_ends_the_same_when_examples_are_cut_anywhere(source: str, sizes: list[int]) -> None:
    page = Page()
    for piece in pieces(source, sizes):
        page.feed(piece)
    page.finish()

    assert page.growing.is_late or page.html == canonical(render(source))


@given(markdown.filter(lambda text: not any(mark in text for mark in (*OWN, "\r"))))
def test_reads_made_up_text_as_the_parser_does(text: str) -> None:
    if not _OTHERWISE.search(text):
        assert oracle.structure(render(text)) == oracle.structure(oracle.read(text))
