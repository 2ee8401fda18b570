"""A real server and a real Chromium for the tests in this folder."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests import needs
from tests.servers import Process, free_port, start_rill, start_upstream

FAILURES = Path(__file__).with_name("failures")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
expect.set_options(timeout=60_000)
INSTALL = "apt-get install chromium (or: .venv/bin/playwright install chromium)"


def chromium() -> str | None:
    """Find an installed Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give the browser; without one the tests are skipped, or fail where one is required."""
    if "gevent" in sys.modules:
        pytest.exit("Run these with --confcutdir=tests/browser (make browser): they cannot share a patched process.")
    path = chromium()
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            hint = f"No Chromium found; install it with {INSTALL}."
            pytest.fail(hint) if os.environ.get("RILL_REQUIRE_BROWSER") else needs.lacks(hint)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give Rill with the demo Claude, at twice its pace."""
    rill = start_rill(tmp_path_factory.mktemp("demo"), free_port(), RILL_DEMO_SPEED="2")
    yield rill
    rill.stop()


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give a Messages API that fails on request."""
    fake = start_upstream(tmp_path_factory.mktemp("upstream"))
    yield fake
    fake.stop(kill=True)


@pytest.fixture(scope="session")
def rill(upstream: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give Rill in front of the failing Messages API."""
    folder = tmp_path_factory.mktemp("rill")
    server = start_rill(folder, free_port(), ANTHROPIC_API_KEY="sk-ant-test", ANTHROPIC_BASE_URL=upstream.url)
    yield server
    server.stop()


class Watch:
    """Collects what a page must not do: errors on the console, refused by the policy, uncaught."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.expected: tuple[str, ...] = ()

    def on_page(self, page: Page) -> None:
        """Listen to a page."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def check(self) -> None:
        """Fail if there was anything that the test did not expect."""
        left = [text for text in self.errors if not any(part in text for part in self.expected)]
        assert not left, left


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Give the watch over all pages of a test; it is checked at the end."""
    watch = Watch()
    yield watch
    watch.check()


@pytest.fixture
def context(browser: Browser, watch: Watch) -> Iterator[BrowserContext]:
    """Give a fresh browser profile."""
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    context.set_default_timeout(60_000)
    context.on("page", watch.on_page)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Give a page; a failing test leaves a screenshot of it in tests/browser/failures."""
    page = context.new_page()
    failed_before = request.session.testsfailed
    yield page
    if request.session.testsfailed > failed_before:
        FAILURES.mkdir(exist_ok=True)
        page.screenshot(path=FAILURES / f"{request.node.name}.png")
