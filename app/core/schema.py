"""Replies that have to follow a JSON Schema: as far as that is looked at."""

from collections.abc import Mapping
from typing import Any

from app.core.text import from_json


def follow(text: str, schema: Mapping[str, Any]) -> Any:
    """Read a reply that follows a schema; only what it says of the outermost object is looked at.

    :raises ValueError: where it does not
    """
    value = from_json(text)
    if schema.get("type") == "object":
        if not isinstance(value, dict):
            raise ValueError("not an object")
        required = schema.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        if missing := [name for name in names if name not in value]:
            raise ValueError(f"without {missing[0]}")
    return value
