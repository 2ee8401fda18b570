"""Whatever a text tries, what is shown of any part of it holds nothing that runs, loads or connects."""

import pytest
from bs4 import BeautifulSoup

from app.core.markdown import CURSOR, Incremental, render, sanitise
from tests.core.markdown.page import canonical
from tests.core.markdown.payloads import PAYLOADS

ATTRIBUTES = set(
    "accent class columnalign columnspacing dir display displaystyle encoding fence form href linethickness "
    "mathvariant movablelimits rel rowspacing scriptlevel separator start stretchy tabindex title width xmlns".split()
)
ELEMENTS = set(
    "a annotation blockquote br code div em h1 h2 h3 h4 h5 h6 hr li math menclose mfrac mi mmultiscripts mn mo mover "
    "mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder "
    "munderover none ol p pre s semantics span strong sup table tbody td th thead tr ul".split()
)


def check(html: str) -> None:
    for tag in BeautifulSoup(html, "html.parser").find_all(True):
        assert tag.name in ELEMENTS
        assert set(tag.attrs) <= ATTRIBUTES
        assert (tag.get("href") or "https:").lower().startswith(("http:", "https:", "mailto:"))
        assert not {"t", "whole"} & set(tag.get("class", []))
    assert "<hx-" not in html.lower()


def test_has_hundreds_of_payloads() -> None:
    assert len(set(PAYLOADS)) >= 500


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_shows_hostile_text_as_text(payload: str) -> None:
    html = render(payload)

    check(html)
    assert canonical(sanitise(html)) == canonical(html)


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_is_safe_wherever_the_text_is_cut(payload: str) -> None:
    checked = set()
    for split in range(len(payload) + 1):
        growing = Incremental()
        for piece in (payload[:split], payload[split:]):
            for change in growing.feed(piece).changes:
                html = change.html.replace(CURSOR, "")
                if html not in checked:
                    check(html)
                    checked.add(html)


def test_gives_no_element_a_class_of_its_choosing() -> None:
    assert sanitise('<p class="t whole note x$ B">a</p>') == '<p class="note">a</p>'
