"""How gunicorn serves Rill: gevent patches first, one worker, and a way out that loses nothing."""

from gevent import monkey

monkey.patch_all()

import gc
import os
import resource
import sys
from contextlib import suppress
from tempfile import mkdtemp
from time import monotonic

import gevent
from gunicorn.arbiter import Arbiter
from sqlalchemy import make_url

from app.adapters.engines import waits_on_the_loop
from app.adapters.lock import hold, keep
from app.core.errors import ConfigurationError
from app.core.settings import Settings
from app.web.worker import Worker

try:
    settings = Settings.from_env()
except ConfigurationError as error:
    sys.exit(f"Rill cannot start. {error}")

if settings.host.startswith("unix:"):
    bind = settings.host
else:
    bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
workers = settings.workers
worker_connections = 4_500  # as many readers and programs as a process takes, and room for 1,000 pages beside them
timeout = 60
graceful_timeout = 25
keepalive = 95  # longer than a router's own, which would else send a request into a closing connection
control_socket_disable = True
loglevel = "warning"
umask = 0o117  # of the socket alone, which vouches for whoever may write to it: Rill's user, and the group of the proxy


if workers > 1:  # each process keeps its figures in a file, for whichever is asked
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = mkdtemp(prefix="rill-metrics-")
    keep(os.environ["PROMETHEUS_MULTIPROC_DIR"])

#: After this long, in seconds from the signal, replies that still run are stored as interrupted, whoever is connected.
DRAIN_S = 18
#: So long after the signal, in seconds, a request may still take to arrive; so long it has when all else is over.
ARRIVE_S, HANG_UP_S = 3, 2

#: Files that a process may have open: a connection each, one to Claude for each reply, the stores, and some to spare.
FILES = worker_connections + 1_500

worker_class = Worker

# Workers import these for themselves: the code as it is on the disk when they start (after a SIGHUP, too), and figures
# that go into the folder above. What was imported here is given back.
for name in [name for name in sys.modules if name.partition(".")[0] in ("app", "prometheus_client")]:
    del sys.modules[name]
gc.collect()


def on_starting(server):
    """Make sure that no other process serves the same file."""
    try:
        server.rill_lock = hold(settings.database_url)
    except ConfigurationError as error:
        sys.exit(f"Rill cannot start. {error}")
    except OSError as error:
        sys.exit(f"Rill cannot start. {error.filename} cannot be written: {error.strerror}.")
    _allow_files(server)


def _allow_files(server):
    """Allow this process and its workers the files they need, as far as the system lets them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if allowed > soft:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if (soft := resource.getrlimit(resource.RLIMIT_NOFILE)[0]) < FILES:
        server.log.warning("Only %d files may be open, and %d are needed for all readers: see ulimit -n.", soft, FILES)


def when_ready(server):
    """Say in four lines where Rill is, who may come in, who answers, and where the data lie."""
    host = "127.0.0.1" if settings.host == "localhost" else bind.rpartition(":")[0]
    here = bind if bind.startswith("unix:") else f"http://{host}:{settings.port}"
    ways = {"accounts": "with a password", "proxy": "as the proxy says", "oidc": f"at {settings.oidc_issuer}"}
    who = {
        "demo": "a scripted demo; set ANTHROPIC_API_KEY for the real Claude",
        "claude": f"{settings.model} at {settings.anthropic_base_url or 'Anthropic'}",
    }
    print(f"Rill     {settings.url or here}" + (f", at {here}" if settings.url else ""))
    print(
        f"People   {', '.join(ways[way] for way in settings.ways) or 'whoever sits at this machine; nobody signs in'}"
    )
    print(f"Replies  {who[settings.mode]}")
    where = make_url(settings.database_url).render_as_string().removeprefix("sqlite:///")
    print(f"Data     {where}", flush=True)
    if settings.concurrency > workers:
        print("Workers  1, because more need Postgres (DATABASE_URL) and Redis (REDIS_URL)", flush=True)


def post_worker_init(worker):
    """Close what an earlier process left open, and tell the streams when this one has to go."""
    services = worker.wsgi.extensions["rill"]
    services.is_alive = lambda: worker.alive
    if services.db.is_shared and not waits_on_the_loop():
        print("Rill cannot start. psycopg was imported before gevent could patch it.", file=sys.stderr, flush=True)
        sys.exit(Arbiter.WORKER_BOOT_ERROR)  # the master would start another, and another, for any other number
    for name in worker.wsgi.jinja_env.list_templates():
        worker.wsgi.jinja_env.get_template(name)  # compiled now, not while somebody waits for a page
    services.open()
    gc.collect()
    gc.freeze()  # what was loaded stays: looking through it again and again costs as much as a tenth of the work
    gevent.spawn(_leave_when_told, worker, services)


def _leave_when_told(worker, services):
    """Take nothing new and end what is idle, from the signal on; then store what runs, and end all else.

    The worker's own way out begins only when everybody has hung up, and one slow request is enough for that to be
    never: the master kills it first.
    """
    from app.web import bodies

    while worker.alive:
        gevent.sleep(0.2)
    services.runner.refuse()
    services.live.wake()
    told_at = worker.told_at or monotonic()
    while (since_s := monotonic() - told_at) < DRAIN_S:
        worker.close_idle()
        if since_s > ARRIVE_S:
            bodies.give_up()
        gevent.sleep(0.2)
    services.runner.drain(0)
    worker.close_all()
    gevent.sleep(HANG_UP_S)
    sys.exit(0)


def child_exit(server, worker):
    """Forget the gauges of a process that is gone."""
    if workers > 1:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def worker_exit(server, worker):
    """Let running replies finish, then store the rest as interrupted; at once where the worker was told to quit."""
    if os.getpid() == worker.pid and hasattr(worker, "wsgi"):
        left = worker.told_at + DRAIN_S - monotonic() if worker.told_at else 0
        worker.wsgi.extensions["rill"].runner.drain(max(0, left))
