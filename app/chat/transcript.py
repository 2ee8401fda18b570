"""From stored messages to the request that is sent to Claude."""

from collections.abc import Sequence
from typing import Any

from app.adapters.models import Message


def to_api(path: Sequence[Message]) -> list[dict[str, Any]]:
    """Write a path of messages in the API's form.

    Replies of which nothing is left, and refused ones, are passed over; neighbours of one role become one
    message, because roles alternate in the API.
    """
    messages: list[dict[str, Any]] = []
    for message in path:
        content = _sendable(message)
        if not content:
            continue
        if messages and messages[-1]["role"] == message.role:
            messages[-1]["content"] += content
        else:
            messages.append({"role": message.role, "content": content})
    return messages


def _sendable(message: Message) -> list[dict[str, Any]]:
    if message.role == "user" or message.status == "done":
        return [block for block in message.content if block.get("type") != "text" or block.get("text")]
    if message.status == "refused":
        return []
    return [
        {"type": "text", "text": block["text"]}
        for block in message.content
        if block.get("type") == "text" and (block.get("text") or "").strip()
    ]
