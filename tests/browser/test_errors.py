"""What a person sees when Claude, the model or the network misbehaves."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Process, free_port, start_rill
from tests.browser.pages import canonical_text, reply_text, start, stored, wait_until_done


@pytest.mark.parametrize(
    ("fault", "status", "text", "note"),
    [
        ("cut", "failed", "This much arrived", "The reply was cut off"),
        ("error-mid", "failed", "This much arrived", "The reply was cut off"),
        ("no-stop", "failed", "This much arrived", "The reply was cut off"),
        ("html", "failed", "", "not a reply from Claude"),
        ("refusal", "refused", "I would rather not.", "declined"),
        ("max-tokens", "done", "And so on", "length limit"),
    ],
)
def test_says_what_happened_and_keeps_the_text(
    page: Page, rill: Process, fault: str, status: str, text: str, note: str
) -> None:
    start(page, rill, f"[[fault: {fault}]]")
    wait_until_done(page)

    reply = stored(rill, page)
    assert reply["status"] == status
    assert reply_text(page) == canonical_text(rill, page) == text
    expect(page.locator(".message__note")).to_contain_text(note)


def test_says_when_the_key_is_refused(page: Page, upstream: Process, tmp_path: Path) -> None:
    rill = start_rill(tmp_path, free_port(), ANTHROPIC_API_KEY="sk-ant-bad", ANTHROPIC_BASE_URL=upstream.url)
    start(page, rill, "[[fault: auth]]")
    wait_until_done(page)
    rill.stop()

    expect(page.locator(".message__note")).to_contain_text("Check ANTHROPIC_API_KEY")
    assert "sk-ant-bad" not in rill.log.read_text()


def test_counts_down_and_recovers(page: Page, rill: Process) -> None:
    start(page, rill, "[[fault: rate-limited]]")
    expect(page.locator("#w")).to_contain_text("Claude is busy. Trying again in")
    expect(page.locator("#w")).to_contain_text("attempt 2 of 2")
    wait_until_done(page)

    assert reply_text(page) == "Here after a wait."


def test_retries_when_asked_to(page: Page, rill: Process) -> None:
    start(page, rill, "[[fault: cut retry]]")
    wait_until_done(page)

    earlier = page.locator(".message--reply").get_attribute("id")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(f"#{earlier}")).to_have_count(0)
    wait_until_done(page)

    expect(page.locator(".message--reply")).to_have_count(1)


def test_shows_an_unknown_block_as_a_chip(page: Page, rill: Process) -> None:
    start(page, rill, "[[fault: unknown-block]]")
    wait_until_done(page)

    expect(page.locator(".chip")).to_have_text("Hologram")


def test_runs_and_loads_nothing_that_claude_wrote(page: Page, rill: Process) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    start(page, rill, "[[fault: xss]]")
    wait_until_done(page)

    assert "owned" not in page.title()
    assert not [url for url in asked if "owned" in url or not url.startswith(rill.url)]
    assert page.locator(".message__body :is(script, img, style, template, iframe)").count() == 0
    assert "document.title='owned'" in reply_text(page)
