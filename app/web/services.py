"""What the routes work with, built once by the composition root."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gevent
from flask import current_app
from gevent import Greenlet

from app.adapters import passwords
from app.adapters.db import Database
from app.adapters.feed import Feed
from app.chat import budgets, people
from app.chat.asking import Caller
from app.chat.budgets import Rules
from app.chat.direct import Directs
from app.chat.keeper import Keeper
from app.chat.offer import Offer
from app.chat.options import Current
from app.chat.runner import Runner
from app.chat.views import LiveReplies
from app.core.settings import Settings

if TYPE_CHECKING:
    from app.adapters.oidc import Oidc

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Services:
    """The built things of one app; ``is_alive`` turns False when the worker has been told to go."""

    settings: Settings
    db: Database
    feed: Feed
    runner: Runner
    live: LiveReplies
    keeper: Keeper
    claude: Caller
    directs: Directs
    offer: Offer
    options: Current
    oidc: "Oidc | None" = None
    is_alive: Callable[[], bool] = lambda: True
    _greenlets: list[Greenlet] = field(default_factory=list)

    def open(self) -> None:
        """Begin what goes on beside the requests, and take over what earlier processes left; call once."""
        self._greenlets = [
            gevent.spawn(run) for run in (self.feed.run, self.keeper.run, self.keeper.watch_the_loop, self.live.follow)
        ]
        try:
            self._let_the_first_in()
            self.keeper.open()
        except Exception as error:  # the keeper goes on trying, and pages may be served meanwhile
            log.error("keeper.failed", extra={"error": type(error).__name__})

    @property
    def rules(self) -> Rules:
        """What the environment allows to be spent."""
        return Rules.of(self.settings)

    def check(self, owner: str) -> None:
        """Raise what keeps a person from asking now, before anything is stored that could not be answered."""
        self.options.get().check()
        self.runner.check()
        self.db.read(budgets.check, self.rules, owner)

    def _let_the_first_in(self) -> None:
        if self.settings.admin_password is not None and self.db.read(people.has_nobody):
            self.db.write(people.first_administrator, passwords.hashed(self.settings.admin_password))

    def close(self) -> None:
        """End everything at once; replies that are not done are stored as interrupted."""
        self.runner.close()
        gevent.killall(self._greenlets)
        self.keeper.close()
        self.feed.close()
        self.db.close()


def services() -> Services:
    """Give the services of the current app."""
    found: Services = current_app.extensions["rill"]
    return found
