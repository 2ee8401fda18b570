"""What Rill asks of Claude, as a value."""

from dataclasses import dataclass, field
from typing import Any, Literal

Thinking = Literal["off", "adaptive"]
#: What is shown of thoughts: a summary, or only that there are any.
Display = Literal["summarized", "omitted"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]

#: Longest reply that is asked for in one piece, in tokens: for more the SDK demands a stream, because it expects them
#: to take longer than ten minutes (``anthropic._base_client``, 128,000 tokens an hour).
WHOLE_TOKENS = 21_333


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """One request to the Messages API; ``messages`` is in the API's own form.

    ``schema`` is the JSON Schema the reply has to follow. A request that is not ``is_streamed`` is answered in one
    piece, once Claude is done. ``user_id`` tells Anthropic which requests are of one person, without saying who.
    """

    model: str
    max_tokens: int
    messages: list[dict[str, Any]] = field(repr=False)
    system: str | None = field(default=None, repr=False)
    thinking: Thinking = "off"
    display: Display = "summarized"
    effort: Effort | None = None
    schema: dict[str, Any] | None = field(default=None, repr=False)
    is_streamed: bool = True
    user_id: str | None = None
