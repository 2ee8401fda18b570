"""Rill as it is, for one person who does what many would, and with ways to block a worker."""

import ctypes
import os
import time
from typing import Any

import gevent
from flask import Blueprint

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

bp = Blueprint("faults", __name__)


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
