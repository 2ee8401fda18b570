"""What is known of models: from Claude's Models API, or from this table where that cannot be asked."""

from dataclasses import dataclass, field
from typing import Any

#: When the table was made, from https://platform.claude.com/docs/en/models.
AS_OF = "2026-11-23"


@dataclass(frozen=True, slots=True)
class Model:
    """A model: what it is called, how much it takes and gives, in tokens, and what it can; None is not known."""

    id: str
    display_name: str
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    capabilities: dict[str, Any] = field(default_factory=dict)
    lifecycle: str = "active"
    retires_at: str | None = None


_CAPABLE = {name: {"supported": True} for name in ("image_input", "pdf_input", "structured_outputs", "thinking")}
_KNOWN = {
    id: Model(id, name, 1_000_000, 128_000, _CAPABLE)
    for id, name in (
        ("claude-fable-5-1", "Claude Fable 5.1"),
        ("claude-opus-5-5", "Claude Opus 5.5"),
        ("claude-sonnet-5-5", "Claude Sonnet 5.5"),
        ("claude-haiku-5-5", "Claude Haiku 5.5"),
        ("claude-opus-5", "Claude Opus 5"),
        ("claude-sonnet-5", "Claude Sonnet 5"),
    )
}


def known(id: str) -> Model:
    """Give what the table says of a model: of others, only the id."""
    return _KNOWN.get(id) or Model(id, id)
