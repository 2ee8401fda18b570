"""The doctor, as a browser on the way to Rill sees it."""

import re

from playwright.sync_api import Page, expect

from tests.browser.pages import axe
from tests.servers import Process

#: A busy machine delays single pieces of a stream that nothing buffers.
ARRIVES = re.compile("Streaming: (well|could be better)")


def test_says_that_streams_reach_this_browser_and_stops(page: Page, demo: Process) -> None:
    page.goto(f"{demo.url}/doctor")
    expect(page.locator("#report")).to_contain_text(ARRIVES, timeout=60_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(8_000)  # longer than two of the pauses after which the page would connect again

    assert asked == []
    expect(page.locator("#report")).to_contain_text(ARRIVES)
    expect(page.locator("#report")).to_contain_text("Silence: well")
    assert page.locator("#seen input").count() == 13
    assert axe(page) == []


def test_lets_no_error_take_the_place_of_the_verdict(page: Page, demo: Process, watch: object) -> None:
    watch.expected = ("414",)
    answers = [414]

    def answer(route: object) -> None:
        if answers:
            route.fulfill(status=answers.pop(), body="<h1>Request Line is too large</h1>", content_type="text/html")
        else:
            route.continue_()

    page.route("**/doctor/report*", answer)
    page.goto(f"{demo.url}/doctor")
    expect(page.locator("#report")).to_contain_text(ARRIVES, timeout=60_000)

    assert not answers
    assert page.get_by_text("too large").count() == 0
