"""The entry point of gunicorn, which has patched the process already, and of the flask command."""

import sys

from gevent import monkey

if not monkey.is_module_patched("socket"):  # the flask command: what waits for Claude has to be watched there, too
    monkey.patch_all()

from app import create_app
from app.core import logs
from app.core.errors import ConfigurationError
from app.core.settings import Settings

logs.configure()
try:
    app = create_app(Settings.from_env())
except ConfigurationError as error:
    print(f"Rill cannot start. {error}", file=sys.stderr)
    sys.exit(4)
