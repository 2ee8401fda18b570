"""The doctor, as a browser on the way to Rill sees it."""

from playwright.sync_api import Page, expect

from tests.servers import Process


def test_says_that_streams_reach_this_browser(page: Page, demo: Process) -> None:
    page.goto(f"{demo.url}/doctor")
    expect(page.locator("#report")).to_contain_text("Streaming: well", timeout=60_000)

    expect(page.locator("#report")).to_contain_text("Silence: well")
    assert page.locator("#seen input").count() == 13
