"""Show stream and Compare, as a person sees them."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Process, Watch
from tests.browser.pages import axe, start, wait_for_words, wait_until_done

END = 60_000


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """Give a page of a browser with scripts off."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def compare(page: Page, rill: Process, text: str = "table") -> None:
    """Ask for a comparison and wait for its page."""
    page.goto(f"{rill.url}/compare")
    page.locator("#text").fill(text)
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(re.compile("/compare/[0-9a-f]+$"))


def deltas(page: Page) -> int:
    """Give how many deltas the page of a stream shows, in one row."""
    found = re.search("content_block_delta × ([0-9,]+)", page.locator("#stream").inner_text())
    return int(found[1].replace(",", "")) if found else 0


def test_follows_a_running_stream_until_it_has_ended(page: Page, rill: Process) -> None:
    start(page, rill, "[[reply: 36 600]]")
    wait_for_words(page, 5)
    page.get_by_role("link", name="Show stream").click()
    page.wait_for_url("**/events")
    expect(page.locator("#stream")).to_contain_text("running")
    early = deltas(page)
    expect(page.locator("#stream [hx-trigger]")).to_have_count(0, timeout=END)

    assert 0 < early < deltas(page)
    expect(page.locator(".stream__said")).to_contain_text(re.compile(r"First token after .* a second\. Complete"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2_500)
    assert asked == []


def test_shows_the_json_of_an_event_with_the_keyboard(page: Page, demo: Process) -> None:
    start(page, demo, "hello")
    wait_until_done(page)
    page.get_by_role("link", name="Show stream").click()
    page.get_by_role("link", name="message_start", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#event code")).to_contain_text('"type": "message_start"')
    expect(page.locator("#event")).to_be_in_viewport()

    assert page.url.endswith("/events/1")
    page.reload()
    expect(page.locator("#event code")).to_contain_text('"type": "message_start"')
    page.get_by_role("link", name="Stream", exact=True).click()
    page.get_by_role("link", name="content_block_delta").click()
    page.wait_for_url("**/events/list*")
    page.locator(".events__link").nth(2).click()
    expect(page.locator("#event code")).to_contain_text('"type": "text_delta"')


def test_shows_a_stream_without_scripts(plain: Page, demo: Process) -> None:
    plain.goto(demo.url)
    plain.locator("#prompt").fill("long")
    plain.locator("#go").click(no_wait_after=True)
    plain.wait_for_url("**/live", wait_until="commit")
    plain.get_by_role("link", name="Show stream").first.click()
    expect(plain.locator("#stream")).to_contain_text("message_stop", timeout=END)

    plain.get_by_role("link", name="message_start", exact=True).click()
    expect(plain.locator("#event code")).to_contain_text('"type": "message_start"')


def test_compares_while_both_replies_are_written(page: Page, demo: Process) -> None:
    compare(page, demo, "long")
    streamed, whole = page.locator("#compare-streamed-text"), page.locator("#compare-whole-text")
    expect(streamed).to_contain_text("Downstream")
    expect(page.locator("#compare-whole-clock")).to_contain_text("Waiting…")
    expect(whole).to_contain_text("Nothing to read yet.")
    waited = page.locator("#compare-whole-clock").inner_text()
    expect(page.locator("#compare-whole-clock")).not_to_have_text(waited, use_inner_text=True)
    expect(page.locator("#conn")).to_have_count(0, timeout=END)

    expect(page.get_by_role("status")).to_contain_text("the other showed nothing for")
    assert streamed.inner_text() == whole.inner_text()
    assert "all of them turn out to be right" in whole.inner_text()
    page.get_by_role("link", name=re.compile("Show stream ?: In one piece")).click()
    expect(page.locator(".stream__said")).to_contain_text("This reply was not streamed")


def test_enter_sends_what_is_to_be_compared(page: Page, demo: Process, watch: Watch) -> None:
    watch.expected = ("422",)
    page.goto(f"{demo.url}/compare")
    page.locator("#text").fill("  ")
    page.locator("#text").press("Enter")
    expect(page.locator("#notice")).not_to_be_empty()
    page.locator("#text").fill("long")
    page.locator("#text").press("Shift+Enter")
    page.locator("#text").press("Enter")

    page.wait_for_url(re.compile("/compare/[0-9a-f]+$"))
    expect(page.get_by_role("status")).to_have_text("Both replies are being written.")


def test_goes_on_in_the_conversation(page: Page, demo: Process) -> None:
    compare(page, demo, "hello")
    expect(page.locator("#conn")).to_have_count(0, timeout=END)
    page.get_by_role("link", name="Go on in the conversation").click()

    wait_until_done(page)
    expect(page.locator(".message--user")).to_have_text("hello")


def test_stops_one_column_and_goes_on_with_the_other(page: Page, demo: Process) -> None:
    compare(page, demo, "long")
    expect(page.locator("#compare-streamed-text")).to_contain_text("Downstream")
    page.get_by_role("button", name=re.compile("Stop ?: Streamed")).click()
    expect(page.locator("#compare-streamed-clock")).to_contain_text("You stopped this reply")
    expect(page.get_by_role("status")).to_contain_text("the one in one piece is still being written")
    expect(page.locator("#conn")).to_have_count(0, timeout=END)

    expect(page.locator("#compare-whole-text")).to_contain_text("all of them turn out to be right")
    expect(page.get_by_role("status")).to_contain_text("cannot be compared")


def test_compares_without_scripts(plain: Page, demo: Process) -> None:
    compare(plain, demo, "long")
    expect(plain.locator("#compare-whole-clock")).to_contain_text("Waiting…")
    expect(plain.get_by_role("status")).to_contain_text("the other showed nothing for", timeout=END)

    expect(plain.locator("#compare-whole-text")).to_contain_text("Downstream")


def test_comes_back_after_a_lost_connection(page: Page, demo: Process, watch: Watch) -> None:
    watch.expected = ("ERR_INTERNET_DISCONNECTED", "htmx:error", "htmx:sse:error")
    compare(page, demo, "long")
    expect(page.locator("#compare-streamed-text")).to_contain_text("Downstream")
    page.context.set_offline(True)
    page.wait_for_timeout(500)
    page.context.set_offline(False)

    expect(page.locator("#conn")).to_have_count(0, timeout=END)
    assert page.locator("#compare-streamed-text").inner_text() == page.locator("#compare-whole-text").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_passes_an_audit(browser: Browser, demo: Process, scheme: str, width: int) -> None:
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{demo.url}/compare")
    found = axe(page)
    compare(page, demo, "help")
    found += axe(page)
    page.get_by_role("link", name=re.compile("Show stream ?: Streamed")).click()
    page.wait_for_url("**/events")
    found += axe(page)
    expect(page.locator("#stream [hx-trigger]")).to_have_count(0, timeout=END)
    page.get_by_role("link", name="message_start", exact=True).click()
    expect(page.locator("#event code")).to_be_visible()
    found += axe(page)
    widths = [page.evaluate("document.documentElement.scrollWidth")]
    page.get_by_role("link", name="one by one").click()
    page.wait_for_url("**/events/list")
    found += axe(page)
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    page.go_back()
    page.go_back()
    expect(page.locator("#conn")).to_have_count(0, timeout=END)
    found += axe(page)
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    context.close()

    assert found == []
    assert max(widths) <= width
