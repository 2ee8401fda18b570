"""What the routes work with, built once by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from app.adapters.db import Database
from app.chat.ending import reap
from app.chat.live import LiveReplies
from app.chat.runner import Runner
from app.core.settings import Settings


@dataclass(slots=True)
class Services:
    """The built things of one app; ``is_alive`` turns False when the worker has been told to go."""

    settings: Settings
    db: Database
    runner: Runner
    live: LiveReplies
    is_alive: Callable[[], bool] = lambda: True

    def open(self) -> None:
        """Close the replies an earlier process left unfinished; call once, before the first request."""
        self.db.write(reap)


def services() -> Services:
    """Give the services of the current app."""
    found: Services = current_app.extensions["rill"]
    return found
