"""The views of a process: what it remembers of who reads them."""

import gevent
import pytest
from gevent.event import Event as Flag

from app.adapters.models import LOCAL_OWNER
from app.chat import conversations, views
from app.web.services import Services
from tests.waiting import PATIENCE_S, until


def test_forgets_who_reads_no_more(services: Services) -> None:
    reply = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m").reply

    with services.live.view(reply.id, "ann"), services.live.view(reply.id, "ann"):
        assert services.live.readers == 2

    assert dict(services.live._readers) == {}


class Crowd:
    """Readers who look their streams up, and are done when they are told."""

    def __init__(self, services: Services, count: int) -> None:
        self.are_in = 0
        self.go = Flag()
        self._services = services
        self._readers = [gevent.spawn(self._look_up) for _reader in range(count)]
        gevent.sleep(0.02)

    def _look_up(self) -> None:
        with self._services.live.opening():
            self.are_in += 1
            self.go.wait(PATIENCE_S)

    def end(self) -> None:
        """Let all of them do it."""
        self.go.set()
        gevent.joinall(self._readers, timeout=PATIENCE_S, raise_error=True)


def test_looks_up_a_few_streams_at_once(services: Services) -> None:
    crowd = Crowd(services, views.OPENING + 3)
    assert crowd.are_in == views.OPENING

    crowd.end()

    assert crowd.are_in == views.OPENING + 3


def test_lets_those_in_who_have_waited_for_others_that_wait(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "OPENING_S", 0.05)
    first = Crowd(services, views.OPENING)
    second = Crowd(services, 3)

    until(lambda: second.are_in == 3)
    second.end()
    first.end()

    monkeypatch.setattr(views, "OPENING_S", PATIENCE_S)
    third = Crowd(services, views.OPENING + 3)
    assert third.are_in == views.OPENING, "nobody gave back a turn that was not theirs"
    third.end()
