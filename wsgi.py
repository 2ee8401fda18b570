"""The entry point of gunicorn, which has patched the process already, and of the flask command."""

import os
import signal
import sys

from gevent import monkey

is_command = not monkey.is_module_patched("socket")
if is_command:  # the flask command: what waits for Claude has to be watched there, too
    monkey.patch_all()
    if is_command := signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda _signal, _frame: os._exit(130))  # nothing has begun: end without a word

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
if is_command:
    signal.signal(signal.SIGINT, signal.default_int_handler)
