"""Sending a message, and watching the reply grow."""

import re

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, expect

from tests.browser.conftest import Process, Watch
from tests.browser.pages import (
    canonical_text,
    open_new,
    reply_text,
    send,
    start,
    stored,
    wait_for_words,
    wait_until_done,
    words,
)


def test_grows_word_by_word_and_ends_as_stored(page: Page, demo: Process) -> None:
    page.add_init_script(
        """window.sizes = new Set();
        new MutationObserver(() => {
            const body = document.querySelector('.message--reply .message__body');
            if (body) sizes.add(body.textContent.length);
        }).observe(document, {subtree: true, childList: true, characterData: true});"""
    )
    start(page, demo, "help")
    wait_until_done(page)

    assert page.evaluate("sizes.size") > 10
    assert reply_text(page) == canonical_text(demo, page)
    assert stored(demo, page)["status"] == "done"
    expect(page.locator(".prose table, .prose math, .prose pre .k, .prose blockquote").first).to_be_visible()
    expect(page.locator(".figures")).to_contain_text("tokens")


def test_shows_the_cursor_at_the_end_of_the_text(page: Page, demo: Process) -> None:
    start(page, demo, "long")
    wait_for_words(page, 5)

    cursor = "getComputedStyle(document.querySelector('.prose > :last-child .t, .prose > .t'), '::after').animationName"
    assert page.evaluate(cursor) == "blink"


def test_sends_on_enter_and_breaks_the_line_on_shift_enter(page: Page, demo: Process) -> None:
    open_new(page, demo)
    prompt = page.locator("#prompt")
    prompt.press_sequentially("hello")
    before = prompt.bounding_box()["height"]
    prompt.press("Shift+Enter")
    prompt.press_sequentially("there")
    assert prompt.input_value() == "hello\nthere"
    assert prompt.bounding_box()["height"] > before

    prompt.press("Enter")
    page.wait_for_url("**/c/*")

    assert page.locator(".message__text").inner_text() == "hello\nthere"
    wait_until_done(page)


def test_does_not_send_while_an_input_method_composes(page: Page, demo: Process) -> None:
    open_new(page, demo)
    page.locator("#prompt").focus()
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": "こ", "selectionStart": 1, "selectionEnd": 1})
    fire = "e => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', e))"
    for event in ({"isComposing": True}, {"keyCode": 229}):
        page.evaluate(fire, {"key": "Enter", "bubbles": True, "cancelable": True, **event})
    session.send("Input.insertText", {"text": "こんにちは"})
    page.wait_for_timeout(300)

    assert page.locator("#prompt").input_value() == "こんにちは"
    assert page.url.rstrip("/") == demo.url


def test_sends_nothing_when_nothing_is_written(page: Page, demo: Process) -> None:
    open_new(page, demo)
    page.locator("#prompt").press("Enter")
    page.wait_for_timeout(200)

    assert page.url.rstrip("/") == demo.url


def test_goes_on_in_the_same_conversation_without_a_reload(page: Page, demo: Process) -> None:
    start(page, demo, "hello")
    wait_until_done(page)
    page.evaluate("window.kept = true")

    send(page, "table")
    expect(page.locator(".message--user")).to_have_count(2)
    expect(page.locator("#prompt")).to_have_value("")
    expect(page.locator("#prompt")).to_be_focused()
    wait_until_done(page)

    assert page.evaluate("window.kept")
    assert reply_text(page) == canonical_text(demo, page)
    expect(page.locator(".chats__link").first).to_have_text(re.compile("hello"))


def test_shows_what_was_said_in_another_tab_before_what_is_said_here(
    context: BrowserContext, page: Page, demo: Process
) -> None:
    start(page, demo, "hello")
    wait_until_done(page)
    other = context.new_page()
    other.goto(page.url)
    send(other, "table")
    expect(other.locator(".message--user")).to_have_count(2)
    wait_until_done(other)

    send(page, "code")
    expect(page.locator(".message--user")).to_have_count(3)
    wait_until_done(page)
    send(page, "list")
    expect(page.locator(".message--user")).to_have_count(4)
    wait_until_done(page)

    assert page.locator(".message__text").all_inner_texts() == ["hello", "table", "code", "list"]
    shown = [words(html) for html in inner(page, ".message__body")]
    page.reload()
    assert shown == [words(html) for html in inner(page, ".message__body")]


def inner(page: Page, selector: str) -> list[str]:
    """Give the HTML inside of each element."""
    return [place.inner_html() for place in page.locator(selector).all()]


def test_keeps_what_is_typed_while_the_reply_grows(page: Page, rill: Process, watch: Watch) -> None:
    watch.expected = ("status of 409",)
    start(page, rill, "[[load: typed 900 15]]")
    page.locator("#prompt").press_sequentially("my next thought")
    page.locator("#prompt").press("Enter")
    expect(page.locator(".notice")).to_contain_text("your text is kept")
    page.locator("#go").click()
    wait_until_done(page)

    expect(page.locator("#prompt")).to_have_value("my next thought")


def test_sends_once_however_often_enter_is_pressed(page: Page, demo: Process) -> None:
    start(page, demo, "hello")
    wait_until_done(page)
    page.locator("#prompt").fill("table")
    page.evaluate(
        "for (let n = 0; n < 5; n++) document.querySelector('#prompt').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true}))"
    )
    expect(page.locator(".message--user")).to_have_count(2)
    wait_until_done(page)

    assert page.locator(".message--user").count() == 2


