"""Claude over a real socket: events, watchdogs, Stop, and what never leaks."""

import gc
import logging
from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event as Flag
from greenlet import greenlet

from app.adapters.claude import Call
from app.adapters.pulse import Stopped
from app.core.errors import Upstream
from app.core.events import (
    BlockStart,
    BlockStop,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    Retrying,
    TextDelta,
    ThinkingDelta,
    Void,
)
from app.core.request import MessagesRequest
from tests.adapters.conftest import CANARY, KEY, REQUEST, Asker
from tests.fakes.claude import HANG, SSE, Answer, FakeClaude, closing, delta, event, failing, opening, saying
from tests.waiting import PATIENCE_S, until


def test_turns_the_wire_into_events(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(saying("Hel", "lo"))

    assert asker.ask() == [
        MessageStart("claude-fake", "req_fake12345678", {"input_tokens": 12, "output_tokens": 1}),
        BlockStart(0, {"type": "text", "text": ""}),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        BlockStop(0),
        MessageDelta("end_turn", None, {"output_tokens": 34}),
        MessageStop(),
    ]


def test_passes_thinking_and_its_signature_on(asker: Asker, fake: FakeClaude) -> None:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [{"type": "thinking_delta", "thinking": "Hm"}, {"type": "signature_delta", "signature": "s"}]
    wire = [event("content_block_delta", index=0, delta=delta) for delta in deltas]
    fake.answers.append(Answer([*opening(block), *wire, *closing()]))

    events = asker.ask()

    assert events[1:4] == [BlockStart(0, block), ThinkingDelta(0, "Hm"), OtherDelta(0, deltas[1])]


def test_passes_unknown_blocks_and_deltas_on_and_skips_unknown_events(asker: Asker, fake: FakeClaude) -> None:
    block, beam = {"type": "hologram", "x": 1}, {"type": "beam", "y": 2}
    odd = [event("content_block_delta", index=0, delta=beam), event("weather", sky="blue")]
    fake.answers.append(Answer([*opening(block), *odd, *closing()]))

    events = asker.ask()

    assert events[1:3] == [BlockStart(0, block), OtherDelta(0, beam)]
    assert events[-1] == MessageStop()


def test_reads_text_cut_into_single_bytes(asker: Asker, fake: FakeClaude) -> None:
    whole = b"".join(step for step in saying("Grüße, 世界 🌍").body if isinstance(step, bytes))
    fake.answers.append(Answer([bytes([byte]) for byte in whole]))

    assert TextDelta(0, "Grüße, 世界 🌍") in asker.ask()


def test_gives_message_start_as_it_comes_and_blocks_with_the_first_delta(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(Answer([*opening(), HANG]))
    call = asker.claude.call(REQUEST)
    coming = iter(call)

    with gevent.Timeout(20):
        first = next(coming)  # nothing more comes
    gevent.spawn(call.close)
    rest: list[object] = []
    with pytest.raises(Stopped), gevent.Timeout(20):
        rest.extend(coming)

    assert isinstance(first, MessageStart)
    assert rest in ([], [Void(BlockStart(0, {"type": "text", "text": ""}))])


def test_gives_what_came_of_an_attempt_that_came_to_nothing(asker: Asker, fake: FakeClaude) -> None:
    fake.answers += [Answer(opening()), saying("Fine.")]

    events = asker.ask()

    start = BlockStart(0, {"type": "text", "text": ""})
    assert [type(event) for event in events[:4]] == [MessageStart, Void, Retrying, MessageStart]
    assert events[1] == Void(start)
    assert events[4:6] == [start, TextDelta(0, "Fine.")]


def test_gives_what_came_where_no_attempt_succeeds(asker: Asker, fake: FakeClaude) -> None:
    fake.answers += [Answer(opening())] * 3
    events: list[object] = []

    with pytest.raises(Upstream):
        events.extend(asker.claude.call(REQUEST))

    assert [type(event_) for event_ in events[-2:]] == [MessageStart, Void]


def test_ends_at_message_stop_whatever_follows(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(Answer([*saying("Done.").body, delta("More!"), HANG]))

    assert asker.ask()[-1] == MessageStop()


def test_sends_what_was_asked_and_no_more(asker: Asker, fake: FakeClaude) -> None:
    asker.ask()

    assert fake.requests[0] == {
        "model": "claude-x",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": CANARY}],
        "system": "Be brief.",
        "stream": True,
    }


def test_asks_for_thinking_where_it_is_wanted(asker: Asker, fake: FakeClaude) -> None:
    asker.ask(MessagesRequest("m", 5, REQUEST.messages, thinking="adaptive"))

    asker.ask(MessagesRequest("m", 5, REQUEST.messages, thinking="adaptive", display="omitted"))

    assert [request["thinking"]["display"] for request in fake.requests] == ["summarized", "omitted"]
    assert fake.requests[0]["thinking"] == {"type": "adaptive", "display": "summarized"}


def test_follows_no_redirect(asker: Asker, fake: FakeClaude) -> None:
    fake.answers += [Answer([], 307, {"location": f"{fake.url}/elsewhere"})] * 2

    with pytest.raises(Upstream):
        asker.ask()

    assert len(fake.requests) == 2  # of two tries; whoever follows sends more


@pytest.mark.parametrize(
    ("limits", "answer", "code"),
    [
        ({"first_event_s": 0.1}, Answer([HANG]), "timeout"),
        ({"first_event_s": 0.1}, Answer([b": hello\n\n", HANG]), "timeout"),
        ({"event_gap_s": 0.1}, Answer([*opening(), delta("a"), HANG]), "timeout"),
        ({"event_gap_s": 0.3}, Answer([*opening(), delta("a"), *[0.1, event("ping")] * 20]), "timeout"),
        ({"total_s": 0.3}, Answer([*opening(), *[delta("a"), 0.05] * 40]), "timeout"),
        ({"text_bytes": 50}, Answer([*opening(), *[delta("a" * 20)] * 4]), "too_large"),
        ({"event_bytes": 1000}, Answer([*opening(), delta("a"), b"data: " + b"x" * 5000]), "too_large"),
        ({"total_bytes": 3000}, Answer([*opening(), *[delta("a")] * 200]), "too_large"),
    ],
    ids=["no headers", "no event", "silence", "pings only", "for ever", "much text", "long line", "many bytes"],
)
def test_cuts_off_a_server_that_misbehaves(
    limited: Callable[..., Asker], fake: FakeClaude, limits: dict[str, float], answer: Answer, code: str
) -> None:
    fake.answers.extend([answer] * 3)

    with gevent.Timeout(PATIENCE_S), pytest.raises(Upstream) as caught:
        limited(**limits).ask()

    assert caught.value.code == code


def stop_after(asker: Asker, fake: FakeClaude, seconds: float) -> None:
    """Make a call, close it from another greenlet so long after it has arrived, and give what it raised."""
    call, before = asker.claude.call(REQUEST), len(fake.requests)

    def close() -> None:
        until(lambda: len(fake.requests) > before)
        gevent.sleep(seconds)
        call.close()

    stopping = gevent.spawn(close)
    try:
        with gevent.Timeout(PATIENCE_S):
            list(call)
    finally:
        stopping.kill()


@pytest.mark.parametrize(
    "answer", [Answer([HANG]), Answer([*opening(), delta("a"), HANG])], ids=["connecting", "reading"]
)
def test_stops_while_it_waits_for_claude(asker: Asker, fake: FakeClaude, answer: Answer) -> None:
    fake.answers.append(answer)

    with pytest.raises(Stopped):
        stop_after(asker, fake, 0.1)

    until(lambda: fake.closed == 1)


def test_stops_while_it_waits_to_try_again(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(failing(529, "overloaded_error"))
    waits = Flag()
    asker.claude.sleep = lambda _seconds: (waits.set(), gevent.sleep(30))
    call = asker.claude.call(REQUEST)
    gevent.spawn(lambda: (waits.wait(PATIENCE_S), call.close()))

    with pytest.raises(Stopped):
        list(call)

    assert len(fake.requests) == 1


def test_sends_nothing_when_closed_before_it_starts(asker: Asker, fake: FakeClaude) -> None:
    call = asker.claude.call(REQUEST)
    call.close()

    with pytest.raises(Stopped):
        list(call)

    assert fake.requests == []


def test_may_be_closed_after_the_end_and_twice(asker: Asker) -> None:
    call = asker.claude.call(REQUEST)
    events = list(call)
    call.close()
    call.close()
    gevent.sleep(0)

    assert events[-1] == MessageStop()


def test_never_throws_into_a_greenlet_that_is_not_waiting_for_claude(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(saying(*["word "] * 50))
    call = asker.claude.call(REQUEST)
    seen: list[object] = []

    def consume(call: Call) -> None:
        for event_ in call:
            seen.append(event_)
            if len(seen) == 10:
                call.close()
                gevent.sleep(0.05)  # a commit, say; the throw must not land here
                seen.append("committed")

    with pytest.raises(Stopped):
        consume(call)

    assert "committed" in seen


def test_logs_neither_key_nor_prompt(asker: Asker, fake: FakeClaude, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        failing(529, "overloaded_error"),
        failing(400, "invalid_request_error", CANARY),
        *[Answer([b"{" + CANARY.encode()])] * 3,
    ]
    fake.answers.extend(answers)

    for _ in range(2):
        with pytest.raises(Upstream) as caught:
            asker.ask()
        assert CANARY not in repr(caught.value)

    written = "\n".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records if record.name.startswith("app")
    )
    assert "claude.failed" in written
    assert CANARY not in written
    assert KEY not in written


def test_leaves_no_connection_and_no_greenlet_behind(asker: Asker, fake: FakeClaude) -> None:
    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, greenlet) and not thing.dead for thing in gc.get_objects())

    asker.ask()
    before = alive()

    for _ in range(10):
        fake.answers.append(Answer([*opening(), delta("a"), HANG]))
        with pytest.raises(Stopped):
            stop_after(asker, fake, 0.05)
        fake.answers.clear()
        fake.answers.append(Answer([*opening(), delta("a")], headers=SSE))
        with pytest.raises(Upstream):
            asker.ask()

    until(lambda: alive() <= before + 2)
    assert asker.claude.slots.counter == asker.claude.limits.calls
