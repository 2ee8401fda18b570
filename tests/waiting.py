"""Waiting for what another greenlet does, however busy the machine is."""

from collections.abc import Callable

import gevent

from app.chat import journal
from app.web.services import Services

#: What has not come after this, in seconds, does not come.
PATIENCE_S = 60.0


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so."""
    with gevent.Timeout(PATIENCE_S):
        while not is_so():
            gevent.sleep(0.005)


def until_idle(services: Services) -> None:
    """Wait until no reply is being written."""
    until(lambda: not services.runner.running)


def until_written(services: Services, reply_id: str, text: str) -> None:
    """Wait until the journal of a reply has a text."""
    until(lambda: text in services.db.read(journal.assemble, reply_id).text)
