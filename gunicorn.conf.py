"""How gunicorn serves Rill: gevent patches first, one worker, and a way out that loses nothing."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402 - nothing may be imported before the patching

import gevent  # noqa: E402 - as above

from app.core.errors import ConfigurationError  # noqa: E402 - as above
from app.core.settings import Settings  # noqa: E402 - as above

try:
    settings = Settings.from_env()
except ConfigurationError as error:
    sys.exit(f"Rill cannot start. {error}")

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
worker_class = "gevent"
workers = 1  # SQLite has one writer, and the live views are in this process
worker_connections = 2000
timeout = 60
graceful_timeout = 25
keepalive = 95  # longer than a router's own, which would else send a request into a closing connection
control_socket_disable = True
loglevel = "warning"


def when_ready(server):
    """Say in three lines where Rill is, who answers, and where the data lie."""
    host = "127.0.0.1" if settings.host == "localhost" else bind.rpartition(":")[0]
    who = {
        "demo": "a scripted demo; set ANTHROPIC_API_KEY for the real Claude",
        "claude": f"{settings.model} at {settings.anthropic_base_url or 'Anthropic'}",
    }
    print(f"Rill     http://{host}:{settings.port}")
    print(f"Replies  {who[settings.mode]}")
    print(f"Data     {settings.database_url.removeprefix('sqlite:///')}", flush=True)


def post_worker_init(worker):
    """Close what an earlier process left open, and tell the streams when this one has to go."""
    services = worker.wsgi.extensions["rill"]
    services.is_alive = lambda: worker.alive
    services.open()
    gevent.spawn(_drain_when_told, worker, services.runner)


def _drain_when_told(worker, runner):
    """Let running replies finish for a while, then store the rest as interrupted, within the grace period."""
    while worker.alive:
        gevent.sleep(0.2)
    runner.drain(15)
