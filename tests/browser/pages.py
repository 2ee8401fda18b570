"""Verbs for the browser tests: what a person does, and what the database says of it."""

import json
import re
import sqlite3
import time
import urllib.request
from pathlib import Path

from bs4 import BeautifulSoup
from playwright.sync_api import Page, expect

from tests.browser.conftest import Process


def open_new(page: Page, rill: Process) -> None:
    """Open the page of a new conversation."""
    page.goto(rill.url)


def send(page: Page, text: str) -> None:
    """Type a message and press Enter."""
    page.locator("#prompt").fill(text)
    page.locator("#prompt").press("Enter")


def start(page: Page, rill: Process, text: str) -> None:
    """Begin a conversation and wait for its page."""
    open_new(page, rill)
    send(page, text)
    page.wait_for_url("**/c/*")


def wait_until_done(page: Page) -> None:
    """Wait until the last reply is finished on the page."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    expect(page.locator(".message--reply").last.locator(".message__footer")).to_be_visible()
    expect(page.locator("#go")).to_have_text("Send")


def wait_for_words(page: Page, count: int) -> None:
    """Wait until the running reply shows that many words."""
    page.locator(".message--reply").last.wait_for()
    for _ in range(1200):
        if len(reply_text(page).split()) >= count:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"only {reply_text(page)!r}")


def reply_text(page: Page) -> str:
    """Give the words of the last reply as the page shows them."""
    return words(page.locator(".message--reply").last.locator(".message__body").inner_html())


def words(html: str) -> str:
    """Give the words of a piece of HTML, one space between them."""
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


def stored(rill: Process, page: Page) -> dict[str, object]:
    """Give the last reply of the page's conversation, as the database has it."""
    conversation = re.search("/c/([0-9a-f]+)", page.url)[1]
    path = rill.log.parent / "rill.db"
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        row = db.execute(
            "SELECT m.* FROM message m JOIN conversation c ON c.leaf_id = m.id WHERE c.id = ?", [conversation]
        ).fetchone()
    return dict(row)


def canonical_text(rill: Process, page: Page) -> str:
    """Give the words of the last reply as a fresh page has them: the rendering of what is stored."""
    html = urllib.request.urlopen(re.sub("/live.*", "", page.url), timeout=60).read().decode()
    return words(BeautifulSoup(html, "html.parser").select(".message__body")[-1].decode_contents())


def upstream_figures(upstream: Process) -> dict[str, int]:
    """Give how many requests the fake Claude had, and how many connections were closed early."""
    return json.loads(urllib.request.urlopen(f"{upstream.url}/_figures", timeout=60).read())


def wait_for_closed(upstream: Process, count: int) -> None:
    """Wait until the fake Claude has noticed that many connections closed; it does at its next write."""
    for _ in range(1200):
        if upstream_figures(upstream)["closed"] >= count:
            return
        time.sleep(0.05)
    raise AssertionError(upstream_figures(upstream))


def axe(page: Page) -> list[str]:
    """Audit the page with axe, outside the page's own policy; give what is serious or worse."""
    script = next(Path(__file__).with_name("vendor").glob("axe-*.min.js")).read_text()
    page.evaluate(script)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{problem['id']}: {node['html']}"
        for problem in found["violations"]
        if problem["impact"] in ("serious", "critical")
        for node in problem["nodes"]
    ]
