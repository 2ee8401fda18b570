"""A reply put together from its events."""

from app.core.assembly import Assembly
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


def assemble(*events: Event) -> Assembly:
    assembly = Assembly()
    for event in events:
        assembly.add(event)
    return assembly


def test_joins_text_thinking_and_signature_as_the_api_has_them() -> None:
    reply = assemble(
        MessageStart("claude-x", "req_1", {"input_tokens": 3, "output_tokens": 1}),
        BlockStart(0, {"type": "thinking", "thinking": "", "signature": ""}),
        ThinkingDelta(0, "Hm"),
        ThinkingDelta(0, "m."),
        OtherDelta(0, {"type": "signature_delta", "signature": "sig"}),
        BlockStart(1, {"type": "text", "text": ""}),
        TextDelta(1, "Hello"),
        TextDelta(1, "!"),
        MessageDelta("end_turn", None, {"output_tokens": 9}),
        MessageStop(),
    )

    assert reply.content == [
        {"type": "thinking", "thinking": "Hmm.", "signature": "sig"},
        {"type": "text", "text": "Hello!"},
    ]
    assert (reply.text, reply.stop_reason, reply.is_complete) == ("Hello!", "end_turn", True)
    assert reply.usage == {"input_tokens": 3, "output_tokens": 9}


def test_parses_tool_input_and_keeps_what_does_not_parse() -> None:
    tool = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"a": '}

    whole = assemble(BlockStart(0, tool), OtherDelta(0, delta), OtherDelta(0, delta | {"partial_json": "1}"}))
    broken = assemble(BlockStart(0, tool), OtherDelta(0, delta))

    assert whole.content[0]["input"] == {"a": 1}
    assert broken.content[0]["partial_json"] == '{"a": '


def test_keeps_unknown_blocks_and_deltas() -> None:
    reply = assemble(BlockStart(0, {"type": "hologram", "x": 1}), OtherDelta(0, {"type": "beam", "y": 2}))

    assert reply.content == [{"type": "hologram", "x": 1, "deltas": [{"type": "beam", "y": 2}]}]


def test_is_not_complete_without_message_stop() -> None:
    assert not assemble(TextDelta(0, "Hel"), MessageDelta("end_turn")).is_complete


def test_takes_blocks_and_deltas_of_any_shape() -> None:
    odd = {"type": "text", "text": 5, "citations": 5, "deltas": 5}
    reply = assemble(
        BlockStart(0, odd),
        TextDelta(0, "Hello"),
        OtherDelta(0, {"type": "citations_delta", "citation": 7}),
        OtherDelta(0, {"type": "input_json_delta", "partial_json": 7}),
        OtherDelta(0, {"type": "beam"}),
    )

    assert reply.content == [{"type": "text", "text": "Hello", "citations": [7], "deltas": [{"type": "beam"}]}]


def test_keeps_tool_input_that_is_nested_too_deep_as_text() -> None:
    nested = "[" * 100_000
    reply = assemble(
        BlockStart(0, {"type": "tool_use"}), OtherDelta(0, {"type": "input_json_delta", "partial_json": nested})
    )

    assert reply.content == [{"type": "tool_use", "partial_json": nested}]


def test_begins_anew_with_each_message_start() -> None:
    first, second = (MessageStart(name, name, {f"{name}_tokens": 1}, message={"id": name}) for name in ("one", "two"))

    found = assemble(first, second)

    assert (found.id, found.model, found.request_id, found.usage) == ("two", "two", "two", {"two_tokens": 1})
