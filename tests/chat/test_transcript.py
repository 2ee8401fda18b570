"""What is sent back to Claude of a conversation."""

from app.adapters.models import Message
from app.chat.transcript import to_api


def message(role: str, *content: dict, status: str | None = None) -> Message:
    return Message(role=role, content=list(content), status=status)


def text(words: str) -> dict:
    return {"type": "text", "text": words}


THINKING = {"type": "thinking", "thinking": "Hm", "signature": "s"}


def test_sends_only_the_text_of_partial_replies() -> None:
    path = [message("assistant", THINKING, text("Par"), {"type": "tool_use"}, status="stopped")]

    assert to_api(path) == [{"role": "assistant", "content": [text("Par")]}]


def test_joins_neighbours_where_a_reply_left_nothing() -> None:
    path = [
        message("user", text("a")),
        message("assistant", text(" "), status="failed"),
        message("user", text("b")),
        message("assistant", text("\n\n"), status="done"),
        message("user", text("c")),
    ]

    assert to_api(path) == [{"role": "user", "content": [text("a"), text("b"), text("c")]}]


def test_leaves_out_what_was_refused_and_what_it_answered() -> None:
    path = [
        message("user", text("a")),
        message("assistant", text("b"), status="done"),
        message("user", text("bad")),
        message("assistant", text("no"), status="refused"),
        message("user", text("c")),
    ]

    assert to_api(path[:3])[-1]["content"] == [text("bad")]
    assert [block["text"] for sent in to_api(path) for block in sent["content"]] == ["a", "b", "c"]


def test_sends_no_thoughts_back_nor_a_reply_of_nothing_else() -> None:
    path = [
        message("user", text("a")),
        message("assistant", THINKING, text("b"), status="done"),
        message("user", text("c")),
        message("assistant", THINKING, {"type": "redacted_thinking", "data": "x"}, status="done"),
        message("user", text("d")),
    ]

    assert to_api(path) == [
        {"role": "user", "content": [text("a")]},
        {"role": "assistant", "content": [text("b")]},
        {"role": "user", "content": [text("c"), text("d")]},
    ]
