"""What is offered: asked for once an hour, a minute after a failure, and from the table meanwhile."""

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


def test_asks_again_after_an_hour_or_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(offer, "monotonic", lambda: now[0])
    claude = Catalog()
    offered, ids = Offer(claude), ("a", "x")

    assert [model.display_name for model in offered.get(ids).models] == ["A", "x"]
    now[0] += HOLDS_S - 1
    assert offered.get(ids).source == "anthropic"
    assert claude.asked == 1

    now[0] += 1
    claude.is_up = False
    assert (offered.get(ids).source, offered.get(ids).as_of) == ("table", AS_OF)
    assert claude.asked == 2

    now[0] += AGAIN_S
    claude.is_up = True
    assert (offered.get(ids).source, offered.get(ids).as_of) == ("anthropic", None)
    assert claude.asked == 3
