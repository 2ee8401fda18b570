"""``flask chat``: what it asks, what it prints, and how it ends."""

import json
from pathlib import Path

import pytest
from flask.testing import FlaskCliRunner

from app.cli.outcome import MEANINGS, Exit
from tests.fakes.claude import CUT, Answer, FakeClaude, closing, delta, event, failing, opening, saying, thinking

CUT_OFF = Answer([*opening(), delta("This much "), CUT])
HTML = Answer([b"<h1>Sign in</h1>"], headers={"content-type": "text/html"})
THINKING = {"type": "thinking", "thinking": ""}
TEXT = {"type": "text", "text": ""}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

#: options, what Claude answers to each attempt, the exit code, part of what is told
ENDS = [
    ([], saying("Fine."), Exit.DONE, "12 tokens in, 34 out; at most $0.00182; first token"),
    ([], saying("And so on", stop_reason="max_tokens"), Exit.DONE, "length limit"),
    (["--model", "nobody"], saying(), Exit.USAGE, "choose one of claude-a, claude-b"),
    (["--max-tokens", "0"], saying(), Exit.USAGE, "--max-tokens"),
    (["--schema", "missing.json"], saying(), Exit.USAGE, "does not exist"),
    ([], failing(529, "overloaded_error"), Exit.LATER, "trying again did not help. Try later. (overloaded_error)"),
    ([], failing(500, "api_error"), Exit.LATER, "(api_error)"),
    ([], failing(429, "rate_limit_error", retry_after="900"), Exit.LATER, "asks to wait 900 s"),
    ([], Answer([CUT]), Exit.LATER, "(truncated)"),
    (["--no-stream"], Answer([CUT]), Exit.LATER, "(connect)"),
    ([], failing(401, "authentication_error"), Exit.SETUP, "Check ANTHROPIC_API_KEY"),
    ([], failing(403, "permission_error"), Exit.SETUP, "Check ANTHROPIC_API_KEY"),
    ([], failing(429, "rate_limit_error", code="enforced_spend_limit_reached"), Exit.SETUP, "may spend"),
    ([], HTML, Exit.SETUP, "Check ANTHROPIC_BASE_URL"),
    ([], failing(400, "invalid_request_error"), Exit.REQUEST, "could not accept the request"),
    ([], failing(400, "invalid_request_error", "prompt is too long"), Exit.REQUEST, "Send less."),
    ([], failing(404, "not_found_error"), Exit.REQUEST, "Choose another one with --model"),
    ([], CUT_OFF, Exit.CUT, "The reply broke off. (truncated)"),
    ([], Answer([*opening(), delta("So"), event("error", error={"type": "overloaded_error"})]), Exit.CUT, "broke off"),
    ([], saying("I would ", "rather not.", stop_reason="refusal"), Exit.DECLINED, "Claude declined to answer."),
]


@pytest.fixture
def schema(tmp_path: Path) -> str:
    """Give the path of a schema."""
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    return str(path)


@pytest.mark.parametrize(("options", "answer", "code", "words"), ENDS)
def test_ends(
    run: FlaskCliRunner, fake: FakeClaude, options: list[str], answer: Answer, code: Exit, words: str
) -> None:
    fake.answers.extend([answer] * 3)

    result = run.invoke(args=["chat", "Hi", *options])

    assert result.exit_code == code, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_explains_the_exit_codes(run: FlaskCliRunner) -> None:
    text = run.invoke(args=["chat", "--help"]).stdout

    for code, meaning in MEANINGS.items():
        assert f"  {code:3}  {meaning}\n" in text


def test_prints_exactly_what_came(run: FlaskCliRunner, fake: FakeClaude) -> None:
    fake.answers.append(saying("# Ti", "tle\r\n\x1b[1mbold\x1b[0m **é**", "\x9b\u2028"))

    result = run.invoke(args=["chat", "Hi"])

    assert result.stdout_bytes == "# Title\r\n\x1b[1mbold\x1b[0m **é**\x9b\u2028".encode()
    assert "claude-fake, end_turn" in result.stderr


