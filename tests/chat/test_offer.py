"""What is offered: asked for once an hour, a minute after a failure; the last answer holds, or the table."""

from datetime import UTC, datetime

import pytest

from app.chat import offer
from app.chat.offer import AGAIN_S, HOLDS_S, Offer
from app.core.catalog import AS_OF, Model
from app.core.errors import Upstream
from tests.scripted import ScriptedClaude


class Catalog(ScriptedClaude):
    """Has models, or is out of reach."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.is_up = 0, True

    def models(self) -> list[Model]:
        """Give two, in an order of its own."""
        self.asked += 1
        if not self.is_up:
            raise Upstream("connect", "Out of reach.")
        return [Model("b", "B"), Model("a", "A")]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give a clock that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(offer, "monotonic", lambda: now[0])
    monkeypatch.setattr(offer, "clock_now", lambda: datetime(2026, 11, 24, tzinfo=UTC))
    return now


def test_asks_again_after_an_hour_or_a_minute(now: list[float]) -> None:
    claude = Catalog()
    claude.is_up = False
    offered, ids = Offer(claude), ("a", "x")

    assert (offered.get(ids).source, offered.get(ids).as_of) == ("table", AS_OF)
    assert claude.asked == 1

    now[0] += AGAIN_S
    claude.is_up = True
    assert [model.display_name for model in offered.get(ids).models] == ["A", "x"]
    assert (offered.get(ids).source, offered.get(ids).as_of) == ("anthropic", None)
    now[0] += HOLDS_S - 1
    offered.get(ids)
    assert claude.asked == 2

    now[0] += 1
    offered.get(ids)
    assert claude.asked == 3


def test_a_renewal_that_fails_keeps_the_last_answer_and_dates_it(now: list[float]) -> None:
    claude = Catalog()
    offered = Offer(claude)
    offered.get(["a"])
    claude.is_up = False

    now[0] += HOLDS_S
    found = offered.get(["a", "x"])

    assert (found.source, found.as_of) == ("anthropic", "2026-11-24")
    assert [(model.source, model.as_of) for model in found.models] == [("anthropic", "2026-11-24"), ("table", AS_OF)]
    assert claude.asked == 2
    now[0] += AGAIN_S
    claude.is_up = True
    assert offered.get(["a"]).as_of is None


def test_one_asks_while_the_others_take_what_there_is(now: list[float]) -> None:
    class Slow(Catalog):
        def models(self) -> list[Model]:
            sources.append(offered.get(["a"]).source)
            return super().models()

    sources: list[str] = []
    claude = Slow()
    offered = Offer(claude)

    assert offered.get(["a"]).source == "anthropic"
    assert (sources, claude.asked) == (["table"], 1)
