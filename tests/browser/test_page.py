"""The page itself: weight, keyboard, contrast, phone, and the policy it runs under."""

import re
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.conftest import Process, free_port, start_rill
from tests.browser.pages import axe, open_new, start, wait_until_done


def test_weighs_no_more_than_40_kilobytes(page: Page, tmp_path: Path) -> None:
    rill = start_rill(tmp_path, free_port())
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    open_new(page, rill)
    page.wait_for_load_state("networkidle")
    rill.stop()

    assert len(sizes) >= 5
    assert sum(sizes) <= 40_000


def test_idles_in_little_memory(tmp_path: Path) -> None:
    rill = start_rill(tmp_path, free_port())
    urllib.request.urlopen(rill.url, timeout=60).close()
    children = Path(f"/proc/{rill.process.pid}/task/{rill.process.pid}/children")
    if not children.exists():
        rill.stop()
        pytest.skip("reads /proc, which only Linux has")
    sizes = [
        int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{child}/status").read_text())[1])
        for child in children.read_text().split()
    ]
    rill.stop()

    assert len(sizes) == 1
    assert sizes[0] <= 130_000


def test_serves_static_files_compressed_and_for_a_year(page: Page, demo: Process) -> None:
    seen: list[Response] = []
    page.on("response", lambda response: seen.append(response))
    open_new(page, demo)
    page.wait_for_load_state("networkidle")
    static = [response for response in seen if "/static/" in response.url]

    assert len(static) >= 4
    for response in static:
        assert re.search(r"\.[0-9a-f]{12}\.", response.url)
        assert "immutable" in response.headers["cache-control"]
        if not response.url.endswith(".html"):
            assert response.headers["content-encoding"] == "gzip"


def test_works_with_the_keyboard_alone(page: Page, rill: Process) -> None:
    open_new(page, rill)
    expect(page.locator("#prompt")).to_be_focused()
    page.keyboard.type("[[load: keys 900 15]]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/c/*")
    expect(page.locator("#prompt")).to_be_focused()

    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#go")).to_be_focused()
    expect(page.locator("#go")).to_have_text("Stop")
    page.keyboard.press("Enter")
    wait_until_done(page)

    expect(page.locator("#go")).to_be_focused()
    expect(page.locator(".message__note")).to_contain_text("You stopped this reply")


def test_skips_to_the_composer(page: Page, demo: Process) -> None:
    open_new(page, demo)
    page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")

    expect(page.locator("#prompt")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_passes_an_audit(browser: Browser, demo: Process, scheme: str, width: int) -> None:
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True, reduced_motion="reduce"
    )
    page = context.new_page()
    open_new(page, demo)
    assert axe(page) == []
    start(page, demo, "help")
    assert axe(page) == []
    wait_until_done(page)

    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_opens_the_list_of_chats_on_a_phone(page: Page, demo: Process) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    start(page, demo, "hello")
    wait_until_done(page)
    expect(page.locator(".sidebar")).to_be_hidden()

    page.get_by_role("link", name="Chats").click()
    expect(page.locator(".chats__link").first).to_be_visible()
    page.get_by_role("link", name="Close").click()

    expect(page.locator(".sidebar")).to_be_hidden()


def test_is_seen_in_the_colours_of_the_system(page: Page, rill: Process) -> None:
    page.emulate_media(forced_colors="active")
    start(page, rill, "[[fault: slow forced]]")
    page.locator(".t").wait_for(state="attached")
    style = "([part, pseudo, name]) => getComputedStyle(document.querySelector(part), pseudo)[name]"
    paper = page.evaluate(style, ["body", None, "backgroundColor"])

    assert page.evaluate(style, [".t", "::after", "backgroundColor"]) != paper
    for part, edge in ((".message--user", "borderTop"), (".composer__form", "outline")):
        assert page.evaluate(style, [part, None, f"{edge}Style"]) == "solid"
        assert page.evaluate(style, [part, None, f"{edge}Color"]) not in (paper, "rgba(0, 0, 0, 0)")
    page.locator("#go").click()


@pytest.mark.parametrize("width", [390, 1280])
def test_keeps_the_options_in_reach_and_links_large_enough(page: Page, demo: Process, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    start(page, demo, "long")
    wait_until_done(page)
    expect(page.locator(".message--user")).not_to_be_in_viewport()
    options = page.get_by_role("link", name="Options of this chat")

    for link in (options, page.get_by_role("link", name="Show stream")):
        expect(link).to_be_in_viewport(ratio=1)
        assert link.bounding_box()["height"] >= 24
    options.click()
    expect(page.get_by_role("button", name="Delete this chat")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(390, 430), (640, 400)])
def test_keeps_send_in_view_of_a_long_draft_on_a_short_window(
    page: Page, demo: Process, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    open_new(page, demo)
    page.locator("#prompt").fill("One line\n" * 20)

    expect(page.locator("#go")).to_be_in_viewport(ratio=1)
    assert page.locator("#go").bounding_box()["y"] + page.locator("#go").bounding_box()["height"] <= height
    expect(page.locator(".banner--demo")).to_be_hidden()


@pytest.mark.parametrize("place", ["", "#chats"])
def test_prints_the_whole_conversation_and_nothing_else(page: Page, demo: Process, place: str) -> None:
    start(page, demo, "long")
    wait_until_done(page)
    page.goto(page.url + place)
    page.emulate_media(media="print")
    box = page.locator(".message--reply").bounding_box()

    assert box["height"] > 1000
    assert page.evaluate("document.documentElement.scrollHeight") >= box["y"] + box["height"]
    assert box["y"] >= 0
    expect(page.locator(".figures")).to_be_visible()
    for part in (".sidebar", ".topbar", ".composer", ".jump", ".skip", ".message__stream", ".chat__options"):
        expect(page.locator(part)).to_be_hidden()
    assert page.pdf().count(b"/Type /Page\n") > 1


def test_prints_long_lines_of_code_whole(page: Page, demo: Process) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    start(page, demo, "code")
    wait_until_done(page)
    page.emulate_media(media="print")

    assert page.evaluate("[...document.querySelectorAll('pre')].every(pre => pre.scrollWidth <= pre.clientWidth)")