def test_sets_texts_apart_and_leaves_thoughts_out(run: FlaskCliRunner, fake: FakeClaude) -> None:
    change = [event("content_block_stop", index=0), event("content_block_start", index=1, content_block=TEXT)]
    third = [event("content_block_stop", index=1), event("content_block_start", index=2, content_block=TEXT)]
    body = [*opening(THINKING), thinking("Hm."), *change, delta("One.", 1), *third, delta("Two.", 2), *closing(index=2)]
    fake.answers += [Answer(body), Answer(body)]

    printed = run.invoke(args=["chat", "Hi"]).stdout

    assert printed == "One.\n\nTwo."
    assert json.loads(run.invoke(args=["chat", "Hi", "--json"]).stdout)["text"] == printed


def test_asks_with_the_options(run: FlaskCliRunner, fake: FakeClaude) -> None:
    options = ["--model", "claude-b", "--system", "Be brief.", "--max-tokens", "99", "--effort", "low"]

    run.invoke(args=["chat", "Hi", *options])
    run.invoke(args=["chat", "Hi"])

    [first, second] = fake.requests
    assert first == {
        "model": "claude-b",
        "system": "Be brief.",
        "max_tokens": 99,
        "output_config": {"effort": "low"},
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
    } | {name: first[name] for name in ("cache_control",) if name in first}
    assert (second["model"], second["max_tokens"], second.get("system")) == ("claude-a", 8192, None)


@pytest.mark.parametrize(
    ("args", "piped", "prompt"),
    [
        (["Hi"], "", "Hi"),
        ([], "a\nfile\n", "a\nfile\n"),
        (["Summarise this"], "a\nfile\n", "Summarise this\n\na\nfile\n"),
        (["Hi"], " \n", "Hi"),
        (["Grüße \udcff"], "", "Grüße \ufffd"),
    ],
)
def test_takes_the_prompt_from_both(
    run: FlaskCliRunner, fake: FakeClaude, args: list[str], piped: str, prompt: str
) -> None:
    result = run.invoke(args=["chat", *args], input=piped)

    assert result.exit_code == 0, result.output
    assert fake.requests[0]["messages"] == [{"role": "user", "content": prompt}]


@pytest.mark.parametrize(("piped", "words"), [(b"", "Say what to ask"), (b"\n", "Say what"), (b"\xff\xfe", "UTF-8")])
def test_asks_nothing_without_a_text(run: FlaskCliRunner, fake: FakeClaude, piped: bytes, words: str) -> None:
    result = run.invoke(args=["chat"], input=piped)

    assert result.exit_code == Exit.USAGE
    assert words in result.stderr
    assert fake.requests == []


def test_asks_for_one_piece(run: FlaskCliRunner, fake: FakeClaude) -> None:
    fake.answers.append(saying("All ", "at once."))

    result = run.invoke(args=["chat", "Hi", "--no-stream"])

    assert result.stdout == "All at once."
    assert "first token" not in result.stderr
    assert not fake.requests[0].get("stream")


def test_streams_what_is_too_long_for_one_piece(run: FlaskCliRunner, fake: FakeClaude) -> None:
    result = run.invoke(args=["chat", "Hi", "--no-stream", "--max-tokens", "100000"])

    assert result.stdout == "Hello from the fake."
    assert fake.requests[0]["stream"] is True


def test_prints_one_json_object(run: FlaskCliRunner, fake: FakeClaude) -> None:
    fake.answers.append(saying("Hel", "lo\x1b"))

    found = json.loads(run.invoke(args=["chat", "Hi", "--json"]).stdout)

    assert found["first_token_s"] <= found["total_s"]
    assert found | {"first_token_s": 0, "total_s": 0} == {
        "text": "Hello\x1b",
        "model": "claude-fake",
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 12, "output_tokens": 34},
        "id": "msg_1",
        "request_id": "req_fake12345678",
        "first_token_s": 0,
        "total_s": 0,
        "error": None,
    }


