"""What a call is billed: as Claude counted, or from above where it did not get to that."""

import pytest

from app.core.events import (
    BlockStart,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    TextDelta,
    ThinkingDelta,
)
from app.core.pricing import Tokens, most
from app.core.request import MessagesRequest
from app.core.tally import Bill, Tally

ASKED = MessagesRequest("claude-sonnet-5-5", 1_000, [{"role": "user", "content": "x" * 250}])
IN_ONE = MessagesRequest("claude-sonnet-5-5", 1_000, [{"role": "user", "content": "x" * 250}], is_streamed=False)
PROMPT = most(ASKED).write_5m
START = MessageStart("m", "r", {"input_tokens": 7, "output_tokens": 1})
END = [MessageDelta("end_turn", None, {"output_tokens": 11}), MessageStop()]


def billed(*events: Event, request: MessagesRequest = ASKED) -> Tokens:
    """Give what one request takes after which these events came."""
    tally = Tally(request, clock=lambda: 0.0)
    tally.send()
    for event in events:
        tally.add(event)
    [tokens] = tally.bill.taken
    return tokens


def test_takes_what_claude_counted() -> None:
    assert billed(START, TextDelta(0, "x" * 300), *END) == Tokens(input=7, output=11)


def test_takes_the_prompt_that_was_sent_and_not_answered() -> None:
    assert billed() == Tokens(write_5m=PROMPT)
    assert billed(START) == Tokens(input=7, output=1)


def test_takes_nothing_for_what_was_not_sent_or_was_refused() -> None:
    tally = Tally(ASKED, clock=lambda: 0.0)
    assert tally.bill == Bill()
    tally.send()
    tally.refuse()
    assert tally.bill == Bill(1)


@pytest.mark.parametrize(
    "event",
    [
        TextDelta(0, "x" * 300),
        ThinkingDelta(0, "x" * 300),
        OtherDelta(0, {"type": "input_json_delta", "partial_json": "x" * 300}),
        BlockStart(0, {"type": "redacted_thinking", "data": "x" * 300}),
    ],
)
def test_takes_from_above_all_that_was_written_till_it_broke_off(event: Event) -> None:
    assert billed(START, event) == Tokens(input=7, output=120)
    assert billed(START, *[event] * 10) == Tokens(input=7, output=1_000)


def test_adds_up_what_was_tried_again() -> None:
    tally = Tally(ASKED, clock=lambda: 0.0)
    tally.send()
    tally.add(START)
    tally.send()
    tally.refuse()
    tally.send()
    for event in (START, TextDelta(0, "x"), *END):
        tally.add(event)

    assert tally.bill == Bill(3, (Tokens(input=7, output=1), Tokens(input=7, output=11)))


def test_takes_the_whole_of_what_comes_in_one_piece_and_did_not() -> None:
    assert billed(request=IN_ONE) == most(IN_ONE)
    assert billed(START, *END, request=IN_ONE) == Tokens(input=7, output=11)


def test_takes_from_above_what_a_server_does_not_count() -> None:
    assert billed(MessageStart("m"), TextDelta(0, "x" * 300), MessageStop()) == Tokens(write_5m=PROMPT, output=120)


def test_takes_what_may_have_been_thought_until_the_first_word() -> None:
    seconds = 0.0
    tally = Tally(ASKED, clock=lambda: seconds)
    tally.send()
    tally.add(START)
    seconds = 2.0
    [waiting] = tally.bill.taken
    tally.add(ThinkingDelta(0, "Hm."))
    tally.add(TextDelta(1, "x"))
    seconds = 100.0
    [talking] = tally.bill.taken

    assert 500 < waiting.output <= talking.output < waiting.output + 10


def test_takes_no_more_than_was_asked_for_however_long_claude_is_silent() -> None:
    seconds = 0.0
    tally = Tally(ASKED, clock=lambda: seconds)
    tally.send()
    seconds = 60.0
    [first] = tally.bill.taken
    tally.send()

    assert first.output == 1_000
    assert [taken.output for taken in tally.bill.taken] == [1_000, 0]
