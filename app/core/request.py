"""What Rill asks of Claude, as a value."""

from dataclasses import dataclass, field
from typing import Any, Literal

Thinking = Literal["off", "adaptive"]


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """One request to the Messages API; ``messages`` is in the API's own form."""

    model: str
    max_tokens: int
    messages: list[dict[str, Any]] = field(repr=False)
    system: str | None = field(default=None, repr=False)
    thinking: Thinking = "off"
