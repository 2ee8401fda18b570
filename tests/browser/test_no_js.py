"""Without scripts the same URLs work, and the reply streams into the page as it loads."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Process
from tests.browser.pages import canonical_text, stored, wait_for_words


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """Give a page of a browser with scripts off."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def shown(page: Page) -> str:
    """Give the words a person sees in the last reply."""
    return " ".join(" ".join(page.locator(".message--reply").last.locator(".prose").all_inner_texts()).split())


def test_streams_into_the_page_until_it_is_complete(plain: Page, demo: Process) -> None:
    plain.goto(demo.url)
    plain.locator("#prompt").fill("long")
    plain.locator("#go").click(no_wait_after=True)
    plain.wait_for_url("**/live", wait_until="commit")
    wait_for_words(plain, 5)
    early = shown(plain)
    plain.wait_for_load_state("load")

    assert 0 < len(early) < len(shown(plain))
    assert stored(demo, plain)["status"] == "done"
    assert "".join(shown(plain).split()) == "".join(canonical_text(demo, plain).split())
    expect(plain.locator(".figures")).to_contain_text("tokens")
    expect(plain.locator("#prompt")).to_be_visible()


def test_leaves_nothing_that_is_over_or_needs_scripts(plain: Page, demo: Process) -> None:
    plain.goto(demo.url)
    expect(plain.locator(".composer__hint")).to_be_hidden()
    plain.locator("#prompt").fill("long")
    plain.locator("#go").click(no_wait_after=True)
    plain.wait_for_url("**/live", wait_until="commit")
    expect(plain.get_by_role("button", name="Stop")).to_be_visible()
    plain.wait_for_load_state("load")

    expect(plain.get_by_role("button", name="Stop")).to_be_hidden()
    expect(plain.get_by_role("link", name="Show stream")).to_have_count(1)
    expect(plain.locator("[aria-current] .chats__live")).to_have_count(0)


def test_stops(plain: Page, rill: Process) -> None:
    plain.goto(rill.url)
    plain.locator("#prompt").fill("[[fault: slow plain]]")
    plain.locator("#go").click(no_wait_after=True)
    plain.wait_for_url("**/live", wait_until="commit")
    wait_for_words(plain, 3)

    plain.get_by_role("button", name="Stop").click()
    expect(plain.locator(".message__note")).to_contain_text("You stopped this reply")

    assert stored(rill, plain)["status"] == "stopped"


def test_finds_its_way_from_a_running_conversation(plain: Page, demo: Process) -> None:
    plain.goto(demo.url)
    plain.locator("#prompt").fill("long")
    plain.locator("#go").click(no_wait_after=True)
    plain.wait_for_url("**/live", wait_until="commit")
    plain.goto(plain.url.removesuffix("/live"), wait_until="commit")
    plain.wait_for_url("**/live")
    expect(plain.locator(".figures")).to_be_visible()


def test_reaches_an_earlier_answer(plain: Page, rill: Process) -> None:
    plain.goto(rill.url)
    plain.locator("#prompt").fill("[[fault: cut plain]]")
    plain.locator("#go").click()
    plain.get_by_role("button", name="Retry").click()
    plain.get_by_role("link", name="Earlier answer").click()

    expect(plain.get_by_role("heading", name="Earlier answer")).to_be_visible()
    expect(plain.locator(".message__body")).to_have_text("This much arrived")
    plain.get_by_role("link", name="Conversation").click()
    expect(plain.locator("#prompt")).to_be_visible()
