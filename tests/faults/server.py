"""Rill as it is, for one person who does what many would, and with ways to block a worker."""

import ctypes
import gc
import os
import signal
import time
from pathlib import Path
from typing import Any

import gevent
from flask import Blueprint
from gevent import Greenlet

from app.adapters.feed import Entry
from app.chat import conversations, ending, views
from app.web import bodies
from wsgi import app

__all__ = ["app"]

conversations.MAX_LIVE = 1_000
views.MAX_READERS_OF_ONE = 10_000
bodies.PATIENCE_S = float(os.environ.get("RILL_TEST_PATIENCE_S", bodies.PATIENCE_S))
FINISH_S = float(os.environ.get("RILL_TEST_FINISH_S", 0))
_finish = ending.finish


def finish(*args: Any) -> Entry:
    """Store how a reply ended, as slowly as a busy database."""
    time.sleep(FINISH_S)
    return _finish(*args)


ending.finish = finish

FIGURES = os.environ.get("RILL_TEST_FIGURES", "")

bp = Blueprint("faults", __name__)


def count() -> None:
    """Write down how many greenlets this process has."""
    found = sum(1 for thing in gc.get_objects() if isinstance(thing, Greenlet) and not thing.dead)
    path = Path(FIGURES) / f"{os.getpid()}.greenlets"
    path.with_suffix(".new").write_text(str(found))
    path.with_suffix(".new").rename(path)


if FIGURES:  # a signal, because a request goes to whichever process takes it
    gevent.signal_handler(signal.SIGUSR2, count)
    count()


@bp.post("/_block/<int:seconds>")
def block(seconds: int) -> str:
    """Do what no code of Rill's does: hold the event loop in a call that knows nothing of it."""
    ctypes.CDLL(None).sleep(seconds)
    return "blocked"


@bp.post("/_wait/<int:seconds>")
def wait(seconds: int) -> str:
    """Do what no request of Rill's does: take its time, whoever has hung up."""
    gevent.sleep(seconds)
    return "waited"


app.register_blueprint(bp)
