"""Made families of hostile texts, at every place where a stream may cut them, read by another parser than ours."""

import html.parser
import re

import pytest

from app.core.markdown import CURSOR, Incremental, render
from tests.core.markdown.hostile import EXFILTRATION, HOSTILE, PLACEHOLDERS
from tests.core.markdown.test_safety import ATTRIBUTES, ELEMENTS, check

PARTS = 24
#: What does something, in the names of a tag's attributes.
LIVE = re.compile(r"\b(hx-|sse-|on\w+\s*=|style\s*=|srcset)", re.I)


class Reader(html.parser.HTMLParser):
    """Reads HTML with Python's own parser: what it starts, declares or comments has to be allowed."""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS, tag
        assert not LIVE.search(re.sub('"[^"]*"', "", self.get_starttag_text())), self.get_starttag_text()
        for name, value in attributes:
            assert name in ATTRIBUTES, (tag, name)
            assert name != "href" or re.match("(?i)(https?|mailto):|$", value or ""), value
            assert "<" not in self.get_starttag_text()[1:], "htmx reads tags in attributes"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = unknown_decl = handle_pi = handle_comment


def read(text: str) -> None:
    reader = Reader(convert_charrefs=True)
    reader.feed(text)
    reader.close()


def test_has_hundreds_more() -> None:
    assert len(set(HOSTILE)) >= 700
    assert len(set(EXFILTRATION)) >= 60


@pytest.mark.parametrize("part", range(PARTS))
def test_is_safe_whole_and_wherever_it_is_cut(part: int) -> None:
    for payload in HOSTILE[part::PARTS]:
        seen = {render(payload)}
        for split in range(len(payload) + 1):
            growing = Incremental()
            steps = [growing.feed(payload[:split]), growing.feed(payload[split:]), growing.finish()]
            while growing.is_busy:
                steps.append(growing.feed())
            seen |= {change.html.replace(CURSOR, "") for found in steps for change in found.changes}
            seen.add(growing.html())
        for html_ in seen:
            check(html_)
            read(html_)


@pytest.mark.parametrize("payload", PLACEHOLDERS)
def test_fills_nothing_in(payload: str) -> None:
    reader = html.parser.HTMLParser()
    said: list[str] = []
    reader.handle_data = said.append  # type: ignore[method-assign]  # the way to read text with it
    reader.feed(render(f"`` {payload} ``"))
    reader.close()

    assert "".join(said).strip() == payload
