"""The demo Claude, through the real SDK."""

import json
from collections.abc import Iterator

import pytest

from app.adapters.claude import Claude
from app.adapters.demo import demo_app
from app.core.assembly import Assembly
from app.core.events import Event, MessageStop, TextDelta
from app.core.request import MessagesRequest


@pytest.fixture
def waits() -> list[float]:
    """Collect the waits the demo asks for."""
    return []


@pytest.fixture
def demo(waits: list[float]) -> Iterator[Claude]:
    """Give a client of a demo that does not really wait."""
    claude = Claude(api_key=None, app=demo_app(speed=2, sleep=waits.append))
    yield claude
    claude.client.close()


def ask(demo: Claude, text: str, max_tokens: int = 8000) -> list[Event]:
    return list(demo.call(MessagesRequest("claude-x", max_tokens, [{"role": "user", "content": text}])))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Hello!", "scripted"),
        ("a table, please", "|:----|"),
        ("show me CODE", "```typescript"),
        ("math", "$$"),
        ("help", "> Everything"),
        ("long", "## 8. The delta"),
        ("What is the capital of France?", "scripted demo"),
    ],
)
def test_answers_by_the_words_of_the_message(demo: Claude, text: str, part: str) -> None:
    reply = Assembly()
    for event in ask(demo, text):
        reply.add(event)

    assert part in reply.text
    assert reply.is_complete
    assert reply.usage["output_tokens"] > 10


def test_thinks_before_it_helps(demo: Claude) -> None:
    reply = Assembly()
    for event in ask(demo, "help"):
        reply.add(event)

    assert [block["type"] for block in reply.content] == ["thinking", "text"]
    assert reply.content[0]["signature"]


def test_streams_lazily_at_the_pace_of_a_real_reply(demo: Claude, waits: list[float]) -> None:
    events = ask(demo, "hello")
    deltas = sum(isinstance(event, TextDelta) for event in events)

    assert waits[0] == pytest.approx(0.25)
    assert waits[1:] == [pytest.approx(1 / 120)] * deltas


def test_stops_at_max_tokens(demo: Claude) -> None:
    events = ask(demo, "long", max_tokens=5)

    assert events[-2].stop_reason == "max_tokens"
    assert events[-1] == MessageStop()


def test_answers_whole_when_no_stream_is_asked_for(demo: Claude) -> None:
    message = demo.client.messages.create(
        model="claude-x", max_tokens=500, messages=[{"role": "user", "content": "table"}]
    )

    assert "|:----|" in message.content[0].text
    assert message.stop_reason == "end_turn"


def test_answers_in_one_piece_after_as_long_as_a_stream_takes(demo: Claude, waits: list[float]) -> None:
    messages = [{"role": "user", "content": "Hello!"}]
    events = list(demo.call(MessagesRequest("claude-x", 8000, messages, is_streamed=False)))

    tokens = [event for event in ask(demo, "Hello!") if isinstance(event, TextDelta)]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "".join(t.text for t in tokens)
    assert waits[0] == pytest.approx(sum(waits[1:]), rel=0.05)


def test_follows_a_schema(demo: Claude) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "kind": {"enum": ["a", "b"]},
            "ages": {"type": "array", "items": {"type": "integer"}},
            "more": {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
        },
    }
    events = list(demo.call(MessagesRequest("claude-x", 8000, [{"role": "user", "content": "x"}], schema=schema)))

    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert json.loads(text) == {"name": "scripted", "kind": "a", "ages": [1], "more": None}


def test_offers_no_models(demo: Claude) -> None:
    assert demo.models() == []
