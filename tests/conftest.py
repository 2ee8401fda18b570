"""Fixtures of all tests but the browser's; the process is patched as a gevent worker is."""

from gevent import monkey

monkey.patch_all()

from collections.abc import Iterator  # noqa: E402 - nothing may be imported before the patching
from pathlib import Path  # noqa: E402 - as above

import pytest  # noqa: E402 - as above
from alembic import command  # noqa: E402 - as above
from flask import Flask  # noqa: E402 - as above
from flask.testing import FlaskClient  # noqa: E402 - as above
from hypothesis import settings as hypothesis_settings  # noqa: E402 - as above

from app import create_app  # noqa: E402 - as above
from app.cli import alembic_config  # noqa: E402 - as above
from app.core.settings import Settings  # noqa: E402 - as above
from app.web.services import Services  # noqa: E402 - as above
from tests.scripted import ScriptedClaude  # noqa: E402 - as above

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
