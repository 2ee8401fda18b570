"""Fixtures of all tests but the browser's; the process is patched as a gevent worker is."""

from gevent import monkey

monkey.patch_all()

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings

from app import create_app
from app.cli import alembic_config
from app.core.settings import Settings
from app.web.services import Services
from tests.scripted import ScriptedClaude

#: How long an example takes is no test's business: machines differ.
hypothesis_settings.register_profile("rill", deadline=None)
hypothesis_settings.load_profile("rill")


@pytest.fixture
def claude() -> ScriptedClaude:
    """Give a Claude whose next replies a test sets."""
    return ScriptedClaude()


@pytest.fixture
def app(tmp_path: Path, claude: ScriptedClaude) -> Iterator[Flask]:
    """Give an app on an empty database of its own."""
    settings = Settings(database_url=f"sqlite:///{tmp_path}/rill.db")
    app = create_app(settings, claude=claude)
    services: Services = app.extensions["rill"]
    command.upgrade(alembic_config(services.db), "head")
    yield app
    services.runner.close()
    services.db.close()
    app.extensions["rill-static"].cleanup()


@pytest.fixture
def services(app: Flask) -> Services:
    """Give the built things of the app."""
    found: Services = app.extensions["rill"]
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Give a browser on this machine."""
    return app.test_client()
