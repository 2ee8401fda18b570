"""A key, a cookie, a token and what people wrote: through every way to fail, and not to be found afterwards."""

import io
import logging
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app import create_app
from app.core import logs
from app.core.errors import ConfigurationError
from app.core.settings import Settings
from app.web.services import Services
from tests.fakes.claude import CUT, SSE, Answer, FakeClaude, closing, delta, erring, event, failing, opening
from tests.servers import ROOT, free_port
from tests.web.pages import HTMX, wait

LOG = io.StringIO()
KEY = "sk-ant-api03-canary-key-Zk41x"
PROMPT = "canary prompt: the mould of Oxbridge-7741"
COOKIE = "canary-cookie-55b0c"
TOKEN = "canary-token-e0a19"
SECRETS = (KEY, "canary-key", PROMPT, "Oxbridge-7741", COOKIE, TOKEN)
HEADERS = {"Cookie": f"session={COOKIE}", "Authorization": f"Bearer {TOKEN}", "Referer": f"http://localhost/{COOKIE}"}
ALL = f"{KEY} {PROMPT} {COOKIE}"
#: Statuses with the key and the prompt in every field, as a careless gateway answers.
STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 418, 422, 429, 500, 502, 503, 504, 529)
BROKEN = {
    "error in the stream": erring(ALL, *opening(), delta("Well, ")),
    "error before the stream": erring(ALL),
    "cut": Answer([*opening(), delta("Well, "), CUT]),
    "no end": Answer([*opening(), delta("Well, ")]),
    "page": Answer([ALL.encode()], headers={"content-type": "text/html", "x-echo": ALL, "set-cookie": COOKIE}),
    "odd type": Answer([ALL.encode()], headers={"content-type": f"text/{KEY}"}),
    "odd id": Answer([*opening(), delta("Well, "), *closing()], headers={**SSE, "request-id": KEY}),
    "moved": Answer([], 307, {"location": f"http://127.0.0.1:1/{KEY}"}),
    "no json": Answer([*opening(), f"event: content_block_delta\ndata: {ALL}\n\n".encode()]),
    "odd field": Answer([*opening(), event("content_block_delta", index=ALL, delta=ALL)]),
    "odd model": Answer([event("message_start", message={"model": [ALL]})]),
}


class Site:
    """An app before a fake Claude, a browser that carries secrets, and what became of them."""

    def __init__(self, app: Flask, fake: FakeClaude) -> None:
        self.app, self.fake = app, fake
        self.services: Services = app.extensions["rill"]
        self.client: FlaskClient = app.test_client()
        self.answers: list[TestResponse] = []
        self._turn = 0

    def post(self, path: str, **options: object) -> TestResponse:
        return self.open(path, method="POST", **options)

    def open(self, path: str, *, headers: dict[str, str] | None = None, **options: object) -> TestResponse:
        self.services.claude._circuits.clear()
        with gevent.Timeout(20):
            answer = self.client.open(path, headers={**HEADERS, **(headers or {})}, buffered=True, **options)
            answer.get_data()
            wait(self.services)
        self.answers.append(answer)
        return answer

    def ask(self, *answers: Answer) -> None:
        """Ask on the page and through the API, with these answers of Claude's."""
        for path in ("/conversations", "/api/chat"):
            self._turn += 1
            self.fake.answers.clear()
            self.fake.answers.extend(answers * 3)
            options = (
                {"data": {"text": PROMPT, "nonce": str(self._turn)}}
                if path[1] == "c"
                else {"json": {"message": PROMPT}}
            )
            self.post(path, **options)

    def check(self, output: str, *, shown: bool = True) -> None:
        """See that nothing said of the failures holds a secret."""
        for secret in SECRETS:
            assert secret not in output
        assert "Traceback" not in output
        for answer in self.answers:
            page = re.sub(r"(?s)<textarea.*?</textarea>", "", answer.text) if shown else ""
            for secret in (KEY, COOKIE, TOKEN):
                assert secret not in page, answer.request.path
            assert not [secret for secret in SECRETS if secret in str(answer.headers)]
            assert answer.status_code < 500 or PROMPT not in page
        metrics = self.client.get("/metrics").text
        assert not [secret for secret in SECRETS if secret in metrics]

    def rows(self) -> list[tuple[object, ...]]:
        """Give the columns that say how replies ended."""
        path = self.services.settings.database_url.removeprefix("sqlite:///")
        with sqlite3.connect(path) as db:
            return db.execute("SELECT status, error_code, note, request_id, stop_reason FROM message").fetchall()


