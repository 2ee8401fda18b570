"""The examples of the CommonMark and GFM specifications."""

import re
from pathlib import Path

import pytest

SPEC = Path(__file__).parent / "spec"
_EXAMPLE = re.compile(r"^`{32} example[^\n]*\n(.*?)^\.\n(.*?)^`{32}$", re.M | re.S)


def read(name: str) -> list[tuple[str, str]]:
    """Give each example's Markdown and HTML."""
    text = (SPEC / name).read_text()
    return [(source.replace("→", "\t"), html.replace("→", "\t")) for source, html in _EXAMPLE.findall(text)]


COMMONMARK = read("commonmark-0.31.2.txt")
GFM = read("gfm-0.29.txt")
SOURCES = list(dict.fromkeys(source for source, _html in COMMONMARK + GFM))
every_source = pytest.mark.parametrize("source", SOURCES, ids=[str(number) for number in range(len(SOURCES))])
