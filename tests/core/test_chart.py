"""The picture of a stream."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.chart import BASE, HEIGHT, WIDTH, Box, chart
from app.core.events import Retrying, TextDelta
from app.core.timeline import timeline
from tests.core.test_timeline import WHOLE


def test_draws_nothing_of_nothing() -> None:
    assert chart(timeline([])) is None
    assert chart(timeline([(0, TextDelta(0, "at once"))])) is None


def test_draws_wait_bars_and_stalls_to_scale() -> None:
    sent = [(1_000, TextDelta(0, "12")), (2_000, TextDelta(0, "1234")), (4_000, TextDelta(0, "1"))]

    found = chart(timeline(sent))

    assert found is not None
    assert found.wait == Box(0, 0, 250, BASE)
    assert [bar.height for bar in found.bars] == [BASE / 2, BASE, BASE / 4]
    assert [bar.x for bar in found.bars[:2]] == [250, 500]
    assert [(stall.x, stall.width) for stall in found.stalls] == [(250, 250), (500, 500)]
    assert found.marks == [250, 500, 1000]


def test_draws_no_bar_before_the_first_token() -> None:
    found = chart(timeline([(200, TextDelta(0, "12")), (240, TextDelta(0, "34")), (400, TextDelta(0, "5"))]))

    assert found is not None
    assert found.wait == Box(0, 0, 500, BASE)
    assert [bar.x for bar in found.bars] == [500, 625]


def test_says_tokens_where_they_are_known() -> None:
    found = chart(timeline(WHOLE))

    assert found is not None
    assert found.bar_ms == 250
    assert found.most_per_s == 24  # twelve characters in 0.25 s, two to a token


def test_goes_on_while_nothing_comes() -> None:
    found = chart(timeline(WHOLE[:3], until_ms=5_000))

    assert found is not None
    assert found.span_ms == 5_000
    assert found.marks == [60, 80, 100]
    assert found.stalls == [Box(100, 0, 900, BASE)]


def test_draws_a_wait_for_what_never_came() -> None:
    found = chart(timeline([], until_ms=4_000))

    assert found is not None
    assert (found.wait, found.marks) == (Box(0, 0, WIDTH, BASE), [])


def test_marks_retries() -> None:
    found = chart(timeline([(400, Retrying(2, 3, 1.0, "Busy."))], until_ms=1_000))

    assert found is not None
    assert found.retries == [400]
    assert found.wait == Box(0, 0, WIDTH, BASE)


@given(st.lists(st.tuples(st.integers(0, 2_000_000), st.text(max_size=9)), min_size=1, max_size=200))
def test_stays_on_the_canvas_and_is_small(sent: list[tuple[int, str]]) -> None:
    found = chart(timeline((at, TextDelta(0, text)) for at, text in sorted(sent)))

    boxes = [*found.bars, *found.stalls, found.wait] if found else []
    assert len(found.bars if found else []) <= 61
    assert len(found.marks if found else []) <= WIDTH + 1
    for box in boxes:
        assert box is None or (
            0 <= box.x <= box.x + box.width <= WIDTH + 1 and 0 <= box.y <= box.y + box.height <= HEIGHT
        )
