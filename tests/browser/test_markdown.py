"""Growing Markdown in the page: the same as the finished page, and nothing that was shown is disturbed."""

import random
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import Process, Watch
from tests.browser.pages import start, stored, wait_for_words, wait_until_done
from tests.core.markdown.payloads import PAYLOADS

CORPUS = sorted(path.stem for path in Path("tests/corpus").glob("*.md"))
#: Characters a second: faster than any model, and such that a frame holds some hundred characters, or a thousand.
SPEEDS = (1_500, 6_000, 24_000)
BODY = ".message--reply:last-of-type .message__body"
HTML = """body => {
    const copy = body.cloneNode(true);
    copy.querySelectorAll('.t, .whole').forEach(mark => mark.remove());
    copy.normalize();
    return copy.innerHTML.trim();
}"""
FLAP = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
FLAP += "document.dispatchEvent(new Event('visibilitychange'))"


def body_of(page: Page) -> str:
    """Give the markup of the last reply, without the cursor and the pieces that its text came in."""
    return str(page.locator(".message--reply .message__body").last.evaluate(HTML))


def flap(context: BrowserContext, page: Page, wait_ms: float) -> None:
    """Let the tab be hidden and shown again, on which htmx drops its connection and makes another."""
    session = context.new_cdp_session(page)
    page.wait_for_timeout(wait_ms)
    for hidden in ("true", "false"):
        session.send("Runtime.evaluate", {"expression": FLAP % hidden})
        page.wait_for_timeout(50)


def no_wider_than_the_page(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("number", range(len(CORPUS)), ids=CORPUS)
def test_builds_the_finished_page_from_frames(context: BrowserContext, page: Page, rill: Process, number: int) -> None:
    name, speed = CORPUS[number], SPEEDS[number % len(SPEEDS)]
    page.set_viewport_size({"width": (390, 1100)[number % 2], "height": 800})
    start(page, rill, f"[[{'thought' if number % 4 == 0 else 'reply'}: {name} {speed}]]")
    flap(context, page, random.Random(number).uniform(50, 800))
    wait_until_done(page)
    grown = body_of(page)
    assert no_wider_than_the_page(page)

    page.reload()

    assert grown == body_of(page)
    assert stored(rill, page)["text"] == Path(f"tests/corpus/{name}.md").read_text()


def test_disturbs_nothing_in_hundreds_of_frames(page: Page, rill: Process) -> None:
    """Of what stood above the tail some frames before, nothing shifts.

    A shift is reported later than it was, and perhaps of a block that was the tail when it was.
    """
    page.set_viewport_size({"width": 700, "height": 4_000})
    page.add_init_script(
        """const tails = []; let frames = 0; window.frames_seen = () => frames;
        addEventListener('htmx:sse:after:message', () => {
            tails.push([performance.now(), document.querySelector('.t')?.parentElement?.closest('.prose > *')]);
            frames++;
        }, true);
        const above = (node, at) => {
            const before = tails.slice(0, -5).filter(([time, tail]) => time <= at && tail?.isConnected);
            const tail = before.pop()?.[1];
            return tail && node.compareDocumentPosition(tail) === Node.DOCUMENT_POSITION_FOLLOWING;
        };
        new PerformanceObserver(list => list.getEntries().forEach(entry => {
            const moved = entry.sources.some(({node}) => node && above(node, entry.startTime));
            window.shifts = (window.shifts ?? 0) + (moved ? entry.value : 0);
        })).observe({type: 'layout-shift', buffered: true});"""
    )
    start(page, rill, "[[thought: 36 190]]")
    wait_for_words(page, 300)
    page.wait_for_selector(".prose .code pre .k, .prose .code pre .nb")
    page.evaluate("document.querySelector('.message__body details').open = true")
    page.evaluate("document.querySelector('.code pre').style.inlineSize = '8ch'")
    page.evaluate("document.querySelector('.code pre').scrollLeft = 30")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.message__body > .prose p'))")
    page.evaluate("window.shifts = 0")
    kept = """[getSelection().toString(), document.querySelector('.code pre').scrollLeft,
               document.querySelector('.message__body details').open, window.shifts]"""
    before = page.evaluate(kept)
    assert before[0]
    assert before[1:] == [30, True, 0]
    seen = page.evaluate("frames_seen()")

    while page.evaluate("frames_seen()") < seen + 500 and page.locator("[aria-busy=true]").count():
        page.wait_for_timeout(200)
        assert page.evaluate(kept) == before
    frames = page.evaluate("frames_seen()") - seen
    wait_until_done(page)

    assert frames >= 250
    assert page.evaluate(kept)[:3] == before[:3]


@pytest.mark.parametrize("part", range(8))
def test_runs_and_asks_for_nothing_that_a_text_says(page: Page, rill: Process, watch: Watch, part: int) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
    text = "\n\n".join(PAYLOADS[part::8])
    start(page, rill, f"[[echo: {part * 2 + 1}]]\n{text}")
    wait_until_done(page)
    grown = body_of(page)

    assert re.fullmatch(r"\[\[echo: .*", page.title())
    assert not [url for url in asked if not url.startswith(rill.url) or re.search("hit|internal|pixel", url)]
    assert page.locator(".message__body :is(script, img, style, template, iframe, svg, form, input)").count() == 0
    page.reload()
    assert grown == body_of(page)
