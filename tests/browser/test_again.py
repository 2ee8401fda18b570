"""Retry and Continue, beside what a person is writing meanwhile."""

import sqlite3

from playwright.sync_api import Page, expect

from tests.browser.conftest import Process
from tests.browser.pages import axe, canonical_text, reply_text, start, wait_until_done

DRAFT = "my next thought, half written"


def replies(rill: Process, page: Page) -> int:
    """Count the replies of the page's conversation, on all branches."""
    with sqlite3.connect(rill.log.parent / "rill.db") as db:
        query = "SELECT count(*) FROM message WHERE role = 'assistant' AND conversation_id = ?"
        return int(db.execute(query, [page.url.rpartition("/")[2]]).fetchone()[0])


def press_twice(page: Page, name: str) -> None:
    """Press a button twice at once, faster than any answer comes."""
    page.get_by_role("button", name=name).evaluate("button => { button.focus(); button.click(); button.click(); }")


def test_retries_in_place_and_keeps_what_is_typed(page: Page, rill: Process) -> None:
    start(page, rill, "[[fault: cut again]]")
    wait_until_done(page)
    page.evaluate("window.kept = true")
    page.locator("#prompt").press_sequentially(DRAFT)

    earlier = page.locator(".message--reply").get_attribute("id")
    press_twice(page, "Retry")
    expect(page.locator(f"#{earlier}")).to_have_count(0)
    wait_until_done(page)

    assert replies(rill, page) == 2
    expect(page.locator(".message--reply")).to_have_count(1)
    expect(page.locator(".message--reply")).to_be_focused()
    expect(page.locator("#prompt")).to_have_value(DRAFT)
    assert page.evaluate("window.kept")
    assert reply_text(page) == canonical_text(rill, page)
    assert axe(page) == []


def test_continues_below_and_keeps_what_is_typed(page: Page, rill: Process) -> None:
    start(page, rill, "[[fault: cut on]]")
    wait_until_done(page)
    page.evaluate("window.kept = true")
    page.locator("#prompt").press_sequentially(DRAFT)

    press_twice(page, "Continue")
    expect(page.locator(".message--user")).to_have_count(2)
    wait_until_done(page)

    assert replies(rill, page) == 2
    expect(page.locator(".message")).to_have_count(4)
    assert reply_text(page) == canonical_text(rill, page) == "Hello from the fake."
    expect(page.locator("#prompt")).to_have_value(DRAFT)
    assert page.evaluate("window.kept")
