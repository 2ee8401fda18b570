"""Events in the API's own form, and joined deltas taken apart again."""

from hypothesis import given
from hypothesis import strategies as st

from app.adapters.claude_wire import to_event
from app.core import wire
from app.core.events import BlockStop, Event, MessageDelta, TextDelta, ThinkingDelta, coalesce, from_entry, to_entry

SENT = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 3, "output_tokens": 1, "cache_creation": None},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüße 🌍"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None, "container": {"id": "c"}},
        "usage": {"output_tokens": 9},
    },
    {"type": "message_stop"},
]
#: The same with what nobody knows yet.
ODD = [
    {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": -1}}, "x": 1},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}, "x": None},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi", "x": [1]}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}, "x": 1},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm", "n": 5}, "y": 2},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "beam", "y": 2}, "x": 1},
    {"type": "content_block_stop", "index": 0, "x": 1},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 9, "server_tool_use": None, "cache_read_input_tokens": "many"},
        "context_management": {"applied_edits": []},
    },
    {"type": "message_delta", "delta": {}},
    {"type": "message_stop", "metrics": {"x": 1}},
]


def test_writes_each_event_as_it_was_sent() -> None:
    for sent in [*SENT, *ODD]:
        event = to_event(sent, "req_1", 5)

        assert event is not None
        assert wire.raw(from_entry(*to_entry(event))) == sent
        assert list(wire.raw(event)) == list(sent)


def test_keeps_nothing_twice() -> None:
    assert [event.more for sent in SENT if (event := to_event(sent, "req_1", 5))] == [None] * len(SENT)
    assert '"more"' not in "".join(to_entry(event)[1] for sent in SENT if (event := to_event(sent, "req_1", 5)))


def test_what_is_no_number_is_shown_and_not_counted() -> None:
    event = to_event(ODD[-3], "req_1", 5)

    assert event == MessageDelta("end_turn", None, {"output_tokens": 9})


def delta(kind: type[TextDelta | ThinkingDelta], index: int, text: str, at: int, more: dict[str, int] | None) -> Event:
    return kind(index, text, f"{at}:{len(text)} ", more)


mores = st.sampled_from([None, None, {"x": 1}, {"y": 2}])
deltas = st.builds(
    delta, st.sampled_from([TextDelta, ThinkingDelta]), st.integers(0, 2), st.text(), st.integers(0, 99), mores
)


@given(st.lists(deltas | st.builds(BlockStop, st.integers(0, 2))))
def test_takes_joined_deltas_apart_into_those_that_came(events: list[Event]) -> None:
    stored = [from_entry(*to_entry(event)) for event in coalesce(events)]
    again = [part for event in stored for part in wire.parts(event)]

    surrogates = [to_entry(event) for event in events]  # what cannot be stored was replaced on the way
    assert [to_entry(event) for event in again] == surrogates
