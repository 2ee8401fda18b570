"""From stored messages to the request that is sent to Claude."""

from collections.abc import Sequence
from typing import Any

from app.adapters.models import Message

#: Blocks that are bound to everything before them, the system prompt too, which may have changed since. Without tools
#: Claude does not need them back (https://platform.claude.com/docs/en/build-with-claude/preserved-thinking).
_THOUGHTS = ("thinking", "redacted_thinking")


def to_api(path: Sequence[Message]) -> list[dict[str, Any]]:
    """Write a path of messages in the API's form.

    Replies of which nothing is left are passed over, and refused ones with what they answer, or Claude would refuse
    again; neighbours of one role become one message, because roles alternate in the API.
    """
    messages: list[dict[str, Any]] = []
    for message, following in zip(path, [*path[1:], None], strict=True):
        is_refused = following is not None and following.status == "refused"
        content = [] if is_refused else _sendable(message)
        if not content:
            continue
        if messages and messages[-1]["role"] == message.role:
            messages[-1]["content"] += content
        else:
            messages.append({"role": message.role, "content": content})
    return messages


def _sendable(message: Message) -> list[dict[str, Any]]:
    if message.status == "refused":
        return []
    said = [block for block in message.content if block.get("type") not in _THOUGHTS and _says_something(block)]
    if message.role == "user" or message.status == "done":
        return said
    return [{"type": "text", "text": block["text"]} for block in said if block.get("type") == "text"]


def _says_something(block: dict[str, Any]) -> bool:
    return block.get("type") != "text" or bool((block.get("text") or "").strip())
