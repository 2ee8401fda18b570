"""What is known of models: from Claude's Models API, or from this table where that cannot be asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from app.core.request import MessagesRequest
from app.core.text import storable

#: When the table was made, from https://platform.claude.com/docs/en/models.
AS_OF = "2026-11-23"

_DAY = re.compile(r"-\d{8}\Z")


@dataclass(frozen=True, slots=True)
class Model:
    """A model: what it is called, how much it takes and gives, in tokens, and what it can; None is not known.

    ``source`` is ``anthropic``, or ``table`` with the day it was made.
    """

    id: str
    display_name: str
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    capabilities: dict[str, Any] = field(default_factory=dict)
    lifecycle: str = "active"
    retires_at: str | None = None
    source: str = "anthropic"
    as_of: str | None = None


_T = TypeVar("_T")

#: The types of thinking that are none up front, and the efforts with which they are refused
#: (https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting).
_OFF = ("disabled", "between_tools")
_HARD = ("xhigh", "max")


def _capable(off: str) -> dict[str, Any]:
    names = ("image_input", "pdf_input", "structured_outputs")
    types = {name: {"supported": name in ("adaptive", off)} for name in ("adaptive", *_OFF)}
    return {name: {"supported": True} for name in names} | {"thinking": {"supported": True, "types": types}}


_KNOWN = {
    id: Model(id, name, 1_000_000, 128_000, _capable(off), source="table", as_of=AS_OF)
    for id, name, off in (
        ("claude-fable-5-1", "Claude Fable 5.1", ""),
        ("claude-opus-5-5", "Claude Opus 5.5", ""),
        ("claude-sonnet-5-5", "Claude Sonnet 5.5", "between_tools"),
        ("claude-haiku-5-5", "Claude Haiku 5.5", "disabled"),
        ("claude-opus-5", "Claude Opus 5", "disabled"),
        ("claude-sonnet-5", "Claude Sonnet 5", "disabled"),
    )
}


def known(id: str) -> Model:
    """Give what the table says of a model: of others, only the id."""
    found = _KNOWN.get(undated(id))
    return replace(found, id=id) if found else Model(id, id, source="table", as_of=AS_OF)


def undated(model: str) -> str:
    """Give the name of a model without the day of its version, which Claude may add to the one that was asked for."""
    return _DAY.sub("", model)


def thinking_off(model: Model, request: MessagesRequest) -> str | None:
    """Give the type of ``thinking`` that keeps a model from thinking first, as most do unless told not to.

    None where there is none that it takes, or not with this effort, or nothing is known of it.
    """
    types = _dict(_dict(model.capabilities.get("thinking")).get("types"))
    takes = (name for name in _OFF if _dict(types.get(name)).get("supported") is True)
    return None if request.effort in _HARD else next(takes, None)


def read(answer: Any) -> list[Model]:
    """Read what the Models API answers; entries that are none are passed over.

    Raises ValueError for an answer of another shape, and where no entry can be read.
    """
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no list of models")
    models = list(_models(entries))
    if entries and not models:
        raise ValueError("no model in the list")
    return models


def _models(entries: list[Any]) -> Iterator[Model]:
    for entry in entries:
        id = _of(str, entry.get("id")) if isinstance(entry, dict) else None
        if not id:
            continue
        yield Model(
            storable(id),
            storable(_of(str, entry.get("display_name")) or id),
            _count(entry.get("max_input_tokens")),
            _count(entry.get("max_tokens")),
            _dict(entry.get("capabilities")),
            _of(str, entry.get("lifecycle")) or "active",
            _of(str, entry.get("retires_at")),
        )


def _dict(value: Any) -> dict[str, Any]:
    return _of(dict, value) or {}


def _of(kind: type[_T], value: Any) -> _T | None:
    return value if isinstance(value, kind) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None
