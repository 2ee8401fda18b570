"""The templates: names, one root each, and nothing in them that could run."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from tests.contracts.tree import ROOT, files

TEMPLATES = files("templates/*.html")
PARTIALS = [path for path in TEMPLATES if path.name.startswith("_")]
EVENTS = re.compile(r"^on[a-z]+$")


def name(path: Path) -> str:
    return path.relative_to(ROOT / "templates").as_posix()


def elements(path: Path) -> list[Tag]:
    source = re.sub(r"{#.*?#}|{%.*?%}", "", path.read_text(), flags=re.S)
    return BeautifulSoup(source, "html.parser").find_all(True)


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_holds_nothing_that_could_run(path: Path) -> None:
    for element in elements(path):
        assert not [key for key in element.attrs if EVENTS.match(key) or key.startswith("hx-on") or key == "style"]
        assert "js:" not in " ".join(str(value) for value in element.attrs.values())
        if element.name == "script":
            assert element.get("src")
            assert element.get("nonce")
            assert not element.text.strip()


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_approves_each_element_that_makes_requests(path: Path) -> None:
    for element in elements(path):
        if any(key.startswith(("hx-get", "hx-post", "hx-sse")) for key in element.attrs):
            assert element.get("hx-nonce") == "{{ nonce }}", element


@pytest.mark.parametrize("path", PARTIALS, ids=name)
def test_says_which_variables_a_partial_takes(path: Path) -> None:
    assert path.read_text().startswith("{# ")


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_stays_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 80


def test_gives_pages_fragments_and_parts_their_names() -> None:
    folders = {path.parent.name for path in TEMPLATES}

    assert folders <= {"layouts", "conversations", "messages", "replies", "errors"}
    for path in TEMPLATES:
        assert re.fullmatch(r"_?[a-z_]+(\.hx)?\.html", path.name)
        if path.name.endswith(".hx.html"):
            assert "<hx-partial" in path.read_text()
