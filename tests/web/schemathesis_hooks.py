"""What a JSON Schema cannot say of a request: a conversation begins and ends with the person."""

from typing import Any

import schemathesis


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    messages = body.get("messages") if isinstance(body, dict) else None
    for message in [messages[0], messages[-1]] if isinstance(messages, list) and messages else []:
        if isinstance(message, dict) and message.get("role") == "assistant":
            message["role"] = "user"
    return body
