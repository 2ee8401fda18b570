"""Events as values, and their journal form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import (
    BlockStart,
    BlockStop,
    End,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    Retrying,
    TextDelta,
    ThinkingDelta,
    Void,
    coalesce,
    from_entry,
    to_entry,
)

ONE_OF_EACH: list[Event] = [
    MessageStart("m", "r", {"input_tokens": 1}),
    BlockStart(0, {"type": "text"}),
    TextDelta(0, "Grüße 🌍\u2028"),
    ThinkingDelta(1, ""),
    OtherDelta(2, {"type": "x", "y": [1, None]}),
    BlockStop(0),
    MessageDelta("end_turn", None, {}),
    MessageStop(),
    Retrying(2, 3, 1.5, "Busy."),
    Void(BlockStart(0, {"type": "text"}, 7)),
    End("done"),
]
deltas = st.builds(TextDelta, st.integers(0, 2), st.text()) | st.builds(ThinkingDelta, st.integers(0, 2), st.text())


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_comes_back_from_the_journal(event: Event) -> None:
    assert from_entry(*to_entry(event)) == event


@given(st.lists(deltas | st.builds(BlockStop, st.integers(0, 2))))
def test_joins_neighbours_and_changes_nothing_else(events: list[Event]) -> None:
    joined = list(coalesce(events))

    for kind in (TextDelta, ThinkingDelta):
        for index in range(3):
            before = "".join(e.text for e in events if isinstance(e, kind) and e.index == index)
            assert before == "".join(e.text for e in joined if isinstance(e, kind) and e.index == index)
    assert [e for e in joined if isinstance(e, BlockStop)] == [e for e in events if isinstance(e, BlockStop)]
    for left, right in zip(joined, joined[1:], strict=False):
        is_delta = isinstance(left, TextDelta | ThinkingDelta) and type(left) is type(right)
        assert not (is_delta and left.index == right.index)
