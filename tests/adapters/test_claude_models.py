"""Which models there are, as the Models API or whatever answers in its place says it."""

import json
from typing import Any

import pytest

from app.core.catalog import Model
from app.core.errors import Upstream
from tests.adapters.conftest import Asker
from tests.fakes.claude import Answer, FakeClaude, failing

JSON = {"content-type": "application/json"}
GOOD = {
    "id": "claude-x",
    "type": "model",
    "display_name": "Claude X",
    "max_input_tokens": 200_000,
    "max_tokens": 64_000,
    "capabilities": {"image_input": {"supported": True}},
    "lifecycle": "deprecated",
    "retires_at": "2026-11-30T00:00:00Z",
}


def saying(answer: Any) -> Answer:
    return Answer([json.dumps(answer).encode()], headers=JSON)


def test_reads_what_is_said_of_each(asker: Asker, fake: FakeClaude) -> None:
    fake.listing = saying({"data": [GOOD], "has_more": False})

    capabilities = {"image_input": {"supported": True}}
    assert asker.claude.models() == [
        Model("claude-x", "Claude X", 200_000, 64_000, capabilities, "deprecated", "2026-11-30T00:00:00Z")
    ]


def test_passes_over_what_is_no_model_and_no_figure(asker: Asker, fake: FakeClaude) -> None:
    odd = {
        "id": "b",
        "display_name": 3,
        "max_tokens": "many",
        "max_input_tokens": True,
        "capabilities": [],
        "retires_at": 1,
    }
    fake.listing = saying({"data": ["x", None, {"x": 1}, {"id": 7}, {"id": ""}, GOOD, odd]})

    models = asker.claude.models()

    assert [model.id for model in models] == ["claude-x", "b"]
    assert models[1] == Model("b", "b")


@pytest.mark.parametrize(
    "answer",
    [
        *(
            saying(found)
            for found in ({}, {"data": None}, [], "x", {"data": {}}, {"data": ["x"]}, {"data": [{"x": 1}]})
        ),
        *(Answer([body], headers=JSON) for body in (b"", b"{", b"\xff", b"[" * 5_000)),
        Answer([b"<h1>Sign in</h1>"], headers={"content-type": "text/html"}),
        failing(500, "api_error"),
        failing(404, "not_found_error"),
    ],
    ids=range(14),
)
def test_says_that_it_cannot_be_read(asker: Asker, fake: FakeClaude, answer: Answer) -> None:
    fake.listing = answer

    with pytest.raises(Upstream):
        asker.claude.models()
