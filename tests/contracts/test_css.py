"""The stylesheet: layers, colours in one place, and a budget."""

import re
from pathlib import Path

import pytest

from app.web.assets import CSS
from tests.contracts.tree import files

SHEETS = files("static/css/*.css")
COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|(?<![\w-])(oklch|oklab|lch|lab|rgba?|hsla?|hwb|color)\(", re.I)


def bare(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S).strip()


def selectors(source: str) -> str:
    """Give what stands before braces, without quoted values."""
    return "\n".join(re.findall(r"([^{};]*){", re.sub(r"\"[^\"]*\"|'[^']*'", "", source)))


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


def test_fixes_the_order_of_the_layers_on_the_first_line() -> None:
    for path in SHEETS:
        first = path.read_text().partition("\n")[0]
        assert (first == "@layer reset, base, layout, components, utilities;") == (path.stem == "tokens")


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_puts_every_rule_into_a_layer(path: Path) -> None:
    rules = top_level(bare(path))
    if path.stem == "tokens":
        assert rules.pop(0) == "@layer reset, base, layout, components, utilities;"

    assert len(rules) == 1
    assert re.match(r"@layer (reset|base|layout|components|utilities) {", rules[0])


@pytest.mark.parametrize("path", [path for path in SHEETS if path.stem != "tokens"], ids=lambda path: path.stem)
def test_names_colours_in_tokens_only(path: Path) -> None:
    declared = re.sub(r"[^{};]*{", "", bare(path))
    assert not COLOUR.search(declared)
    assert "--raw-" not in bare(path)


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_needs_neither_force_nor_ids(path: Path) -> None:
    assert not re.search(r"!\s*important", bare(path), re.I)
    assert "#" not in selectors(bare(path))


def test_stays_in_its_budget() -> None:
    sizes = {path.stem: len(path.read_text().splitlines()) for path in SHEETS}

    assert {stem: size for stem, size in sizes.items() if size > 150} == {}
    assert sum(sizes.values()) <= 1_500
