"""A real server, and the proxies of docs/ in front of it, each on a free port."""

import os
import sqlite3
import ssl
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest
from gevent import monkey

from tests import needs
from tests.servers import ROOT, Process, free_port, start_rill

GLOBALS_OF_CADDY = """{{
	admin off
	skip_install_trust
	auto_https disable_redirects
	https_port {port}
}}
"""


@dataclass
class Site:
    """Rill as it is reached through a proxy."""

    url: str
    rill: Process

    def connect(self) -> HTTPConnection:
        """Prepare a connection; close it."""
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme == "http":
            return HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # Caddy has just made its certificate
        return HTTPSConnection(parts.hostname or "", parts.port, timeout=60, context=context)

    def get(self, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        """Fetch something short."""
        return self._whole("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> tuple[HTTPResponse, bytes]:
        """Send a form as a plain browser does."""
        headers = {"Origin": self.url, "Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._whole("POST", path, urllib.parse.urlencode(fields), headers)

    def reply(self, conversation_id: str) -> sqlite3.Row:
        """Read the row of a conversation's reply from the database."""
        statement = "SELECT * FROM message WHERE role = 'assistant' AND conversation_id = ?"
        db = sqlite3.connect(self.rill.log.parent / "rill.db", timeout=30)
        try:
            db.row_factory = sqlite3.Row
            found: sqlite3.Row = db.execute(statement, [conversation_id]).fetchone()
            return found
        finally:
            db.close()

    def _whole(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[HTTPResponse, bytes]:
        connection = self.connect()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def rill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give Rill with the demo Claude."""
    if monkey.is_module_patched("socket"):
        pytest.exit("Run these with --confcutdir=tests/deploy: they cannot share a patched process.")
    server = start_rill(tmp_path_factory.mktemp("rill"), free_port(), RILL_DEMO_SPEED="2")
    yield server
    server.stop()


@pytest.fixture(scope="session", params=["nginx", "caddy"])
def site(request: pytest.FixtureRequest, rill: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give Rill behind a proxy that runs the file of docs/; only ports and folders differ."""
    program = needs.program(request.param)
    start: Callable[[str, Path, Process], Process] = {"nginx": start_nginx, "caddy": start_caddy}[request.param]
    proxy = start(program, tmp_path_factory.mktemp(request.param), rill)
    site = Site(proxy.url, rill)
    try:
        wait_for(site, proxy)
        yield site
    finally:
        proxy.stop()


def start_nginx(program: str, folder: Path, rill: Process) -> Process:
    """Start nginx with docs/nginx.conf."""
    port, config = free_port(), folder / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f" {kind}_temp_path {folder}/{kind};" for kind in kinds)
    changes = {"127.0.0.1:8080": f"127.0.0.1:{port}", "127.0.0.1:8000": rill.url[7:], "http {": "http {" + paths}
    config.write_text(changed(ROOT / "docs/nginx.conf", changes))
    user = "user root;" if os.geteuid() == 0 else ""  # pytest's folders are for their owner alone
    directives = f"daemon off; {user} pid {folder}/pid; error_log stderr;"
    return run([program, "-p", str(folder), "-c", str(config), "-g", directives], f"http://127.0.0.1:{port}", folder)


def start_caddy(program: str, folder: Path, rill: Process) -> Process:
    """Start Caddy with docs/Caddyfile."""
    port, config = free_port(), folder / "Caddyfile"
    site = changed(ROOT / "docs/Caddyfile", {"127.0.0.1:8000": rill.url[7:]})
    config.write_text(GLOBALS_OF_CADDY.format(port=port) + site)
    command = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
    return run(command, f"https://localhost:{port}", folder)


def changed(path: Path, changes: dict[str, str]) -> str:
    """Give a file with some words replaced, each of which it has once."""
    text = path.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"{path.name} has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    return text


def run(command: list[str], url: str, folder: Path) -> Process:
    """Start a proxy, whose home is the folder."""
    log = folder / "log"
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **home}, stdout=out, stderr=out, start_new_session=True
        )
    return Process(process, url, log)


def wait_for(site: Site, proxy: Process) -> None:
    """Wait until Rill answers through a proxy; show the proxy's log if it does not."""
    for _ in range(600):
        if proxy.process.poll() is not None:
            break
        try:
            if site.get("/livez")[0].status == 200:
                return
        except (OSError, HTTPException):
            pass
        time.sleep(0.1)
    pytest.fail(f"{site.url} did not answer:\n{proxy.log.read_text()}")
