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
from app.chat import budgets, doctor, people
from app.chat.allowance import Rules
from app.chat.asking import Caller
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

#: How long after a failure what has to be done at the start is tried again, in seconds.
RETRY_S = 5.0


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
    _greenlets: dict[str, Greenlet] = field(default_factory=dict)
    _starting: list[Greenlet] = field(default_factory=list)

    def open(self) -> None:
        """Begin what goes on beside the requests, and take over what earlier processes left; call once."""
        keeper = self.keeper
        loops = {"keeper": keeper.run, "stops": keeper.hear_stops, "lag": keeper.watch_the_loop}
        loops["views"] = self.live.follow
        if self.settings.redis_url:
            loops["feed"] = self.feed.run
        self._greenlets = {name: gevent.spawn(run) for name, run in loops.items()}
        if not _is_done(self._let_the_first_in):
            self._starting.append(gevent.spawn(_until_done, self._let_the_first_in))
        self._starting.append(gevent.spawn(_until_done, self._count_connections))
        _is_done(self.keeper.open)  # the keeper goes on trying

    @property
    def ended(self) -> list[str]:
        """What should go on for ever, and does not."""
        ended = [name for name, greenlet in self._greenlets.items() if greenlet.dead]
        return ended if self.runner.is_writing else ["writer", *ended]

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

    def _count_connections(self) -> None:
        for finding in doctor.short(self.settings, self.db, self.feed):
            log.warning("connections.short", extra={"to": finding.name, "about": finding.sentence})

    def close(self) -> None:
        """End everything at once; replies that are not done are stored as interrupted."""
        self.runner.close()
        gevent.killall([*self._starting, *self._greenlets.values()])
        self.keeper.close()
        self.feed.close()
        self.db.close()


def services() -> Services:
    """Give the services of the current app."""
    found: Services = current_app.extensions["rill"]
    return found


def _is_done(step: Callable[[], object]) -> bool:
    """Do something at the start, without which pages can be served; says whether it is done."""
    try:
        step()
    except Exception as error:
        log.error("start.failed", extra={"what": step.__name__.strip("_"), "error": type(error).__name__})
        return False
    return True


def _until_done(step: Callable[[], object]) -> None:
    while not _is_done(step):
        gevent.sleep(RETRY_S)