@pytest.fixture
def site(database_url: str, capfd: pytest.CaptureFixture[str]) -> Iterator[Site]:
    fake = FakeClaude().start()
    environ = {"DATABASE_URL": database_url, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": fake.url}
    app = create_app(Settings.from_env(environ))
    app.extensions["rill"].claude.sleep = lambda _seconds: gevent.sleep(0)
    logs.configure()
    logger = logging.getLogger("app")
    logger.handlers[0].setStream(LOG)  # type: ignore[attr-defined]  # it is a StreamHandler
    yield Site(app, fake)
    app.extensions["rill"].close()
    app.extensions["rill"].claude.client.close()
    app.extensions["rill-static"].cleanup()
    fake.stop()
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)


def output(capfd: pytest.CaptureFixture[str]) -> str:
    out, err = capfd.readouterr()
    said = LOG.getvalue()
    LOG.seek(0)
    LOG.truncate()
    return out + err + said


def test_says_nothing_of_what_upstream_echoes(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    for status in STATUSES:
        site.ask(failing(status, ALL, ALL, code=KEY, x_echo=ALL, request_id=KEY))
        site.ask(failing(status, KEY, PROMPT, code=PROMPT))
    for answer in BROKEN.values():
        site.ask(answer)
    site.fake.stop()
    site.ask()
    said = output(capfd)

    assert len(STATUSES) + len(BROKEN) + 1 >= 28
    assert said.count("claude.failed") >= 40
    assert sum(KEY in str(header) for header in site.fake.headers) >= 40, "the key was on its way"
    site.check(said)
    rows = [row for row in site.rows() if row[0] == "failed"]
    assert len(rows) >= 25
    assert not [secret for secret in SECRETS if secret in repr(rows)]
    assert not [row for row in site.rows() if KEY in repr(row)]


def test_says_nothing_of_what_was_sent_wrongly(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    form = {"text": PROMPT, "nonce": COOKIE, "model": TOKEN}
    odd = PROMPT.replace(" ", "-")
    for path in (
        "/conversations",
        f"/c/{odd}/messages",
        "/compare",
        f"/replies/{odd}/retry",
        f"/replies/{odd}/stop",
        "/x",
    ):
        for headers in ({}, HTMX, {"Host": f"{COOKIE}.example"}, {"Origin": f"https://{COOKIE}.example"}):
            for data in (
                form,
                {"text": PROMPT * 9_000},
                {"text": PROMPT * 60_000},
                PROMPT.encode(),
                b"\xff" + KEY.encode(),
            ):
                site.post(path, data=data, headers=headers)
    for path in (f"/c/{odd}", f"/replies/{odd}/stream", f"/replies/{odd}/events", f"/doctor/stream/{odd}", f"/{odd}"):
        site.open(f"{path}?q={COOKIE}", headers={"Last-Event-ID": odd})
    for body in (
        b"{",
        b'{"' + PROMPT.encode() + b'": 1}',
        b'{"message": "%s", "model": "x"}' % PROMPT.encode(),
        b"\xff",
    ):
        site.post("/api/chat", data=body, content_type="application/json")
    said = output(capfd)

    assert said.count("request.ended") >= 100
    assert not [secret for secret in SECRETS if secret in said]
    assert odd not in said


def test_says_nothing_when_the_database_fails(
    site: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.ask()
    for table in ("journal", "message", "conversation"):
        site.services.db.write(
            lambda session, table=table: session.execute(text(f"ALTER TABLE {table} RENAME TO {table}_x"))
        )
        for path in ("/conversations", "/compare"):
            site.post(path, data={"text": PROMPT, "nonce": table})
        site.post("/api/chat", json={"message": PROMPT, "conversation": "0" * 32})
        site.open("/")
        site.open("/doctor")
        site.open("/readyz")
    said = output(capfd)

    assert "error=" in said
    site.check(said)


def test_says_nothing_when_it_crashes(
    site: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: object, **_values: object) -> None:
        raise ValueError(ALL)

    for name in ("app.web.pages.chat_page", "app.chat.runner.Runner.check", "app.web.doctor.examine"):
        monkeypatch.setattr(name, crash)
    for path in ("/", "/doctor"):
        for headers in ({}, HTMX):
            assert site.open(path, headers=headers).status_code == 500
    for path in ("/conversations", "/api/chat"):
        assert site.post(path, data={"text": PROMPT}, json=None).status_code in (415, 500)
    assert site.post("/api/chat", json={"message": PROMPT}).status_code == 500
    said = output(capfd)

    assert said.count("error=ValueError") >= 6
    site.check(said)


def test_says_nothing_on_the_command_line(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    for answer in (failing(401, KEY, ALL), failing(400, ALL, ALL, code=KEY), BROKEN["page"], BROKEN["cut"]):
        site.services.claude._circuits.clear()
        site.fake.answers.extend([answer] * 3)
        result = site.app.test_cli_runner().invoke(args=["chat", PROMPT])
        assert result.exit_code not in (0, 1)
        assert not [secret for secret in SECRETS if secret in result.output]
    assert not [secret for secret in SECRETS if secret in output(capfd)]


STARTS = {
    "database": {"DATABASE_URL": f"postgres://rill:{KEY}@127.0.0.1:1/x"},
    "redis": {"REDIS_URL": f"http://:{KEY}@127.0.0.1:1"},
    "scheme": {"DATABASE_URL": f"mysql://rill:{KEY}@127.0.0.1/x"},
    "base": {"ANTHROPIC_BASE_URL": f"ftp://{KEY}@127.0.0.1"},
    "host": {"RILL_HOST": "0.0.0.0"},
    "file": {"ANTHROPIC_API_KEY": "", "ANTHROPIC_API_KEY_FILE": f"/nowhere/{COOKIE}"},
    "both": {"ANTHROPIC_API_KEY_FILE": f"/nowhere/{COOKIE}"},
    "log": {"ANTHROPIC_LOG": "debug"},
    "headers": {"ANTHROPIC_CUSTOM_HEADERS": f"x-secret: {KEY}"},
}


@pytest.mark.parametrize("name", STARTS)
def test_says_nothing_of_settings_that_are_wrong(name: str) -> None:
    if name != "database":  # which can be read, and not be reached
        with pytest.raises(ConfigurationError) as caught:
            Settings.from_env({"ANTHROPIC_API_KEY": KEY, **STARTS[name]})
        assert not [secret for secret in SECRETS if secret in str(caught.value)]
    assert KEY not in repr(Settings(anthropic_api_key=KEY, database_url=KEY, redis_url=KEY))


@pytest.mark.parametrize("name", ["database", "file", "log"])
def test_says_nothing_when_it_cannot_start(tmp_path: Path, name: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RILL_", "ANTHROPIC_"))}
    env |= {"DATABASE_URL": f"sqlite:///{tmp_path}/rill.db", "PORT": str(free_port()), "ANTHROPIC_API_KEY": KEY}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    found = subprocess.run(command, cwd=ROOT, env={**env, **STARTS[name]}, capture_output=True, text=True, timeout=60)

    assert found.returncode != 0
    assert not [secret for secret in SECRETS if secret in found.stdout + found.stderr], found.stderr
