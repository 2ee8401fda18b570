"""Fixtures of all tests but the browser's; the process is patched as a gevent worker is."""

from gevent import monkey

monkey.patch_all()

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings

from app import create_app
from app.core.settings import Settings
from app.web.services import Services
from tests import backends
from tests.backends import Postgres
from tests.scripted import ScriptedClaude

#: How long an example takes is no test's business: machines differ.
hypothesis_settings.register_profile("rill", deadline=None)
hypothesis_settings.load_profile("rill")


@pytest.fixture
def claude() -> ScriptedClaude:
    """Give a Claude whose next replies a test sets."""
    return ScriptedClaude()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a Postgres server, in which the database ``rill_template`` has the tables."""
    with backends.postgres(is_durable=False) as server:
        server.run("CREATE DATABASE rill_template")
        backends.migrate(server.uri.replace("/postgres?", "/rill_template?"))
        yield server


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Give the URL of an empty database with the tables; SQLite, unless a folder's conftest says otherwise."""
    backends.migrate(url := backends.sqlite_url(tmp_path))
    return url


@pytest.fixture
def make_app(database_url: str, claude: ScriptedClaude) -> Iterator[Callable[..., Flask]]:
    """Give what makes apps on one database, each as a process of its own would be."""
    made: list[Flask] = []

    def make(**environ: str) -> Flask:
        models = "claude-sonnet-5-5,claude-opus-5-5,claude-haiku-5-5,m"
        settings = Settings.from_env({"DATABASE_URL": database_url, "RILL_MODELS": models, **environ})
        made.append(create_app(settings, claude=claude))
        return made[-1]

    yield make
    for app in made:
        app.extensions["rill"].close()
        app.extensions["rill-static"].cleanup()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app on an empty database of its own."""
    return make_app()


@pytest.fixture
def services(app: Flask) -> Services:
    """Give the built things of the app."""
    found: Services = app.extensions["rill"]
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Give a browser on this machine."""
    return app.test_client()
