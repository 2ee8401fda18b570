"""Hostile texts in a real browser: nothing runs, nothing is loaded from elsewhere, nothing is refused by the policy."""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Process, Watch, free_port, start_rill
from tests.browser.pages import start, wait_until_done
from tests.core.markdown.hostile import EXFILTRATION, HOSTILE
from tests.core.markdown.payloads import PAYLOADS
from tests.fakes.claude import FakeClaude
from tests.fakes.hostile import answers

ACTIVE = "script:not([nonce]), img, style, template, iframe, svg:not([class]), object, embed, base, [onerror], [onload]"
TEXTS = [text for text in HOSTILE if text.isprintable() or "\n" in text]
TEXTS = [text for text in TEXTS if not any("\ud800" <= mark <= "\udfff" for mark in text)]


class Asked:
    """What a page asks for, and what it says aloud."""

    def __init__(self, page: Page, rill: Process) -> None:
        self.found: list[str] = []
        page.on("request", lambda request: self.found.append(request.url))
        page.on("dialog", lambda dialog: self.found.append(f"dialog {dialog.message}"))
        page.on("popup", lambda popup: self.found.append(f"popup {popup.url}"))
        self._url = rill.url

    def check(self) -> None:
        """See that it asked for nothing but Rill's own."""
        odd = ("away.example", "/hit", "/owned", "/leak", "SECRET")
        assert not [url for url in self.found if not url.startswith(f"{self._url}/")]
        assert not [url for url in self.found if any(word in url for word in odd)]


def check(page: Page) -> None:
    """See that nothing of what a text says became part of the page."""
    assert page.locator(f".message :is({ACTIVE})").count() == 0
    assert page.locator(f".chats :is({ACTIVE})").count() == 0
    assert page.locator(".message__body [hx-get], .message__body hx-partial, .message__body [id]").count() == 0


@pytest.mark.parametrize("part", range(6))
def test_runs_and_loads_nothing_of_made_families(page: Page, rill: Process, watch: Watch, part: int) -> None:
    asked = Asked(page, rill)
    start(page, rill, f"[[echo: {part * 3 + 2}]]\n" + "\n\n".join(TEXTS[part::6]))
    wait_until_done(page)
    check(page)
    page.reload()
    check(page)

    asked.check()


def test_sends_nothing_away_by_any_address(page: Page, rill: Process, watch: Watch) -> None:
    """Sixty ways and more, each a paragraph of the reply and of the message."""
    asked = Asked(page, rill)
    texts = [text for text in EXFILTRATION if text in TEXTS]
    assert len(texts) >= 60
    start(page, rill, "[[echo: 5]]\n" + "\n\n".join(texts))
    wait_until_done(page)
    page.mouse.move(300, 300)
    page.locator(".message__body a").first.hover()
    page.wait_for_timeout(500)

    check(page)
    asked.check()
    assert not page.evaluate(
        "performance.getEntriesByType('resource').map(e => e.name).filter(n => n.includes('away'))"
    )


def test_shows_titles_of_any_kind_as_text(page: Page, rill: Process, watch: Watch) -> None:
    asked = Asked(page, rill)
    titles = [*PAYLOADS[::25], *EXFILTRATION[26::3]]
    for number, title in enumerate(titles):
        text = title.replace("\n", " ")
        data = urllib.parse.urlencode({"text": text, "nonce": f"t{number}"}).encode()
        for _turn in range(50):  # a person has five replies at once
            try:
                urllib.request.urlopen(urllib.request.Request(f"{rill.url}/conversations", data), timeout=60).read()
                break
            except urllib.error.HTTPError as error:
                if error.code != 429:
                    raise
    page.goto(rill.url)
    page.locator(".chats__link").first.wait_for()
    check(page)
    page.locator(".chats__link").first.click()
    page.wait_for_url("**/c/*")
    check(page)

    assert page.locator(".chats__link").count() >= len(titles)
    asked.check()


@pytest.fixture
def hostile() -> Iterator[FakeClaude]:
    fake = FakeClaude().start()
    yield fake
    fake.stop()


def test_takes_nothing_from_a_hostile_server(page: Page, hostile: FakeClaude, watch: Watch, tmp_path: Path) -> None:
    rill = start_rill(tmp_path, free_port(), ANTHROPIC_API_KEY="sk-ant-x", ANTHROPIC_BASE_URL=hostile.url)
    asked = Asked(page, rill)
    try:
        found = {name: answer for name, answer in answers() if not name.startswith("status-")}
        for name in [name for name in found if not name.startswith(("null", "list", "deep", "text-", "no-", "index"))]:
            hostile.answers.clear()
            hostile.answers.extend([found[name]] * 3)
            start(page, rill, f"Hello {name}")
            wait_until_done(page)
            check(page)
            page.goto(rill.url + str(page.locator(".message--reply a[href$='/events']").last.get_attribute("href")))
            check(page)
            assert "owned" not in page.title()
    finally:
        rill.stop()

    asked.check()
