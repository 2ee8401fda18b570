"""The stylesheet: layers, colours in one place, and a budget."""

import re
from pathlib import Path

import pytest

from app.web.assets import CSS
from tests.contracts.tree import files

SHEETS = files("static/css/*.css")


def bare(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S).strip()


def top_level(source: str) -> list[str]:
    """Give what stands outside all braces, a rule each."""
    depth, current, found = 0, "", []
    for character in source:
        depth += (character == "{") - (character == "}")
        current += character
        if (character == "}" and depth == 0) or (character == ";" and depth == 0):
            found.append(current.strip())
            current = ""
    assert depth == 0
    assert not current.strip()
    return found


def test_links_every_sheet_in_order() -> None:
    assert {path.stem for path in SHEETS} == set(CSS)
    assert CSS[0] == "tokens"


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_puts_every_rule_into_a_layer(path: Path) -> None:
    rules = top_level(bare(path))
    if path.stem == "tokens":
        assert rules.pop(0) == "@layer reset, base, layout, components, utilities;"

    assert len(rules) == 1
    assert re.match(r"@layer (reset|base|layout|components|utilities) {", rules[0])


@pytest.mark.parametrize("path", [path for path in SHEETS if path.stem != "tokens"], ids=lambda path: path.stem)
def test_names_colours_in_tokens_only(path: Path) -> None:
    assert not re.search(r"#[0-9a-f]{3,8}\b|oklch\(|rgba?\(|hsla?\(", bare(path))
    assert "--raw-" not in bare(path)


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_needs_neither_force_nor_ids(path: Path) -> None:
    assert "!important" not in bare(path)
    assert not re.search(r"(^|[\s,>+~])#[a-z][\w-]*[^;]*{", bare(path), re.M)


def test_stays_in_its_budget() -> None:
    sizes = {path.stem: len(path.read_text().splitlines()) for path in SHEETS}

    assert {stem: size for stem, size in sizes.items() if size > 150} == {}
    assert sum(sizes.values()) <= 1200
