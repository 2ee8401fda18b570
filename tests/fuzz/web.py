"""Fuzzed: every route, with bodies of every kind and any id.

Each target takes any bytes, and raises where something is so that may never be.
"""

import io
import tempfile
from functools import lru_cache
from pathlib import Path

import atheris
from flask import Flask

from app import create_app
from app.core.settings import Settings
from tests import backends
from tests.scripted import ScriptedClaude
from tests.web.routes import Route, routes

#: What requests may be answered with; anything above is a crash of ours, but for what says so itself.
_FINE = {*range(200, 500), 503}


@lru_cache(maxsize=1)
def _app() -> Flask:
    folder = Path(tempfile.mkdtemp(prefix="rill-fuzz-"))
    backends.migrate(url := backends.sqlite_url(folder))
    return create_app(Settings.from_env({"DATABASE_URL": url}), claude=ScriptedClaude())


@lru_cache(maxsize=1)
def _routes() -> list[Route]:
    return [route for route in routes(_app(), lambda *_names: "{id}") if "stream" not in route.path]


def every(data: bytes) -> None:
    """Send any body of any kind to any route, with any id: an answer comes, and it is no crash."""
    provider = atheris.FuzzedDataProvider(data)
    route = _routes()[provider.ConsumeIntInRange(0, len(_routes()) - 1)]
    kinds = (
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json",
        "text/plain",
        "",
    )
    kind = kinds[provider.ConsumeIntInRange(0, len(kinds) - 1)]
    method = (route.method, "POST", "GET", "DELETE")[provider.ConsumeIntInRange(0, 3)]
    id = provider.ConsumeUnicodeNoSurrogates(40).replace("?", "").replace("#", "")
    body = provider.ConsumeBytes(4_000)
    headers = {"HX-Request": "true"} if provider.ConsumeBool() else {}
    environ = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "CONTENT_TYPE": kind}
    environ["PATH_INFO"] = route.path.replace("{id}", id).encode().decode("latin-1")
    client = _app().test_client()
    with client.open("/", method=method, headers=headers, environ_overrides=environ, buffered=True) as answer:
        assert answer.status_code in _FINE, (route, answer.status_code)
        assert "Content-Security-Policy" in answer.headers
