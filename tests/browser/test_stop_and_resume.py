"""Stop, reload, other tabs, hidden tabs, dropped connections, and a restarted server."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Process, Watch, free_port, start_rill
from tests.browser.pages import (
    canonical_text,
    reply_text,
    start,
    stored,
    upstream_figures,
    wait_for_closed,
    wait_for_words,
    wait_until_done,
)

HIDE = (
    "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); "
    "document.dispatchEvent(new Event('visibilitychange'))"
)


def test_stops_and_keeps_what_had_arrived(page: Page, rill: Process, upstream: Process) -> None:
    start(page, rill, "[[fault: slow stop]]")
    wait_for_words(page, 5)
    closed = upstream_figures(upstream)["closed"]

    page.locator("#go").click()
    wait_until_done(page)

    reply = stored(rill, page)
    assert reply["status"] == "stopped"
    assert reply_text(page) == canonical_text(rill, page) == " ".join(reply["text"].split())
    wait_for_closed(upstream, closed + 1)
    expect(page.locator(".message__note")).to_contain_text("You stopped this reply")


def test_shows_everything_after_a_reload_and_goes_on(page: Page, demo: Process) -> None:
    start(page, demo, "long")
    wait_for_words(page, 40)
    before = reply_text(page)

    page.reload()
    assert reply_text(page).startswith(before[:-20])
    wait_until_done(page)

    assert reply_text(page) == canonical_text(demo, page)


def test_shows_the_same_in_two_tabs(context: BrowserContext, page: Page, demo: Process) -> None:
    start(page, demo, "long")
    other = context.new_page()
    other.goto(page.url)
    wait_for_words(page, 80)
    wait_for_words(other, 80)
    wait_until_done(page)
    wait_until_done(other)

    assert reply_text(page) == reply_text(other) == canonical_text(demo, page)


def test_says_in_other_pages_when_a_reply_has_ended(context: BrowserContext, page: Page, rill: Process) -> None:
    start(page, rill, "[[fault: slow listed]]")
    wait_for_words(page, 3)
    other = context.new_page()
    other.goto(rill.url)
    link = other.locator(f".chats__link[href='/c/{page.url.rpartition('/')[2]}']")
    expect(link).to_contain_text("writing…")
    link.focus()

    page.locator("#go").click()
    wait_until_done(page)

    expect(link).not_to_contain_text("writing…")
    expect(link).to_be_focused()
    expect(other.locator("#chats-list [hx-get]")).to_have_count(0)


def test_goes_on_when_the_tab_is_closed(context: BrowserContext, page: Page, demo: Process) -> None:
    start(page, demo, "code")
    wait_for_words(page, 5)
    url = page.url
    page.close()

    other = context.new_page()
    other.goto(url)
    wait_until_done(other)

    assert stored(demo, other)["status"] == "done"


def test_resumes_when_the_tab_is_shown_again(context: BrowserContext, page: Page, demo: Process) -> None:
    start(page, demo, "long")
    wait_for_words(page, 20)
    session = context.new_cdp_session(page)
    for hidden in ("true", "false", "true", "false"):
        session.send("Runtime.evaluate", {"expression": HIDE % hidden})
        page.wait_for_timeout(700)
    wait_until_done(page)

    assert reply_text(page) == canonical_text(demo, page)


def test_comes_back_after_the_network_was_gone(
    context: BrowserContext, page: Page, demo: Process, watch: Watch
) -> None:
    watch.expected = ("ERR_INTERNET_DISCONNECTED", "htmx:error", "htmx:sse:error")
    start(page, demo, "long")
    wait_for_words(page, 20)

    context.set_offline(True)
    page.wait_for_timeout(1500)
    context.set_offline(False)
    wait_until_done(page)

    assert reply_text(page) == canonical_text(demo, page)


def test_keeps_the_text_and_says_so_when_the_server_cannot_be_reached(
    context: BrowserContext, page: Page, demo: Process, watch: Watch
) -> None:
    watch.expected = ("ERR_INTERNET_DISCONNECTED", "htmx:error", "htmx:sse:error")
    start(page, demo, "hello")
    wait_until_done(page)

    context.set_offline(True)
    page.locator("#prompt").fill("Precious words")
    page.locator("#prompt").press("Enter")

    expect(page.locator("#notice")).to_contain_text("cannot be reached")
    expect(page.locator("#notice")).to_contain_text("press Send again")
    expect(page.locator("#prompt")).to_have_value("Precious words")


def test_takes_back_that_the_server_cannot_be_reached(
    context: BrowserContext, page: Page, rill: Process, watch: Watch
) -> None:
    watch.expected = ("ERR_FAILED", "htmx:error")
    start(page, rill, "[[load: reached 900 15]]")
    wait_for_words(page, 5)
    page.route("**/messages", lambda route: route.abort())
    page.locator("#prompt").fill("Precious words")
    page.locator("#prompt").press("Enter")
    expect(page.locator("#notice")).to_contain_text("cannot be reached")

    session = context.new_cdp_session(page)
    for hidden in ("true", "false"):  # the stream is let go, and begins anew
        session.send("Runtime.evaluate", {"expression": HIDE % hidden})
        page.wait_for_timeout(50)

    expect(page.locator("#notice")).to_be_empty()
    assert page.locator("[aria-busy=true]").count() == 1, "the end clears every notice"
    expect(page.locator("#prompt")).to_have_value("Precious words")
    page.locator("#go").click()
    wait_until_done(page)


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_keeps_the_text_through_a_restart(
    page: Page, tmp_path: Path, upstream: Process, watch: Watch, kill: bool
) -> None:
    watch.expected = (
        "ERR_CONNECTION_REFUSED",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
        "ERR_EMPTY_RESPONSE",
        "ERR_CONNECTION_RESET",
        "htmx:error",
        "htmx:sse:error",
    )
    port = free_port()
    env = {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": upstream.url}
    rill = start_rill(tmp_path, port, **env)
    start(page, rill, f"[[fault: slow restart-{kill}]]")
    wait_for_words(page, 8)
    seen = reply_text(page)

    rill.stop(kill=kill)
    rill = start_rill(tmp_path, port, **env)
    try:
        wait_until_done(page)
        reply = stored(rill, page)
        assert reply["status"] in ("interrupted", "done")
        assert " ".join(reply["text"].split()).startswith(seen)
        assert reply_text(page) == canonical_text(rill, page)
    finally:
        rill.stop()
