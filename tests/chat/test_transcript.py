"""What is sent back to Claude of a conversation."""

from app.adapters.models import Message
from app.chat.transcript import to_api


def message(role: str, *content: dict, status: str | None = None) -> Message:
    return Message(role=role, content=list(content), status=status)


def text(words: str) -> dict:
    return {"type": "text", "text": words}


THINKING = {"type": "thinking", "thinking": "Hm", "signature": "s"}


def test_sends_finished_replies_as_they_were() -> None:
    path = [message("user", text("Hi")), message("assistant", THINKING, text("Yo"), status="done")]

    assert to_api(path) == [
        {"role": "user", "content": [text("Hi")]},
        {"role": "assistant", "content": [THINKING, text("Yo")]},
    ]


def test_sends_only_the_text_of_partial_replies() -> None:
    path = [message("assistant", THINKING, text("Par"), {"type": "tool_use"}, status="stopped")]

    assert to_api(path) == [{"role": "assistant", "content": [text("Par")]}]


def test_joins_neighbours_where_a_reply_left_nothing() -> None:
    path = [
        message("user", text("a")),
        message("assistant", text(" "), status="failed"),
        message("user", text("b")),
        message("assistant", text("no"), status="refused"),
        message("user", text("c")),
    ]

    assert to_api(path) == [{"role": "user", "content": [text("a"), text("b"), text("c")]}]
