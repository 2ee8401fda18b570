"""The templates: names, one root each, and nothing in them that could run."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from tests.contracts.tree import ROOT, files

TEMPLATES = files("templates/*.html")
SERVED = files("static/*.html", "static/*.svg")
PARTIALS = [path for path in TEMPLATES if path.name.startswith("_")]
EVENTS = re.compile(r"^on[a-z]+$")


def name(path: Path) -> str:
    return path.relative_to(ROOT / "templates").as_posix()


def elements(path: Path) -> list[Tag]:
    """Give the elements; an expression other than the nonce becomes a word, for it may hold quotes."""
    source = re.sub(r"{#.*?#}|{%.*?%}", "", path.read_text(), flags=re.S)
    source = re.sub(r"{{(?! nonce }}).*?}}", "expression", source, flags=re.S)
    return BeautifulSoup(source, "html.parser").find_all(True)


def keys(element: Tag) -> list[str]:
    """Give the names of the attributes; htmx reads data-hx-get as hx-get."""
    return [re.sub("^data-(?=hx-)", "", key) for key in element.attrs]


@pytest.mark.parametrize("path", TEMPLATES + SERVED, ids=lambda path: path.name)
def test_holds_nothing_that_could_run(path: Path) -> None:
    for element in elements(path):
        assert not [key for key in keys(element) if EVENTS.match(key) or key.startswith("hx-on") or key == "style"]
        assert not re.search(r"\b(js|javascript):", " ".join(str(value) for value in element.attrs.values()), re.I)
        assert element.name != "style"
        if element.name == "script":
            assert element.get("src")
            assert element.get("nonce")
            assert not element.text.strip()


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_approves_each_element_that_htmx_reads(path: Path) -> None:
    for element in elements(path):
        assert "hx-nonce:inherited" not in keys(element), "it would approve what Claude writes, too"
        if element.name != "hx-partial" and any(key.startswith("hx-") for key in keys(element)):
            assert element.get("hx-nonce") == "{{ nonce }}", element


@pytest.mark.parametrize("path", PARTIALS, ids=name)
def test_says_which_variables_a_partial_takes(path: Path) -> None:
    assert path.read_text().startswith("{# ")


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_stays_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 80


def test_gives_pages_fragments_and_parts_their_names() -> None:
    folders = {path.parent.name for path in TEMPLATES}

    assert files("templates") == TEMPLATES
    assert folders <= {
        "layouts",
        "conversations",
        "messages",
        "replies",
        "errors",
        "doctor",
        "events",
        "compare",
        "login",
        "people",
        "options",
        "me",
        "usage",
    }
    for path in TEMPLATES:
        assert re.fullmatch(r"_?[a-z_]+(\.hx)?\.html", path.name)
        if path.name.endswith(".hx.html"):
            assert "<hx-partial" in path.read_text()
