"""Fixtures: a fake Messages API on loopback, and a Claude in front of it that does not really wait."""

from collections.abc import Callable, Iterator

import gevent
import pytest

from app.adapters.claude import Claude, Limits
from app.core.events import Event
from app.core.request import MessagesRequest
from tests.fakes.claude import FakeClaude

CANARY = "canary-prompt-7f3a"
KEY = "sk-ant-canary-key-91bd"
REQUEST = MessagesRequest("claude-x", 100, [{"role": "user", "content": CANARY}], system="Be brief.")


class Asker:
    """Asks the fake, and remembers the waits that were asked for instead of waiting."""

    def __init__(self, fake: FakeClaude, **options: object) -> None:
        self.waits: list[float] = []
        self.now = 0.0
        self.claude = Claude(api_key=KEY, base_url=fake.url, sleep=self.waits.append, clock=lambda: self.now, **options)

    def ask(self, request: MessagesRequest = REQUEST) -> list[Event]:
        """Make a whole call and give its events."""
        return list(self.claude.call(request))

    def close(self) -> None:
        """Let the connections go; gevent closes what somebody waits for with the loop's next turn."""
        self.claude.client.close()
        gevent.sleep(0.01)


@pytest.fixture
def fake() -> Iterator[FakeClaude]:
    """Give a Messages API that answers as queued."""
    fake = FakeClaude().start()
    yield fake
    fake.stop()


@pytest.fixture
def asker(fake: FakeClaude) -> Iterator[Asker]:
    """Give an asker with the usual limits."""
    asker = Asker(fake)
    yield asker
    asker.close()


@pytest.fixture
def limited(fake: FakeClaude) -> Iterator[Callable[..., Asker]]:
    """Give a maker of askers with limits of the test's own."""
    made: list[Asker] = []

    def make(**limits: float) -> Asker:
        made.append(Asker(fake, limits=Limits(**limits)))
        return made[-1]

    yield make
    for asker in made:
        asker.close()
