"""The policy of failures, cell by cell: before the first token, and in mid-stream."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.core.errors import Upstream
from app.core.events import MessageStart, Retrying, TextDelta
from tests.adapters.conftest import REQUEST, Asker
from tests.fakes.claude import CUT, Answer, FakeClaude, delta, erring, event, failing, opening, saying

TEXT = [*opening(), delta("Some")]
GARBAGE = Answer([b"event: message_start\ndata: {nonsense\n\n"])
HTML = Answer([b"<h1>Sign in</h1>"], headers={"content-type": "text/html"})
NOT_UTF8 = Answer([b"event: message_start\ndata: \xff\xfe\n\n"])

#: name, the failing answer, attempts in all, the code that is stored, part of the sentence
BEFORE = [
    *[(f"http {n}", failing(n, "api_error"), 3, "api_error", "did not help") for n in (500, 502, 503, 504)],
    *[(f"http {n}", replace(HTML, status=n), 3, f"http_{n}", "did not help") for n in (409, 501, 505, 520, 522, 525)],
    *[(f"http {n}", replace(HTML, status=n), 2, f"http_{n}", "not a reply") for n in (301, 302, 307)],
    ("http 408", failing(408, "timeout_error"), 3, "timeout_error", "trying again did not help"),
    ("http 529", failing(529, "overloaded_error"), 3, "overloaded_error", "trying again did not help"),
    ("in-stream overloaded", erring("overloaded_error"), 3, "overloaded_error", "trying again did not help"),
    ("in-stream api error", erring("api_error", *opening()), 3, "api_error", "trying again did not help"),
    ("in-stream timeout", erring("timeout_error"), 3, "timeout_error", "trying again did not help"),
    ("end without message_stop", Answer(opening()), 3, "truncated", "trying again did not help"),
    ("empty 200", Answer([]), 3, "truncated", "trying again did not help"),
    ("reset", Answer([CUT]), 3, "truncated", "trying again did not help"),
    ("429, short wait", failing(429, "rate_limit_error", retry_after="7"), 2, "rate_limit_error", "did not help"),
    ("429, long wait", failing(429, "rate_limit_error", retry_after="900"), 1, "rate_limit_error", "busy until"),
    ("429, spent", failing(429, "rate_limit_error", code="enforced_spend_limit_reached"), 1,
     "enforced_spend_limit_reached", "tell the administrator"),
    ("429, contract", failing(429, "rate_limit_error", code="contract_spend_limit_reached"), 1,
     "contract_spend_limit_reached", "tell the administrator"),
    ("400, no credit", failing(400, "invalid_request_error", "Your credit balance is too low to access the API."), 1,
     "invalid_request_error", "tell the administrator"),
    ("400, on hold", failing(400, "invalid_request_error", code="organization_on_hold"), 1,
     "organization_on_hold", "tell the administrator"),
    ("in-stream request", erring("invalid_request_error"), 1, "invalid_request_error", "could not accept"),
    ("in-stream 404", erring("not_found_error", *opening()), 1, "not_found_error", "claude-x is not available"),
    ("in-stream 413", erring("request_too_large"), 1, "request_too_large", "too large"),
    ("in-stream other", erring("weather_error"), 2, "weather_error", "not a reply from Claude"),
    ("402", failing(402, "billing_error"), 1, "billing_error", "tell the administrator"),
    ("401", failing(401, "authentication_error"), 1, "authentication_error", "tell the administrator"),
    ("403", failing(403, "permission_error"), 1, "permission_error", "tell the administrator"),
    ("400", failing(400, "invalid_request_error"), 1, "invalid_request_error", "could not accept"),
    ("422", failing(422, "invalid_request_error"), 1, "invalid_request_error", "could not accept"),
    ("400, too long", failing(400, "invalid_request_error", "prompt is too long"), 1, "context_too_long", "new chat"),
    ("404", failing(404, "not_found_error"), 1, "not_found_error", "claude-x is not available"),
    ("413", failing(413, "request_too_large"), 1, "request_too_large", "too large"),
    ("html", HTML, 2, "bad_upstream", "not a reply from Claude"),
    ("bad json", GARBAGE, 2, "bad_upstream", "not a reply from Claude"),
    ("bad utf-8", NOT_UTF8, 2, "bad_upstream", "not a reply from Claude"),
]  # fmt: skip

#: name, what follows a first piece of text, the code that is stored
MID = [
    ("overloaded", event("error", error={"type": "overloaded_error", "message": "no"}), "overloaded_error"),
    ("api error", event("error", error={"type": "api_error", "message": "no"}), "api_error"),
    ("timeout error", event("error", error={"type": "timeout_error", "message": "no"}), "timeout_error"),
    ("rate limit", event("error", error={"type": "rate_limit_error", "message": "no"}), "rate_limit_error"),
    ("cut", CUT, "truncated"),
    ("clean end", b": nothing more\n\n", "truncated"),
    ("bad json", b"event: content_block_delta\ndata: {\n\n", "bad_upstream"),
    ("bad utf-8", b"event: content_block_delta\ndata: \xff\n\n", "bad_upstream"),
]


@pytest.mark.parametrize(("answer", "tries", "code", "words"), [row[1:] for row in BEFORE], ids=[r[0] for r in BEFORE])
def test_before_the_first_token(
    asker: Asker, fake: FakeClaude, answer: Answer, tries: int, code: str, words: str
) -> None:
    fake.answers.extend([answer] * 9)

    with pytest.raises(Upstream, match=words) as caught:
        asker.ask()

    assert len(fake.requests) == tries
    assert len(asker.waits) == tries - 1
    assert caught.value.code == code
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("answer", "tries"), [(row[1], row[2]) for row in BEFORE if row[2] > 1], ids=[r[0] for r in BEFORE if r[2] > 1]
)
def test_recovers_when_another_attempt_succeeds(asker: Asker, fake: FakeClaude, answer: Answer, tries: int) -> None:
    fake.answers.extend([answer] * (tries - 1) + [saying("Fine.")])

    events = asker.ask()

    retries = [event for event in events if isinstance(event, Retrying)]
    assert [(retry.attempt, retry.attempts) for retry in retries] == [(n, tries) for n in range(2, tries + 1)]
    [*_before, last] = [place for place, event in enumerate(events) if isinstance(event, Retrying)]
    assert sum(isinstance(event, MessageStart) for event in events[last:]) == 1
    assert TextDelta(0, "Fine.") in events


@pytest.mark.parametrize(("then", "code"), [row[1:] for row in MID], ids=[row[0] for row in MID])
def test_in_mid_stream(asker: Asker, fake: FakeClaude, then: object, code: str) -> None:
    fake.answers.append(Answer([*TEXT, then]))
    seen: list[object] = []

    with pytest.raises(Upstream, match="The reply was cut off. What had arrived is kept") as caught:
        seen.extend(asker.claude.call(REQUEST))

    assert TextDelta(0, "Some") in seen
    assert len(fake.requests) == 1
    assert caught.value.code == code


def test_says_the_account_is_refused_in_mid_stream_too(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(erring("permission_error", *TEXT))

    with pytest.raises(Upstream, match="tell the administrator.*What had arrived is kept"):
        asker.ask()


@pytest.mark.parametrize("stop_reason", ["refusal", "max_tokens", "pause_turn", "model_context_window_exceeded"])
def test_takes_early_stops_as_ends(asker: Asker, fake: FakeClaude, stop_reason: str) -> None:
    fake.answers.append(saying("So far.", stop_reason=stop_reason))

    assert asker.ask()[-2].stop_reason == stop_reason


def test_cannot_connect(fake: FakeClaude, asker: Asker) -> None:
    fake.stop()

    with pytest.raises(Upstream) as caught:
        asker.ask()

    assert (caught.value.code, len(asker.waits)) == ("connect", 2)


def test_waits_one_and_three_seconds_give_or_take_a_third(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.extend([failing(529, "overloaded_error")] * 2)

    asker.ask()

    assert 0.7 <= asker.waits[0] <= 1.3
    assert 2.1 <= asker.waits[1] <= 3.9


def test_waits_as_long_as_it_is_asked_to_and_a_little_more(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(failing(429, "rate_limit_error", retry_after="7"))

    asker.ask()

    assert 7 <= asker.waits[0] <= 8


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [(failing(401, "authentication_error"), 60), (failing(429, "rate_limit_error", retry_after="900"), 900)],
)
def test_asks_nobody_while_the_circuit_is_open(asker: Asker, fake: FakeClaude, answer: Answer, seconds: float) -> None:
    fake.answers.append(answer)
    for now in (0, 1, seconds - 1):
        asker.now = now
        with pytest.raises(Upstream):
            asker.ask()

    asker.now = seconds
    asker.ask()

    assert len(fake.requests) == 2


def test_names_the_time_until_which_claude_is_busy(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(failing(429, "rate_limit_error", retry_after="7200"))

    with pytest.raises(Upstream, match=r"busy until (\d+ \w+, )?\d\d:\d\d UTC\.") as caught:
        asker.ask()

    assert f"{datetime.now(UTC).hour:02}:" not in str(caught.value)


def test_names_the_day_where_that_is_another(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(failing(429, "rate_limit_error", retry_after="864000"))

    with pytest.raises(Upstream, match=r"busy until \d+ \w+, \d\d:\d\d UTC\."):
        asker.ask()


def test_lets_other_models_answer_and_asks_the_busy_one_again_before_long(asker: Asker, fake: FakeClaude) -> None:
    fake.answers += [failing(429, "rate_limit_error", retry_after="864000"), saying("From another."), saying("Again.")]
    with pytest.raises(Upstream):
        asker.ask()

    assert asker.ask(replace(REQUEST, model="claude-y"))
    with pytest.raises(Upstream):
        asker.ask()
    asker.now = 901
    assert asker.ask()
    assert [request["model"] for request in fake.requests] == ["claude-x", "claude-y", "claude-x"]


def test_alerts_the_administrator_once_a_minute(
    asker: Asker, fake: FakeClaude, caplog: pytest.LogCaptureFixture
) -> None:
    for now in (0, 59, 61):
        asker.now = now
        asker.claude._circuits.clear()
        fake.answers.append(failing(404, "not_found_error"))
        with pytest.raises(Upstream):
            asker.ask()

    assert [record.message for record in caplog.records].count("claude.needs_administrator") == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            failing(400, "invalid_request_error", "max_tokens: must be\x1b[2J\n at least 1"),
            "max_tokens: must be [2J at least 1",
        ),
        (failing(404, "not_found_error", "model: claude-x"), "model: claude-x"),
        (failing(400, "invalid_request_error", "bad key sk-ant-api03-abc, rill_abcdef"), "bad key …, …"),
        (failing(400, "invalid_request_error", "header Authorization: Bearer abc"), "header Authorization: Bearer …"),
        (failing(400, "invalid_request_error", "a " * 400), "a " * 150 + "…"),
        (failing(401, "authentication_error", "invalid key"), ""),
        (failing(500, "api_error", "no"), ""),
        (Answer([b'{"error": "x"}'], 400, {"content-type": "application/json"}), ""),
        (Answer([b"<h1>No</h1>"], 400, {"content-type": "text/html"}), ""),
    ],
)
def test_passes_on_what_claude_says_of_a_request(asker: Asker, fake: FakeClaude, answer: Answer, said: str) -> None:
    fake.answers.extend([answer] * 3)

    with pytest.raises(Upstream) as caught:
        asker.ask()

    assert caught.value.said == said
    assert not said or said not in repr(caught.value)


def test_counts_down_while_the_circuit_is_open(asker: Asker, fake: FakeClaude) -> None:
    fake.answers.append(failing(429, "rate_limit_error", retry_after="900"))
    waits = []

    for now in (0.0, 300.0, 899.0):
        asker.now = now
        with pytest.raises(Upstream) as caught:
            asker.ask()
        waits.append(caught.value.retry_after_s)

    assert waits == [900.0, 600.0, 1.0]
    assert len(fake.requests) == 1
