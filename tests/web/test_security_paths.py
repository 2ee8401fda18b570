"""Paths and hosts that mean something else than they seem to: no file, no row and no name of ours answers."""

from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.web.services import Services
from tests.web.routes import routes
from tests.web.test_security_headers import ask

_UP = ["..", "%2e%2e", "%252e%252e", "..%00", "%c0%ae%c0%ae", "..%5c", "....", "%uff0e%uff0e", ".%2e", "..;"]
_FILES = ["etc/passwd", "app/core/settings.py", "rill.db", "wsgi.py", "proc/self/environ"]
PATHS = [
    f"{root}{'/'.join([up] * depth)}{slash}{file}"
    for root in ("/static/", "/c/", "/replies/", "/compare/", "/static/vendor/", "/")
    for up in _UP
    for depth in (1, 6)
    for slash in ("/", "%2f", "%5c")
    for file in _FILES
] + [
    "/static/%2fetc%2fpasswd",
    "/static//etc/passwd",
    "/static/file:///etc/passwd",
    "/static/C:%5cWindows%5cwin.ini",
    "/static/app.css",
    "/static/.gitignore",
    "/static/",
    "/static",
    "/static/app.css.gz",
]
IDS = ["../x", "..%2f..%2f", "%00", "0" * 31, "0" * 33, "0" * 5_000, "' OR 1=1 --", "%", "_" * 32, "*", "null", "-1"]
IDS += ["[]", "{}", "x\r\nSet-Cookie: a=b", "\u202e", "０" * 32, "%E2%80%AE", "1e9", "NaN", "true", ";ls", "$(id)"]
IDS += ["`id`", "{{7*7}}", "${ANTHROPIC_API_KEY}", "<script>"]


def test_gives_no_file_that_is_not_its_own(client: FlaskClient) -> None:
    assert len(PATHS) >= 1_500
    for path in PATHS:
        with client.open("/", environ_overrides={"PATH_INFO": path, "REQUEST_URI": path}, buffered=True) as answer:
            assert answer.status_code in (301, 303, 308, 403, 404), path
            assert "root:" not in answer.text
            assert "import" not in answer.text
        with client.get(path, buffered=True) as answer:
            assert answer.status_code in (301, 303, 308, 403, 404), path
            assert "root:" not in answer.text
            assert "import" not in answer.text


@pytest.mark.parametrize("id", IDS)
def test_finds_nothing_under_an_odd_id(app: Flask, client: FlaskClient, id: str) -> None:
    for route in routes(app, lambda *_names: quote(id, safe="")):
        if quote(id, safe="") not in route.path:
            continue
        answer = ask(client, route, data={"text": "Hello"})
        is_stream = answer.mimetype == "text/event-stream"
        assert answer.status_code in (400, 404, 405, 422) or is_stream, (route, answer.status_code)
        assert "Set-Cookie" not in answer.headers
        assert not is_stream or "event: done" in answer.text


HOSTS = ["x/?", "x#", "x\\@127.0.0.1", "127.0.0.1/evil", "127.0.0.1#.evil.example", "127.0.0.1:80@evil.example"]
HOSTS += ["evil.example#127.0.0.1", "127.0.0.1\tevil", "127.0.0.1, evil.example", "127.0.0.1.", "[::1].evil.example"]
HOSTS += ["", "127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "LOCALHOST.evil.example", "localhost:x"]
HOSTS += ["localhost:0", "localhost:99999"]


@pytest.mark.parametrize("host", HOSTS)
def test_lets_no_odd_host_in_and_builds_no_address_of_one(client: FlaskClient, services: Services, host: str) -> None:
    environ = {"HTTP_HOST": host, "HTTP_X_FORWARDED_HOST": host, "HTTP_FORWARDED": f"host={host}"}
    for method, path in (("GET", "/"), ("POST", "/conversations"), ("GET", "/static/nowhere"), ("GET", "/api/models")):
        with client.open(path, method=method, data={"text": "a"}, environ_overrides=environ, buffered=True) as answer:
            assert answer.status_code in (400, 403), (method, path)
            assert host == "" or f'"{host}' not in answer.text
            assert "evil" not in answer.headers.get("Location", "")


def test_takes_the_host_from_nothing_but_its_header(client: FlaskClient) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "Forwarded": "for=127.0.0.1;host=evil.example"}
    headers |= {"X-Forwarded-For": "127.0.0.1", "X-Original-URL": "/metrics"}
    answer = client.post("/conversations", data={"text": "a"}, headers=headers)

    assert answer.status_code == 303
    assert answer.location.startswith("/c/")
