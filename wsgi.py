"""The entry point of gunicorn and of the flask command."""

from app import create_app
from app.core import logs
from app.core.errors import ConfigurationError
from app.core.settings import Settings

logs.configure()
try:
    app = create_app(Settings.from_env())
except ConfigurationError as error:
    raise SystemExit(f"Rill cannot start. {error}") from None
