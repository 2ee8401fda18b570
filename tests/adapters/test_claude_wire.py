"""Requests as they are written for the SDK."""

import gzip
import json
from typing import Any

import pytest

from app.adapters.claude import Claude
from app.adapters.claude_wire import params
from app.core.errors import Upstream
from app.core.request import Effort, MessagesRequest
from tests.adapters.conftest import Asker
from tests.fakes.claude import Answer, FakeClaude

MESSAGES = [{"role": "user", "content": "Hi"}]


def test_says_which_person_it_is_where_that_is_known() -> None:
    assert params(MessagesRequest("m", 10, MESSAGES, user_id="a" * 64), {})["metadata"] == {"user_id": "a" * 64}
    assert "metadata" not in params(MessagesRequest("m", 10, MESSAGES), {})


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x" * 100])
@pytest.mark.parametrize("is_streamed", [True, False])
def test_inflates_nothing(asker: Asker, fake: FakeClaude, encoding: str, is_streamed: bool) -> None:
    bomb = gzip.compress(b":" * 10_000_000)
    kind = "text/event-stream" if is_streamed else "application/json"
    fake.answers.extend([Answer([bomb], headers={"content-type": kind, "content-encoding": encoding})] * 2)

    with pytest.raises(Upstream, match="not a reply from Claude"):
        asker.ask(MessagesRequest("m", 10, MESSAGES, is_streamed=is_streamed))

    assert {name: value for name, value in fake.headers[0].items() if name.lower() == "accept-encoding"} == {
        "accept-encoding": "identity"
    }


def test_inflates_no_list_of_models_and_no_error(asker: Asker, fake: FakeClaude) -> None:
    packed = {"content-type": "application/json", "content-encoding": "gzip"}
    fake.listing = Answer([gzip.compress(b'{"data": []}')], headers=packed)
    fake.answers.extend([Answer([gzip.compress(b"{}")], 400, packed)] * 2)

    with pytest.raises(Upstream):
        asker.claude.models()
    with pytest.raises(Upstream, match="not a reply from Claude"):
        asker.ask(MessagesRequest("m", 10, MESSAGES))


@pytest.mark.parametrize(
    ("model", "effort", "type"),
    [
        ("claude-sonnet-5-5", None, "between_tools"),
        ("claude-sonnet-5-5-20261001", "high", "between_tools"),
        ("claude-sonnet-5-5", "xhigh", None),
        ("claude-haiku-5-5", "low", "disabled"),
        ("claude-haiku-5-5", "max", None),
        ("claude-opus-5-5", None, None),
        ("claude-fable-5-1", None, None),
        ("another", None, None),
    ],
)
def test_keeps_each_model_from_thinking_in_the_way_it_takes(
    model: str, effort: Effort | None, type: str | None
) -> None:
    found = Claude(api_key="k").params(MessagesRequest(model, 10, MESSAGES, effort=effort))

    assert found.get("thinking") == (type and {"type": type})


def test_lets_the_models_api_say_how_a_model_is_kept_from_thinking(asker: Asker, fake: FakeClaude) -> None:
    types: dict[str, Any] = {"disabled": {"supported": False}, "between_tools": {"supported": True}}
    models = [
        {"id": "new", "capabilities": {"thinking": {"supported": True, "types": types}}},
        {"id": "odd", "capabilities": {"thinking": {"types": {"disabled": True, "between_tools": []}}}},
        {"id": "bare", "capabilities": {"thinking": 1}},
    ]
    fake.listing = Answer([json.dumps({"data": models}).encode()], headers={"content-type": "application/json"})
    asker.claude.models()

    asked = [MessagesRequest(name, 10, MESSAGES) for name in ("new", "odd", "bare", "claude-haiku-5-5")]
    assert [asker.claude.params(request).get("thinking") for request in asked] == [
        {"type": "between_tools"},
        None,
        None,
        None,  # this server is not Anthropic's, and has not named it
    ]


def test_lets_a_model_think_that_is_to(asker: Asker) -> None:
    request = MessagesRequest("claude-haiku-5-5", 10, MESSAGES, thinking="adaptive", display="omitted")

    assert asker.claude.params(request)["thinking"] == {"type": "adaptive", "display": "omitted"}