def test_stays_at_the_newest_line_but_not_for_a_reader_who_scrolled_up(page: Page, rill: Process) -> None:
    start(page, rill, "[[reply: 36 600]]")
    wait_for_words(page, 400)
    top = "document.querySelector('#scroller').scrollTop"
    assert abs(page.evaluate(top)) < 2
    expect(page.locator(".jump__link")).not_to_be_visible()

    page.locator("#scroller").hover()
    page.mouse.wheel(0, -300)
    expect(page.locator(".jump__link")).to_be_visible()
    place = "document.querySelector('.prose h2').getBoundingClientRect().top"
    before = float("inf")
    while abs(before - (before := page.evaluate(place))) >= 1:  # each frame moves it by a part of a pixel
        page.wait_for_timeout(200)
    wait_for_words(page, len(reply_text(page).split()) + 40)

    assert abs(page.evaluate(place) - before) < 2
    expect(page.locator(".jump__link")).to_be_visible()
    page.locator(".jump__link").click()
    expect(page.locator(".jump__link")).not_to_be_visible()
    assert abs(page.evaluate(top)) < 2


@pytest.mark.parametrize("way", ["link", "wheel"])
def test_stays_at_the_newest_line_of_a_reader_who_comes_back_whatever_the_heights(
    page: Page, demo: Process, way: str
) -> None:
    start(page, demo, "table")
    wait_until_done(page)
    page.set_viewport_size({"width": 700, "height": 460})
    page.locator("#scroller").hover()
    places = []
    for n in range(24):
        page.mouse.wheel(0, -150)
        expect(page.locator(".jump__link")).to_be_visible()
        lengthen(page, 30.13)
        page.evaluate(f"document.querySelector('.composer').style.paddingTop = '{10 + 0.29 * n}px'")
        if way == "link":
            page.locator(".jump__link").click()
        else:
            page.mouse.wheel(0, 5_000)
        expect(page.locator(".jump__link")).not_to_be_visible()
        for _ in range(3):
            lengthen(page, 20.3)
        places.append(page.evaluate("document.querySelector('#scroller').scrollTop"))

    assert places == [0] * 24


def test_has_nothing_to_scroll_where_all_is_to_be_seen(page: Page, demo: Process) -> None:
    start(page, demo, "hello")
    wait_until_done(page)
    scroller = "document.querySelector('#scroller')"
    more = []
    for n in range(8):
        page.evaluate(f"document.querySelector('.composer').style.paddingTop = '{10 + 0.29 * n}px'")
        lengthen(page, 1.37)
        more.append(page.evaluate(f"{scroller}.scrollHeight - {scroller}.clientHeight"))

    assert more == [0] * 8


def lengthen(page: Page, pixels: float) -> None:
    """Let the conversation grow at its end, and the browser show it."""
    page.evaluate(
        """pixels => new Promise(shown => {
            const line = document.createElement("p");
            line.style.height = `${pixels}px`;
            document.querySelector("#log").append(line);
            requestAnimationFrame(() => requestAnimationFrame(shown));
        })""",
        pixels,
    )


def test_tells_screen_readers_in_one_line(page: Page, rill: Process) -> None:
    start(page, rill, "[[load: told 150 15]]")
    expect(page.locator("#status")).to_have_text("Answering…")
    wait_until_done(page)

    expect(page.locator("#status")).to_have_text(re.compile(r"Answer complete, \d+ words\."))
    assert page.locator("[aria-live]").count() == 0


@pytest.mark.parametrize("path", ["", "/c/"])
def test_gives_a_draft_back_on_the_way_back(page: Page, demo: Process, path: str) -> None:
    if path:
        start(page, demo, "hello")
        wait_until_done(page)
    else:
        open_new(page, demo)
    page.locator("#prompt").fill("A long thought")
    nonce = page.locator("[name=nonce]").input_value()
    page.get_by_role("link", name="Usage").click()
    page.wait_for_url("**/usage")
    page.go_back()

    expect(page.locator("#prompt")).to_have_value("A long thought")
    assert page.locator("[name=nonce]").input_value() != nonce
    page.locator("#prompt").press("Enter")
    expect(page.locator(".message--user").last).to_have_text("A long thought")


def test_takes_a_double_click_for_one(page: Page, rill: Process) -> None:
    start(page, rill, "hello")
    wait_until_done(page)
    clock = page.context.new_cdp_session(page)
    clock.send("Animation.enable")
    page.locator("#prompt").fill("[[fault: slow double]]")
    double_click(page, clock)
    expect(page.locator("#go")).to_have_text("Stop")
    wait_for_words(page, 3)
    assert stored(rill, page)["status"] == "running"

    page.locator("#prompt").fill("A draft")
    double_click(page, clock)
    wait_until_done(page)
    expect(page.locator("#prompt")).to_have_value("A draft")
    assert stored(rill, page)["status"] == "stopped"


def double_click(page: Page, clock: CDPSession) -> None:
    """Click the button, and again what takes its place, with no time between for its animation."""
    page.locator("#go").click(trial=True)
    before = page.locator("#go").inner_text()
    box = page.locator("#go").bounding_box()
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    clock.send("Animation.setPlaybackRate", {"playbackRate": 0})
    page.mouse.click(*place)
    expect(page.locator("#go")).not_to_have_text(before)
    page.mouse.click(*place)
    clock.send("Animation.setPlaybackRate", {"playbackRate": 1})
