"""Usage, as a person and an administrator see it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Process
from tests.browser.pages import axe
from tests.servers import free_port, start_rill

PASSWORD = "a cellar for the lantern"  # noqa: S105  # of nobody
CHATS = [
    "Lanterns",
    "A title of many words, which says at length what it is about: lanterns, and stairs",
    "سؤال",
]
MODELS = ["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"]
CHAT = (
    "INSERT INTO conversation (id, owner_id, title, created_at, updated_at) "
    "VALUES (?, 'local', ?, '2026-11-23 00:00:00', '2026-11-23 00:00:00')"
)
SPENT = (
    "INSERT INTO spending (id, user_id, conversation_id, model, day, at, is_settled, requests, input_tokens, "
    "output_tokens, cache_read_tokens, cache_write_tokens, micros) "
    "VALUES (?, ?, ?, ?, ?, '2026-11-23 00:00:00', ?, 1, 1200300, 4000, 30, 7, ?)"
)


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give Rill, in which the administrator and somebody else have spent something in November 2026."""
    environ = {"SECRET_KEY": "k" * 32, "RILL_ADMIN_PASSWORD": PASSWORD}
    rill = start_rill(tmp_path_factory.mktemp("usage"), free_port(), **environ)
    with closing(sqlite3.connect(rill.log.parent / "rill.db")) as db, db:
        db.execute("INSERT INTO user (id, name, created_at) VALUES ('eve', 'eve@example.com', '2026-11-23 00:00:00')")
        for id, title in enumerate(CHATS):
            row = (str(id) * 32, title)
            db.execute(CHAT, row)
        for n in range(60):
            user, chat = ("local", "eve", None)[n % 5 // 2], (*(str(id) * 32 for id in range(3)), None)[n % 4]
            day = f"2026-11-{1 + n * 7 % 23:02}"
            db.execute(SPENT, [str(n), user, chat, MODELS[n % 3], day, n != 10, (n * n * 977) % 90_001 * 20])
    yield rill
    rill.stop()


def enter(page: Page, rill: Process) -> None:
    """Sign in as the administrator."""
    page.goto(rill.url)
    page.locator("#name").fill("admin")
    page.locator("#password").fill(PASSWORD)
    page.locator("#password").press("Enter")
    page.locator("#prompt").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_passes_an_audit(browser: Browser, spent: Process, scheme: str, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    page = context.new_page()
    enter(page, spent)
    found, widths = [], []
    for query in ("month=2026-11", "month=2026-11&of=all", "month=2025-02"):
        page.goto(f"{spent.url}/usage?{query}")
        found += axe(page)
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    context.close()

    assert found == []
    assert max(widths) <= width


def test_draws_to_scale_within_the_policy(page: Page, spent: Process) -> None:
    enter(page, spent)
    page.goto(f"{spent.url}/usage?month=2026-11")
    lengths = "bars => bars.map(bar => bar.getBoundingClientRect().width)"
    models = page.locator("svg[aria-labelledby^=models]")
    rooms = models.locator(".bars__room").evaluate_all(lengths)
    bars = models.locator(".timeline__bar").evaluate_all(lengths)
    shares = [float(bar.get_attribute("width").rstrip("%")) for bar in models.locator(".timeline__bar").all()]

    assert len(bars) == len(MODELS)
    assert bars[0] == pytest.approx(rooms[0], abs=1) == pytest.approx(models.bounding_box()["width"], abs=1)
    assert bars == pytest.approx([rooms[0] * share / 100 for share in shares], abs=1)
    edges = "texts => texts.map(text => text.getBoundingClientRect().right)"
    canvas = models.bounding_box()
    assert max(models.locator("text").evaluate_all(edges)) <= canvas["x"] + canvas["width"] + 1


def test_goes_from_the_page_to_a_dear_conversation_and_to_the_file(page: Page, spent: Process) -> None:
    enter(page, spent)
    page.get_by_role("link", name="Usage").click()
    page.wait_for_url("**/usage")
    page.goto(f"{page.url}?month=2026-11")
    page.get_by_role("link", name="Everybody").click()
    page.get_by_role("table", name="by person").get_by_text("eve@example.com").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="As CSV").click()
    assert download.value.suggested_filename == "rill-usage-2026-11-all.csv"

    page.get_by_role("link", name="Mine", exact=True).click()
    page.get_by_role("link", name="Lanterns", exact=True).click()
    page.wait_for_url("**/c/" + "0" * 32)
