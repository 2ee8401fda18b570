"""What Claude sent and when, kept compactly."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.assembly import Assembly
from app.core.events import (
    BlockStart,
    BlockStop,
    Event,
    MessageStart,
    MessageStop,
    OtherDelta,
    Retrying,
    TextDelta,
    Void,
)
from app.core.trace import Trace
from tests.core.test_wire import deltas

others = st.sampled_from(
    [
        BlockStop(0, 7),
        MessageStart("m", "r", {"input_tokens": 1}, 1, {"id": "msg_1"}),
        MessageStop(9),
        OtherDelta(3, {"type": "input_json_delta", "partial_json": "{}"}, 8),
        Retrying(2, 3, 1.0, "Busy.", 4, "overloaded_error"),
    ]
)


def traced(events: list[Event]) -> tuple[Trace, Assembly]:
    trace, assembly = Trace(), Assembly()
    for event in events:
        trace.add(event)
        assembly.add(event)
    return Trace.load(trace.dump()), assembly


@given(st.lists(deltas | others))
def test_gives_back_every_event_with_its_time(events: list[Event]) -> None:
    blocks: list[Event] = [BlockStart(n, {"type": "text", "text": ""}, n) for n in range(4)]
    trace, assembly = traced([*blocks, *events])

    found = [event for _at, event in trace.events(assembly.content)]

    assert found == [*blocks, *events]
    marks = [(getattr(event, "marks", getattr(event, "at", None)), getattr(event, "more", None)) for event in events]
    assert [
        (getattr(event, "marks", getattr(event, "at", None)), getattr(event, "more", None)) for event in found[4:]
    ] == marks


def test_begins_after_the_text_a_block_came_with() -> None:
    trace, assembly = traced([BlockStart(0, {"type": "text", "text": "Say "}), TextDelta(0, "hello", "5:5 ")])

    assert [event for _at, event in trace.events(assembly.content)][1] == TextDelta(0, "hello")


def test_shows_what_came_of_an_attempt_that_came_to_nothing() -> None:
    lost, start = BlockStart(0, {"type": "text", "text": "Lost"}, 3), BlockStart(0, {"type": "text", "text": ""}, 8)
    trace, assembly = traced([Void(lost), Retrying(2, 3, 1.0, "Busy.", 4), start, TextDelta(0, "Hi", "9:2 ")])

    assert list(trace.events(assembly.content))[0] == (3, lost)
    assert list(trace.events(assembly.content))[2:] == [(8, start), (9, TextDelta(0, "Hi"))]
    assert assembly.text == "Hi"


def test_takes_a_few_bytes_a_delta() -> None:
    trace, _assembly = traced([TextDelta(0, "word ", f"{1000 + 20 * n}:5 ") for n in range(2000)])

    assert len(trace.dump()) < 2000 * 4
