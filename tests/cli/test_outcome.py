"""Exit codes, sentences and figures."""

from typing import get_args

import pytest

from app.cli.outcome import MEANINGS, Exit, Outcome, Reply, as_json, ended, failed, figures
from app.core.assembly import Assembly
from app.core.errors import Kind, Upstream
from app.core.events import BlockStart, MessageDelta, MessageStart, MessageStop, TextDelta


def reply(usage: dict[str, object]) -> Reply:
    made = Reply()
    for event in (
        MessageStart("claude-a", "req_1", usage, 90, {"id": "msg_1"}),
        BlockStart(0, {"type": "text", "text": ""}, 100),
        TextDelta(0, "Hel", "820:3 "),
        TextDelta(0, "lo", "900:2 "),
        MessageDelta("end_turn", None, {"output_tokens": 1034}, 2310),
        MessageStop(2314),
    ):
        made.add(event)
    return made


def test_has_an_exit_code_for_every_kind_of_failure() -> None:
    codes = {kind: failed(Upstream("x", "X.", kind=kind)).exit for kind in get_args(Kind)}

    assert codes == {
        "busy": Exit.LATER,
        "account": Exit.SETUP,
        "foreign": Exit.SETUP,
        "request": Exit.REQUEST,
        "cut": Exit.CUT,
    }
    assert set(MEANINGS) == set(Exit)


def test_says_how_long_claude_asks_to_wait() -> None:
    outcome = failed(Upstream("rate_limit_error", "Busy.", retry_after_s=900.4))

    assert outcome == Outcome(Exit.LATER, "Claude is busy, and asks to wait 900 s. Try later.", "rate_limit_error")


@pytest.mark.parametrize(
    ("stop_reason", "exit", "words"),
    [
        ("end_turn", Exit.DONE, ""),
        ("refusal", Exit.DECLINED, "Claude declined to answer."),
        ("max_tokens", Exit.DONE, "The reply reached the length limit. --max-tokens raises it."),
    ],
)
def test_knows_how_a_complete_reply_ended(stop_reason: str, exit: Exit, words: str) -> None:
    assembly = Assembly()
    assembly.add(MessageDelta(stop_reason))

    outcome = ended(assembly)

    assert (outcome.exit, outcome.sentence) == (exit, words)


def test_writes_what_a_reply_took() -> None:
    usage = {"input_tokens": 12, "output_tokens": 1}
    cached = {"cache_read_input_tokens": 1000, "cache_creation_input_tokens": 8}
    thought = {"output_tokens_details": {"thinking_tokens": 20}}
    end = "first token 0.82 s, total 2.31 s; claude-a, end_turn"

    assert figures(reply(usage), is_streamed=True) == f"12 tokens in, 1,034 out; at most $0.05182; {end}"
    assert figures(reply(usage | cached | thought), is_streamed=True) == (
        f"1,020 tokens in (1,000 cached, 8 written to the cache), 1,034 out (20 thinking); at most $0.05298; {end}"
    )


def test_knows_no_first_token_of_a_reply_in_one_piece() -> None:
    line = figures(reply({"input_tokens": 12}), is_streamed=False)

    assert line == "12 tokens in, 1,034 out; at most $0.05182; total 2.31 s; claude-a, end_turn"


def test_writes_no_figures_where_nothing_came() -> None:
    assert figures(Reply(), is_streamed=True) == ""


def test_writes_the_price_that_is_known() -> None:
    made = reply({"input_tokens": 12})
    made.assembly.model = "claude-sonnet-5-5"

    assert "1,034 out; $0.01036; first token" in figures(made, is_streamed=True)
    assert "$" not in figures(made, is_streamed=True, is_paid=False)


def test_estimates_what_broke_off_took() -> None:
    made = Reply()
    for event in (
        MessageStart("claude-sonnet-5-5", "req_1", {"input_tokens": 12, "output_tokens": 1}, 90),
        TextDelta(0, "x" * 1_000, "820:1000 "),
    ):
        made.add(event)
    made.end(17_040)

    assert figures(made, is_streamed=True) == (
        "12 tokens in, about 400 out; about $0.004024; first token 0.82 s, ended after 17.04 s; claude-sonnet-5-5"
    )


def test_gives_the_same_keys_however_it_ended() -> None:
    done = as_json(reply({"input_tokens": 12}), Outcome())
    cut = as_json(Reply(), Outcome(Exit.CUT, "The reply broke off.", "truncated"))

    assert done == {
        "text": "Hello",
        "model": "claude-a",
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 12, "output_tokens": 1034},
        "id": "msg_1",
        "request_id": "req_1",
        "first_token_s": 0.82,
        "total_s": 2.314,
        "error": None,
    }
    assert list(cut) == list(done)
    assert cut["error"] == {"code": "truncated", "message": "The reply broke off.", "exit": 6}
