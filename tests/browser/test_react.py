"""The README's React component on a page of another origin, which the operator lets use the API."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch
from tests.servers import ROOT, Process, free_port, start_rill

VENDOR = Path(__file__).with_name("vendor")
PAGE = """<!doctype html><title>A site</title><div id="root"></div>
<script src="/react-18.3.1.min.js"></script><script src="/react-dom-18.3.1.min.js"></script>
<script type="importmap">{"imports": {"react": "/react.mjs", "react/jsx-runtime": "/react.mjs"}}</script>
<script type="module">
import { Chat } from "/chat.mjs";
ReactDOM.createRoot(document.getElementById("root")).render(React.createElement(Chat));
</script>"""
REACT = "export default React; export const { useState } = React;"


@pytest.fixture(scope="module")
def other() -> Iterator[ThreadingHTTPServer]:
    """Hold the other origin from before Rill hears of it until the last test."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def invited(
    upstream: Process, other: ThreadingHTTPServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("invited")
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "ANTHROPIC_BASE_URL": upstream.url,
        "RILL_API_ORIGINS": f"http://127.0.0.1:{other.server_port}",
    }
    server = start_rill(folder, free_port(), **env)
    yield server
    server.stop()


def component(url: str, folder: Path) -> str:
    """Give the component as the README has it, without types and JSX, asking another server."""
    found = re.search(r"<!-- example: react -->\n```tsx\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    source = folder / "chat.tsx"
    pragma = "/** @jsxRuntime classic */\n/** @jsx React.createElement */\n/** @jsxFrag React.Fragment */\n"
    source.write_text(pragma + found[1].replace("http://127.0.0.1:8000", url))
    deno = [str(Path(sys.executable).with_name("deno")), "transpile", str(source)]
    return subprocess.run(deno, cwd=folder, capture_output=True, check=True, timeout=60).stdout.decode()


@pytest.fixture
def site(invited: Process, other: ThreadingHTTPServer, tmp_path: Path) -> str:
    """Serve the site, which has an origin of its own."""
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "react.mjs").write_text(REACT)
    (tmp_path / "chat.mjs").write_text(component(invited.url, tmp_path))
    (tmp_path / "favicon.ico").touch()
    for file in VENDOR.glob("react*.js"):
        shutil.copy(file, tmp_path)
    other.RequestHandlerClass = partial(Quiet, directory=str(tmp_path))
    return f"http://127.0.0.1:{other.server_port}/"


class Quiet(SimpleHTTPRequestHandler):
    """Serves the files of a folder."""

    extensions_map = {".mjs": "text/javascript", ".js": "text/javascript", ".html": "text/html"}

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def test_the_component_shows_the_reply_as_it_comes(page: Page, site: str) -> None:
    page.goto(site)

    page.locator("textarea").fill("[[fault: slow]]")
    page.get_by_role("button", name="Ask").click()

    expect(page.locator("pre")).to_contain_text("Streams carry what has come")
    early = page.locator("pre").inner_text()
    expect(page.locator("pre")).to_contain_text("come when it can. Streams carry what has come, and let")
    assert page.locator("pre").inner_text().startswith(early)


def test_the_component_says_what_is_wrong(page: Page, site: str, watch: Watch) -> None:
    watch.expected = ("422",)
    page.goto(site)

    page.get_by_role("button", name="Ask").click()

    expect(page.locator("pre")).to_contain_text("Error: ")
