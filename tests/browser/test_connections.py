"""Connections that fail, sleep and are too many: the page ends with the right text, and then asks for nothing."""

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route

from tests.browser.conftest import Process, Watch
from tests.browser.pages import canonical_text, open_new, reply_text, send, start, wait_for_words, wait_until_done

HIDE = (
    "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); "
    "document.dispatchEvent(new Event('visibilitychange'))"
)
STREAM = "**/replies/*/stream*"


def hide(context: BrowserContext, page: Page, is_hidden: bool) -> None:
    """Let a tab be in the background, or in front."""
    expression = HIDE % ("true" if is_hidden else "false")
    context.new_cdp_session(page).send("Runtime.evaluate", {"expression": expression})


@pytest.mark.parametrize("status", [502, 503, 404])
def test_comes_in_when_the_first_connections_fail(page: Page, demo: Process, watch: Watch, status: int) -> None:
    watch.expected = (str(status), "htmx:error", "htmx:sse:error")
    left = [2]

    def answer(route: Route) -> None:
        left[0] -= 1
        if left[0] >= 0:
            route.fulfill(status=status, body="<h1>no</h1>", headers={"Cache-Control": "no-store"})
        else:
            route.continue_()

    page.route(STREAM, answer)
    start(page, demo, "long")
    wait_until_done(page)

    assert left[0] < 0
    assert reply_text(page) == canonical_text(demo, page)
    assert page.get_by_text("no", exact=True).count() == 0


def test_comes_back_after_a_proxy_failed(page: Page, demo: Process, watch: Watch) -> None:
    """The reader is sent away, as by a deploy, and finds only errors for a while."""
    watch.expected = ("502", "htmx:error", "htmx:sse:error", "ERR_FAILED")
    start(page, demo, "long")
    wait_for_words(page, 10)
    session = page.context.new_cdp_session(page)
    failures = [3]

    def answer(route: Route) -> None:
        failures[0] -= 1
        route.fulfill(status=502, body="bad") if failures[0] >= 0 else route.continue_()

    page.route(STREAM, answer)
    for is_hidden in ("true", "false"):
        session.send("Runtime.evaluate", {"expression": HIDE % is_hidden})
        page.wait_for_timeout(100)
    wait_until_done(page)

    assert failures[0] < 0
    assert reply_text(page) == canonical_text(demo, page)


def test_ends_with_the_right_text_after_a_long_sleep(context: BrowserContext, page: Page, demo: Process) -> None:
    start(page, demo, "long")
    wait_for_words(page, 10)
    session = context.new_cdp_session(page)

    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    other = context.new_page()
    other.goto(page.url)
    wait_until_done(other)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    wait_until_done(page)

    assert reply_text(page) == canonical_text(demo, page) == reply_text(other)


def test_goes_on_when_the_reader_comes_back_through_the_history(page: Page, demo: Process) -> None:
    start(page, demo, "long")
    wait_for_words(page, 10)

    page.goto(demo.url)
    page.go_back()
    wait_until_done(page)

    assert reply_text(page) == canonical_text(demo, page)


def test_serves_twelve_tabs_of_one_browser(context: BrowserContext, page: Page, rill: Process) -> None:
    """Over HTTP/1.1 there are six connections; tabs in the background give theirs back."""
    start(page, rill, "[[fault: slow tabs]]")
    tabs = [page]
    for _tab in range(11):
        hide(context, tabs[-1], True)
        tabs.append(context.new_page())
        tabs[-1].goto(page.url)
        wait_for_words(tabs[-1], 3)
    hide(context, tabs[-1], True)

    another = context.new_page()
    open_new(another, rill)
    send(another, "Hello")
    another.wait_for_url("**/c/*")
    wait_until_done(another)
    for tab in tabs:
        hide(context, tab, False)
        wait_until_done(tab)
        assert reply_text(tab) == canonical_text(rill, tab)


def test_asks_for_nothing_more_after_the_end(page: Page, demo: Process) -> None:
    start(page, demo, "hello")
    wait_until_done(page)
    page.wait_for_timeout(500)
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.wait_for_timeout(22_000)  # longer than the slowest poll

    assert asked == []
