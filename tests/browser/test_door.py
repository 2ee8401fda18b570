"""The door, as a person finds it: sign in, go on, sign out, and come back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Process, Watch
from tests.browser.pages import axe, reply_text, send, wait_for_words, wait_until_done
from tests.servers import free_port, start_rill

PASSWORD = "a cellar for the lantern"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give Rill with the demo Claude, for people with accounts."""
    rill = start_rill(
        tmp_path_factory.mktemp("door"),
        free_port(),
        RILL_DEMO_SPEED="1.5",
        SECRET_KEY="k" * 32,
        RILL_ADMIN_PASSWORD=PASSWORD,
    )
    yield rill
    rill.stop()


def sign_in(page: Page, rill: Process) -> None:
    """Sign in with the keyboard alone."""
    page.goto(rill.url)
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#prompt").wait_for()


def test_signs_in_talks_and_signs_out(page: Page, guarded: Process) -> None:
    sign_in(page, guarded)
    send(page, "hello")
    wait_until_done(page)
    send(page, "list")
    expect(page.locator(".message--user")).to_have_count(2)
    wait_until_done(page)
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_keeps_what_is_written_while_somebody_signs_in_again(page: Page, watch: Watch, guarded: Process) -> None:
    sign_in(page, guarded)
    page.locator("#prompt").fill("hello")
    page.context.clear_cookies()
    watch.expected = ("401",)
    page.locator("#prompt").press("Enter")
    expect(page.locator("#notice")).to_contain_text("You are not signed in")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in").click()
    sign_in(opened.value, guarded)
    assert page.locator("#prompt").input_value() == "hello"

    page.locator("#prompt").press("Enter")
    wait_until_done(page)


def test_stops_a_stream_whose_session_is_over(page: Page, watch: Watch, guarded: Process) -> None:
    watch.expected = ("401",)
    sign_in(page, guarded)
    send(page, "long")
    page.wait_for_url("**/c/*")
    wait_for_words(page, 5)
    with closing(sqlite3.connect(guarded.log.parent / "rill.db")) as db, db:
        db.execute("DELETE FROM login")

    expect(page.locator("#notice")).to_contain_text("You are not signed in")
    shown = reply_text(page)
    page.wait_for_timeout(2_000)
    assert reply_text(page) == shown
    expect(page.locator("[aria-busy=true]")).to_have_count(1)


def test_signs_in_without_scripts(browser: Browser, guarded: Process) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, guarded)
    page.locator("#prompt").fill("hello")
    page.locator("#go").click(no_wait_after=True)

    expect(page.locator(".message__footer")).to_contain_text("tokens")
    page.get_by_role("link", name="Options").click()
    page.get_by_label("I mean it").check()
    page.get_by_role("button", name="Delete this chat").click()
    expect(page.locator("#prompt")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_passes_an_audit(browser: Browser, guarded: Process, scheme: str, width: int) -> None:
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(guarded.url)
    found = axe(page)
    sign_in(page, guarded)
    send(page, "hello")
    wait_until_done(page)
    page.get_by_role("link", name="Options").click()
    page.get_by_label("I mean it").wait_for()
    found += axe(page)
    page.goto(f"{guarded.url}/me")
    page.get_by_label("Which program is it for").fill("script")
    page.get_by_role("button", name="Make a token").click()
    page.locator(".secret").wait_for()
    found += axe(page)

    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
