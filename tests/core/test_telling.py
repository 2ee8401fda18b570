"""What is said of a stream."""

import pytest

from app.core import telling
from app.core.events import Event, MessageStart, Retrying, TextDelta
from app.core.timeline import Timeline, timeline
from tests.core.test_timeline import WHOLE


def sentences(found: Timeline, *, is_streamed: bool = True, silent_ms: float | None = None) -> list[str]:
    said = telling.sentences(found, is_streamed=is_streamed, silent_ms=silent_ms)
    return [sentence.replace("\u00a0", " ") for sentence in said]


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0.00 s"), (520, "0.52 s"), (9_994, "9.99 s"), (9_996, "10.0 s"), (75_400, "75 s")]
)
def test_writes_times(ms: float, text: str) -> None:
    assert telling.seconds(ms) == text.replace(" ", "\u00a0")


def test_says_what_happened() -> None:
    assert sentences(timeline(WHOLE)) == [
        "First token after 0.50 s.",
        "Longest gap 2.00 s, at 0.60 s.",
        "About 4 tokens a second.",
        "Complete after 2.70 s.",
        "Most of that time went by in stalls.",
    ]


def test_counts_stalls() -> None:
    sent = [(500, "a"), (2_000, "b"), (2_100, "c"), (3_300, "d")]

    said = sentences(timeline((at, TextDelta(0, text)) for at, text in sent))

    assert "2 stalls of a second or more, 2.70 s in all." in said


def test_says_what_was_slow() -> None:
    late: list[tuple[int, Event]] = [(4_000, TextDelta(0, "a")), (4_500, TextDelta(0, "b"))]

    assert sentences(timeline(late))[-1] == "Most of that time went by before the first token."


def test_says_that_the_end_never_came() -> None:
    assert "message_stop never came: the last event was at 2.60 s." in sentences(timeline(WHOLE[:5]))


def test_says_how_long_it_was_silent_at_the_end() -> None:
    said = sentences(timeline(WHOLE[:3], until_ms=17_000))

    assert said[-2] == "message_stop never came: the last event was at 0.50 s, and the reply ended at 17.0 s."
    assert said[-1] == "Most of that time went by in stalls."
    assert sentences(timeline([], until_ms=60_000)) == ["Claude sent nothing of this reply in 60 s."]


def test_says_why_rill_asked_again() -> None:
    busy = Retrying(2, 3, 1.5, "Busy.", code="overloaded_error")

    assert sentences(timeline([(10, busy), *WHOLE]))[0] == (
        "Rill had to ask again (overloaded_error), and waited 1.50 s for that."
    )
    twice = sentences(timeline([(10, busy), (99, busy)]))
    assert twice == [
        "Rill had to ask 2 more times (overloaded_error), and waited 3.00 s for that.",
        "Claude sent nothing of this reply.",
    ]


def test_says_how_it_goes_while_it_runs() -> None:
    assert sentences(timeline([]), silent_ms=400) == ["Nothing has come yet."]
    assert sentences(timeline(WHOLE[:1]), silent_ms=400) == ["No token has come."]
    running = sentences(timeline(WHOLE[:5]), silent_ms=3_100)
    assert running[-2:] == ["About 8 characters a second.", "Nothing has come for 3.10 s."]
    assert not [sentence for sentence in running if "Complete" in sentence or "never" in sentence]


def test_says_that_a_reply_was_not_streamed() -> None:
    sent: list[tuple[int, Event]] = [(8_200, MessageStart("m")), (8_200, TextDelta(0, "All of it."))]

    assert sentences(timeline(sent), is_streamed=False)[0] == (
        "This reply was not streamed: everything came at once, after 8.20 s."
    )
    assert sentences(timeline([]), is_streamed=False, silent_ms=10) == [
        "This reply is not streamed: nothing comes before all of it does."
    ]


def test_compares_two_replies() -> None:
    said = telling.comparison((0.52, 8.31), (8.2, 8.22)).replace("\u00a0", " ")

    assert said == (
        "The streamed reply showed its first word after 0.5 s; the other showed nothing for 8.2 s. "
        "They were complete after 8.3 s and 8.2 s."
    )


def test_compares_nothing_with_what_broke_off() -> None:
    assert "cannot be compared" in telling.comparison((0.5, 8.0), (8.0, 8.0), is_fair=False)
    assert "cannot be compared" in telling.comparison((0.5, 8.0), (None, 3.0))
    assert telling.comparison((0.5, None), (8.0, None)).endswith("8.0\u00a0s.")
