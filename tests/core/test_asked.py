"""What programs send: each field, and what is said of one that is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.asked import MAX_MESSAGES, MAX_SCHEMA, Asked, read
from app.core.errors import Malformed

IMAGE = {"type": "base64", "media_type": "image/png", "data": "aGk="}


def asked(**fields: Any) -> Asked:
    return read(json.dumps({"message": "Hi", **fields}).encode())


def said(body: bytes | dict[str, Any]) -> str:
    """Give what is said of a body that is refused."""
    with pytest.raises(Malformed) as caught:
        read(body if isinstance(body, bytes) else json.dumps(body).encode())
    return str(caught.value)


def refused(**fields: Any) -> str:
    return said({"message": "Hi", **fields})


def block(**fields: Any) -> str:
    return said({"messages": [{"role": "user", "content": [fields]}]})


def test_reads_a_message() -> None:
    assert asked() == Asked(message="Hi")


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("system", "Be brief.", "Be brief."),
        ("model", "claude-x", "claude-x"),
        ("max_tokens", 1, 1),
        ("max_tokens", 3.0, 3),
        ("max_tokens", 10**9, 10**9),
        ("effort", "low", "low"),
        ("effort", "max", "max"),
        ("thinking", "off", "off"),
        ("thinking", "adaptive", "adaptive"),
        ("thinking", {"type": "adaptive"}, "adaptive"),
        ("thinking", {"type": "adaptive", "display": "omitted"}, "adaptive"),
        ("thinking", {"type": "adaptive", "display": None}, "adaptive"),
        ("thinking", {"type": "disabled"}, "off"),
        ("schema", {"type": "object"}, {"type": "object"}),
        ("conversation", "new", "new"),
        ("events", True, True),
        ("events", False, False),
        ("stream", True, True),
        ("stream", False, False),
    ],
)
def test_reads_each_field(name: str, given: Any, value: Any) -> None:
    assert getattr(asked(**{name: given}), name) == value


def test_reads_a_conversation_of_texts_and_images() -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello."}]},
        {
            "role": "user",
            "content": [
                {"type": "image", "source": IMAGE},
                {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "BBBB"}},
                {"type": "text", "text": "What are these?"},
            ],
        },
    ]

    assert read(json.dumps({"messages": messages}).encode()).messages == messages


@pytest.mark.parametrize("text", ["", " \n"])
def test_texts_of_a_conversation_must_not_be_empty(text: str) -> None:
    assert said({"messages": [{"role": "user", "content": text}]}) == "messages[0].content must not be empty."
    assert block(type="text", text=text) == "messages[0].content[0].text must not be empty."


@pytest.mark.parametrize("name", ["message", "system", "model", "conversation"])
@pytest.mark.parametrize("value", [7, 1.5, True, [], {}, ["Hi"]])
def test_a_text_must_be_a_text(name: str, value: Any) -> None:
    assert refused(**{name: value}) == f"{name} must be a text."


@pytest.mark.parametrize("name", ["events", "stream"])
@pytest.mark.parametrize("value", [0, 1, "true", [], {}])
def test_a_flag_must_be_true_or_false(name: str, value: Any) -> None:
    assert refused(**{name: value}) == f"{name} must be true or false."


@pytest.mark.parametrize("value", [0, -1, 0.0, 1.5, True, "100", [], {}])
def test_max_tokens_must_be_a_whole_number(value: Any) -> None:
    assert refused(max_tokens=value) == "max_tokens must be a whole number of at least 1."


@pytest.mark.parametrize("value", ["", "huge", "LOW", 3, True, [], {}, ["low"]])
def test_effort_must_be_one_of_five(value: Any) -> None:
    assert refused(effort=value) == "effort must be one of: low, medium, high, xhigh, max."


@pytest.mark.parametrize("value", ["on", "", 3, True, []])
def test_thinking_must_be_one_of_two(value: Any) -> None:
    assert refused(thinking=value) == "thinking must be one of: off, adaptive."


@pytest.mark.parametrize("value", [{}, {"type": "enabled", "budget_tokens": 1024}, {"type": ["adaptive"]}])
def test_the_type_of_thinking_must_be_one_of_two(value: Any) -> None:
    assert refused(thinking=value) == "thinking.type must be one of: adaptive, disabled."


@pytest.mark.parametrize("display", ["full", "", 3, ["omitted"]])
def test_the_display_of_thinking_must_be_one_of_two(display: Any) -> None:
    thinking = {"type": "adaptive", "display": display}

    assert refused(thinking=thinking) == "thinking.display must be one of: summarized, omitted."


@pytest.mark.parametrize("name", ["budget_tokens", "x"])
def test_thinking_takes_nothing_else(name: str) -> None:
    assert name in refused(thinking={"type": "adaptive", name: 1024})
    assert "display" in refused(thinking={"type": "disabled", "display": "omitted"})


def test_reads_what_is_shown_of_thoughts() -> None:
    assert asked(thinking={"type": "adaptive", "display": "omitted"}).display == "omitted"
    assert asked(thinking="adaptive").display is None


@pytest.mark.parametrize(
    "given", [{"system": ""}, {"thinking": "off"}, {"max_tokens": 1}, {"schema": {"type": "object"}}]
)
def test_a_conversation_goes_with_few_fields(given: dict[str, Any]) -> None:
    [name] = given
    assert refused(conversation="new", **given) == f"{name} cannot be used together with conversation."


@pytest.mark.parametrize("value", ["{}", 3, True, [], [{}]])
def test_a_schema_must_be_an_object(value: Any) -> None:
    assert refused(schema=value) == "schema must be an object."


@pytest.mark.parametrize("value", [{}, {"description": "x" * MAX_SCHEMA}])
def test_a_schema_must_be_of_some_length(value: Any) -> None:
    assert refused(schema=value).startswith("schema must be a JSON Schema, not empty")


@pytest.mark.parametrize("value", [{}, "Hi", 7, [], [{"role": "user", "content": "x"}] * (MAX_MESSAGES + 1)])
def test_messages_must_be_a_list(value: Any) -> None:
    assert said({"messages": value}) == "messages must be a list of 1 to 1,000 messages."


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("Hi", "messages[1] must be an object."),
        ({"role": "system", "content": "Hi"}, "messages[1].role must be one of: user, assistant."),
        ({"content": "Hi"}, "messages[1].role must be one of: user, assistant."),
        ({"role": "user"}, "messages[1].content must be a text, or a list of blocks."),
        ({"role": "user", "content": []}, "messages[1].content must be a text, or a list of blocks."),
        ({"role": "user", "content": {}}, "messages[1].content must be a text, or a list of blocks."),
        ({"role": "user", "content": ["Hi"]}, "messages[1].content[0] must be an object."),
        (
            {"role": "user", "content": "Hi", "name": "x"},
            'messages[1] has a field "name", which is not known here.',
        ),
    ],
)
def test_names_the_message_that_is_wrong(message: Any, sentence: str) -> None:
    first, last = {"role": "user", "content": "Hi"}, {"role": "user", "content": "Go on"}

    assert said({"messages": [first, message, last]}) == sentence


@pytest.mark.parametrize("roles", [["assistant"], ["user", "assistant"], ["assistant", "user"]])
def test_a_conversation_begins_and_ends_with_the_user(roles: list[str]) -> None:
    messages = [{"role": role, "content": "Hi"} for role in roles]

    assert said({"messages": messages}) == "messages must begin and end with a message of the role user."


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"type": "document"}, "content[0].type must be one of: text, image."),
        ({"type": "tool_result"}, "content[0].type must be one of: text, image."),
        ({"type": "text"}, "content[0].text must be a text."),
        ({"type": "text", "text": 3}, "content[0].text must be a text."),
        ({"type": "text", "text": "x", "cache_control": {}}, 'content[0] has a field "cache_control"'),
        ({"type": "image"}, "content[0].source must be an object."),
        ({"type": "image", "source": "x"}, "content[0].source must be an object."),
        ({"type": "image", "source": {"type": "file"}}, "source.type must be base64: send the image itself"),
        ({"type": "image", "source": {**IMAGE, "media_type": "image/svg+xml"}}, "source.media_type must be one of:"),
        ({"type": "image", "source": {**IMAGE, "data": None}}, "source.data must be a text."),
        ({"type": "image", "source": {**IMAGE, "more": 1}}, 'source has a field "more"'),
    ],
)
def test_names_the_block_that_is_wrong(fields: dict[str, Any], part: str) -> None:
    sentence = block(**fields)

    assert sentence.startswith("messages[0].content[0]")
    assert part in sentence


def test_names_a_field_that_is_not_known_and_those_that_are() -> None:
    sentence = refused(mesage="Hi")

    assert sentence.startswith('There is no field "mesage". The fields are: message, messages, system, model,')


def test_cuts_the_name_of_a_field_that_is_not_known() -> None:
    assert "x" * 61 not in refused(**{"x" * 1000: 1})


@pytest.mark.parametrize(
    "body", [{}, {"message": None}, {"system": "x"}, {"message": "Hi", "messages": [{"role": "user", "content": "x"}]}]
)
def test_wants_either_a_message_or_a_conversation(body: dict[str, Any]) -> None:
    assert said(body) == "Send either message, a text, or messages, a conversation in the API's form."


@pytest.mark.parametrize(
    "fields", [{"system": "x"}, {"max_tokens": 5}, {"effort": "low"}, {"thinking": "off"}, {"schema": {"a": 1}}]
)
def test_a_stored_conversation_is_asked_with_its_own_settings(fields: dict[str, Any]) -> None:
    [name] = fields

    assert refused(conversation="new", **fields) == f"{name} cannot be used together with conversation."


def test_a_stored_conversation_takes_no_messages() -> None:
    body = {"conversation": "new", "messages": [{"role": "user", "content": "x"}]}

    assert said(body) == "messages cannot be used together with conversation."


@pytest.mark.parametrize("name", ["events", "stream"])
def test_a_schema_is_not_streamed(name: str) -> None:
    assert refused(schema={"a": 1}, **{name: True}) == f"{name} cannot be used together with schema."
    assert asked(schema={"a": 1}, **{name: False}).schema == {"a": 1}


def test_null_is_as_if_the_field_were_left_out() -> None:
    names = ("messages", "system", "model", "max_tokens", "effort", "thinking", "schema", "conversation", "events")

    assert asked(**dict.fromkeys((*names, "stream"))) == Asked(message="Hi")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Hi",
        b"{",
        b'{"message": "Hi"} x',
        b"{'message': 'Hi'}",
        b'{"message": "\xff"}',
        b'{"message": "Hi", "schema": {"a": "\xed\xa0\x80"}}',
        '{"message": "Hi"}'.encode("utf-16"),
        b'{"message": NaN}',
        b'{"message": "x", "schema": {"a": 1e999}}',
        b'{"message": "Hi", "max_tokens": Infinity}',
        b'{"message": "\\ud800"}',
        b'{"message": "Hi", "\\udc00": 1}',
        b'{"message": "Hi", "schema": {"a": "\\udfff"}}',
        b'{"message": "Hi", "max_tokens": ' + b"9" * 5000 + b"}",
        b'{"schema": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"schema": ' + b'{"a":' * 40_000 + b"1" + b"}" * 40_000 + b"}",
    ],
)
def test_says_what_is_no_json(body: bytes) -> None:
    assert said(body) == 'The body is not JSON: send an object such as {"message": "Hello"}.'


@pytest.mark.parametrize("body", [b"[]", b"null", b'"Hi"', b"3", b"true"])
def test_wants_an_object(body: bytes) -> None:
    assert said(body) == "The body must be an object."


def test_takes_whole_surrogate_pairs() -> None:
    assert read(b'{"message": "\\ud83d\\ude00"}').message == "\N{GRINNING FACE}"


def test_takes_a_byte_order_mark() -> None:
    assert read(b'\xef\xbb\xbf{"message": "Hi"}').message == "Hi"


def test_shows_no_text_where_it_is_printed() -> None:
    shown = repr(asked(message="canary", system="canary", schema={"canary": 1}))

    assert "canary" not in shown


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from([*Asked.__dataclass_fields__, "other"])


@given(st.dictionaries(_NAMES, _JSON))
def test_whatever_is_sent_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        found = read(json.dumps(body).encode())
    except Malformed:
        return
    assert (found.message is None) != (found.messages is None)