def test_prints_the_object_of_a_failure(run: FlaskCliRunner, fake: FakeClaude) -> None:
    fake.answers += [CUT_OFF, failing(401, "authentication_error")]

    cut, refused = (json.loads(run.invoke(args=["chat", "Hi", "--json"]).stdout) for _turn in range(2))

    assert cut["text"] == "This much "
    assert cut["error"] == {"code": "truncated", "message": "The reply broke off.", "exit": 6}
    assert (refused["text"], refused["error"]["code"], refused["error"]["exit"]) == ("", "authentication_error", 4)


def test_prints_the_object_that_the_schema_asks_for(run: FlaskCliRunner, fake: FakeClaude, schema: str) -> None:
    fake.answers += [saying('{"city"', ': "Köln"}')] * 2

    plain = run.invoke(args=["chat", "Where?", "--schema", schema])
    within = run.invoke(args=["chat", "Where?", "--schema", schema, "--json"])

    assert plain.stdout == '{\n  "city": "Köln"\n}\n'
    assert json.loads(within.stdout)["parsed"] == {"city": "Köln"}
    assert fake.requests[0]["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}
    assert not fake.requests[0].get("stream")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (saying("In Köln."), Exit.SCHEMA),
        (saying('{"town": "Köln"}'), Exit.SCHEMA),
        (saying('{"city": "K', stop_reason="max_tokens"), Exit.SCHEMA),
        (saying("No.", stop_reason="refusal"), Exit.DECLINED),
        (failing(400, "invalid_request_error"), Exit.REQUEST),
    ],
)
def test_prints_no_object_that_is_not_one(
    run: FlaskCliRunner, fake: FakeClaude, schema: str, answer: Answer, code: Exit
) -> None:
    fake.answers += [answer] * 2

    plain = run.invoke(args=["chat", "Where?", "--schema", schema])
    within = run.invoke(args=["chat", "Where?", "--schema", schema, "--json"])

    assert (plain.exit_code, plain.stdout) == (code, "")
    assert within.exit_code == code
    assert (found := json.loads(within.stdout))["parsed"] is None
    assert found["error"]["exit"] == code


@pytest.mark.parametrize("reply", ['{"city": 1e999}', '{"city": ' + "[" * 3_000 + "]" * 3_000 + "}"], ids=range(2))
def test_prints_no_odd_object(run: FlaskCliRunner, fake: FakeClaude, schema: str, reply: str) -> None:
    fake.answers.append(saying(reply))

    result = run.invoke(args=["chat", "Where?", "--schema", schema])

    assert (result.exit_code, result.stdout) == (Exit.SCHEMA, "")


@pytest.mark.parametrize("text", ['{"type": "object", "required": 5}', '\ufeff{"type": "object", "required": "city"}'])
def test_takes_schemas_that_are_odd(run: FlaskCliRunner, fake: FakeClaude, tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.json").write_text(text, encoding="utf-8")
    fake.answers.append(saying('{"city": "Ulm"}'))

    result = run.invoke(args=["chat", "Where?", "--schema", str(tmp_path / "odd.json")])

    assert (result.exit_code, json.loads(result.stdout)) == (Exit.DONE, {"city": "Ulm"})


@pytest.mark.parametrize("text", ["[]", "{", "", '{"x": ' + "[" * 3_000 + "]" * 3_000 + "}"], ids=range(4))
def test_refuses_a_schema_that_is_none(run: FlaskCliRunner, fake: FakeClaude, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)

    result = run.invoke(args=["chat", "Hi", "--schema", str(tmp_path / "bad.json")])

    assert result.exit_code == Exit.USAGE
    assert "--schema" in result.stderr
    assert fake.requests == []


def test_tells_of_a_retry_without_a_spinner(run: FlaskCliRunner, fake: FakeClaude) -> None:
    fake.answers += [failing(429, "rate_limit_error", retry_after="2"), saying("After all.")]

    result = run.invoke(args=["chat", "Hi"])

    assert result.stdout == "After all."
    lines = result.stderr.splitlines()
    assert lines[0].startswith("Claude is busy. Trying again in ")
    assert lines[0].endswith(" s (attempt 2 of 2)")
    assert len(lines) == 2
    assert not set("\r\x1b") & set(result.stderr)
