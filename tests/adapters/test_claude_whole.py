"""Claude asked for a reply in one piece: the same events, errors, retries and Stop as when it is streamed."""

import gevent
import pytest

from app.adapters.pulse import Stopped
from app.core.assembly import Assembly
from app.core.errors import Upstream
from app.core.events import Event, Retrying
from app.core.request import MessagesRequest
from tests.adapters.conftest import Asker
from tests.fakes.claude import HANG, Answer, FakeClaude, failing, opening, saying
from tests.waiting import PATIENCE_S

WHOLE = MessagesRequest("claude-x", 100, [{"role": "user", "content": "Hi"}], is_streamed=False)


def put_together(events: list[Event]) -> Assembly:
    assembly = Assembly()
    for event in events:
        assembly.add(event)
    return assembly


def test_gives_the_events_a_stream_would_have_been(asker: Asker, fake: FakeClaude) -> None:
    fake.answers += [saying("Hel", "lo"), saying("Hel", "lo")]

    whole = put_together(asker.ask(WHOLE))
    streamed = put_together(asker.ask())

    assert [request.get("stream") for request in fake.requests] == [None, True]
    assert (whole.text, whole.is_complete) == ("Hello", True)
    assert (whole.content, whole.model, whole.stop_reason, whole.request_id) == (
        streamed.content,
        streamed.model,
        streamed.stop_reason,
        streamed.request_id,
    )
    assert whole.usage["output_tokens"] == streamed.usage["output_tokens"]


def test_asks_for_what_follows_a_schema(asker: Asker, fake: FakeClaude) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}

    asker.ask(
        MessagesRequest("m", 9, [{"role": "user", "content": "Hi"}], effort="low", schema=schema, is_streamed=False)
    )

    assert fake.requests[0]["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}


def test_tries_again_what_may_pass(asker: Asker, fake: FakeClaude) -> None:
    fake.answers += [failing(529, "overloaded_error"), saying("After all.")]

    events = asker.ask(WHOLE)

    assert [(event.attempt, event.code) for event in events if isinstance(event, Retrying)] == [(2, "overloaded_error")]
    assert put_together(events).text == "After all."


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (failing(401, "authentication_error"), "authentication_error"),
        (Answer([b"<h1>Sign in</h1>"], headers={"content-type": "text/html"}), "bad_upstream"),
        (Answer([b"{"], headers={"content-type": "application/json"}), "bad_upstream"),
        (Answer([b"[]"], headers={"content-type": "application/json"}), "bad_upstream"),
        (Answer([b"x" * 9_000_000], headers={"content-type": "application/json"}), "too_large"),
        (Answer([HANG], headers={"content-type": "application/json"}), "timeout"),
    ],
)
def test_says_what_went_wrong(limited, fake: FakeClaude, answer: Answer, code: str) -> None:
    asker = limited(total_s=0.5 if code == "timeout" else PATIENCE_S)
    fake.answers += [answer] * 3

    with pytest.raises(Upstream) as caught:
        asker.ask(WHOLE)

    assert caught.value.code == code


def test_is_not_asked_again_for_what_took_all_the_time_there_is(limited, fake: FakeClaude) -> None:
    asker = limited(total_s=0.3)
    fake.answers += [Answer([HANG], headers={"content-type": "application/json"})] * 3
    call = asker.claude.call(WHOLE)

    with pytest.raises(Upstream):
        list(call)

    assert (len(fake.requests), call.tally.bill.requests) == (1, 1)
    assert asker.waits == []


def test_stops_while_it_waits(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(Answer([*opening(), HANG]))
    call = asker.claude.call(WHOLE)
    gevent.spawn_later(0.2, call.close)

    with pytest.raises(Stopped), gevent.Timeout(20):
        list(call)
