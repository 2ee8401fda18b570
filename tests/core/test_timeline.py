"""Events in a row, summed up."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.events import (
    BlockStart,
    BlockStop,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    Retrying,
    TextDelta,
    ThinkingDelta,
)
from app.core.timeline import Gap, growth, piece, timeline

TEXT = {"type": "text", "text": ""}
WHOLE: list[tuple[int, Event]] = [
    (300, MessageStart("claude-test", "req_1", {"input_tokens": 7, "output_tokens": 1})),
    (400, BlockStart(0, TEXT)),
    (500, TextDelta(0, "Good ")),
    (600, TextDelta(0, "day, ")),
    (2600, TextDelta(0, "dear reader.")),
    (2650, BlockStop(0)),
    (2700, MessageDelta("end_turn", None, {"input_tokens": 7, "output_tokens": 11})),
    (2700, MessageStop()),
]


def test_makes_one_row_of_neighbouring_deltas() -> None:
    rows = timeline(WHOLE).rows

    assert [(row.number, row.type, row.count) for row in rows] == [
        (1, "message_start", 1),
        (2, "content_block_start", 1),
        (3, "content_block_delta", 3),
        (6, "content_block_stop", 1),
        (7, "message_delta", 1),
        (8, "message_stop", 1),
    ]
    assert [row.detail for row in rows] == ["claude-test", "text", "text_delta", "", "end_turn", ""]
    assert (rows[2].at_ms, rows[2].until_ms, rows[2].characters, rows[2].index) == (500, 2600, 22, 0)


def test_begins_a_row_where_the_block_or_the_type_of_delta_changes() -> None:
    sent: list[Event] = [
        ThinkingDelta(0, "a"),
        TextDelta(0, "b"),
        TextDelta(1, "c"),
        OtherDelta(1, {"type": "input_json_delta", "partial_json": "{"}),
        OtherDelta(1, {"type": "input_json_delta", "partial_json": "}"}),
        OtherDelta(1, {"type": "signature_delta", "signature": "x"}),
    ]

    rows = timeline(enumerate(sent)).rows

    assert [(row.detail, row.index, row.count) for row in rows] == [
        ("thinking_delta", 0, 1),
        ("text_delta", 0, 1),
        ("text_delta", 1, 1),
        ("input_json_delta", 1, 2),
        ("signature_delta", 1, 1),
    ]
    assert rows[3].characters == 2


def test_finds_the_gaps_once_text_flows() -> None:
    found = timeline(WHOLE)

    assert found.first_ms == 500
    assert found.longest == Gap(600, 2000)
    assert found.stalls == [Gap(600, 2000)]
    assert found.last_ms == 2700


def test_a_silence_at_the_end_is_a_gap_unless_the_reply_is_complete() -> None:
    hung = timeline(WHOLE[:3], until_ms=17_000)

    assert hung.stalls == [Gap(500, 16_500)]
    assert (hung.last_ms, hung.end_ms) == (500, 17_000)
    assert timeline(WHOLE, until_ms=17_000).end_ms == 2_700
    assert timeline(WHOLE[:2], until_ms=17_000).gaps == []


def test_counts_what_was_sent_but_not_what_is_ours() -> None:
    found = timeline([(10, Retrying(2, 3, 1.5, "Busy.", code="overloaded_error")), *WHOLE])

    assert found.count == len(WHOLE)
    assert found.retries[0][0] == 10
    assert found.rows[0].type == ""
    assert found.rows[0].detail == "overloaded_error, attempt 2 of 3"
    assert found.bytes > 100


def test_reckons_the_pace_from_the_first_piece_to_the_last() -> None:
    found = timeline(WHOLE)

    assert found.per_second() == 17 / 2.1
    assert found.output_tokens == 11
    assert found.tokens_per_character == 0.5


def test_says_no_pace_of_what_came_at_once() -> None:
    assert timeline([(500, TextDelta(0, "all")), (500, TextDelta(0, " of it"))]).per_second() is None
    assert timeline([(500, TextDelta(0, "all"))]).per_second() is None


def test_knows_no_tokens_before_the_end() -> None:
    found = timeline(WHOLE[:5])

    assert found.output_tokens is None
    assert found.tokens_per_character is None
    assert not found.is_complete


def test_is_empty_of_nothing() -> None:
    found = timeline([])

    assert (found.count, found.bytes, found.last_ms, found.first_ms, found.longest) == (0, 0, 0, None, None)


def test_takes_a_reply_that_was_begun_again() -> None:
    found = timeline([(900, TextDelta(0, "a")), (20, TextDelta(0, "b")), (50, MessageStop())])

    assert found.gaps == [Gap(20, 30)]
    assert found.last_ms == 900


def test_shows_how_usage_grew() -> None:
    start = MessageStart("m", None, {"input_tokens": 7, "cache_creation": {"ephemeral_5m_input_tokens": 3}})
    end = MessageDelta("end_turn", None, {"output_tokens": 11, "service_tier": "standard"})

    assert growth(timeline([(1, start), (2, end)]).usages) == [
        ("input_tokens", [7, None]),
        ("cache_creation.ephemeral_5m_input_tokens", [3, None]),
        ("output_tokens", [None, 11]),
    ]


@given(st.lists(st.tuples(st.integers(0, 9_999), st.text(max_size=5), st.integers(0, 2))))
def test_loses_no_event_and_no_character(sent: list[tuple[int, str, int]]) -> None:
    events = [(at, TextDelta(index, text)) for at, text, index in sent]

    rows = timeline(events).rows

    assert sum(row.count for row in rows) == len(events)
    assert sum(row.characters for row in rows) == sum(len(piece(event)) for _at, event in events)
    assert all(row.number + row.count == after.number for row, after in zip(rows, rows[1:], strict=False))
