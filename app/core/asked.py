"""What a program asks for at ``POST /api/chat``: the fields of its JSON, read strictly."""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, get_args

from app.core.errors import Malformed
from app.core.events import Json
from app.core.request import Display, Effort, Thinking
from app.core.text import finite, storable

#: Most messages of a conversation that is sent along.
MAX_MESSAGES = 1_000
#: Longest JSON Schema, in characters as JSON.
MAX_SCHEMA = 100_000
#: Most values in a body, counting strings, lists, objects and commas.
MAX_VALUES = 100_000
_VALUES = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{,]', re.S)
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields as they were given; None where one was not. ``display`` is a part of ``thinking``."""

    message: str | None = field(default=None, repr=False)
    messages: list[Json] | None = field(default=None, repr=False)
    system: str | None = field(default=None, repr=False)
    model: str | None = None
    max_tokens: int | None = None
    effort: Effort | None = None
    thinking: Thinking | None = None
    schema: Json | None = field(default=None, repr=False)
    conversation: str | None = None
    events: bool = False
    stream: bool | None = None
    display: Display | None = None


def read(body: bytes) -> Asked:
    """Read the body of a request; raises Malformed with a sentence that names the field."""
    given = _object("The body", _parsed(body))
    known = _FIELDS.keys()
    for name in given:
        if name not in known:
            raise Malformed(f"There is no field {_named(name)}. The fields are: {', '.join(known)}.")
    checked = {name: _FIELDS[name](name, value) for name, value in given.items() if value is not None}
    asked = Asked(**checked, display=_display(given.get("thinking")))
    if (asked.message is None) == (asked.messages is None):
        raise Malformed("Send either message, a text, or messages, a conversation in the API's form.")
    if asked.conversation is not None:
        _refuse_with(asked, "conversation", "messages", "system", "max_tokens", "effort", "thinking", "schema")
    if asked.schema is not None:
        _refuse_with(asked, "schema", "events", "stream")
    return asked


def _refuse_with(asked: Asked, what: str, *names: str) -> None:
    for name in names:
        if getattr(asked, name) not in (None, False):
            raise Malformed(f"{name} cannot be used together with {what}.")


def _parsed(body: bytes) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)

    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES and _has_too_many(body):
        raise Malformed(f"The body has too many values: {MAX_VALUES:,} at most.")
    try:
        parsed = json.loads(body.decode("utf-8-sig"), parse_constant=refuse, parse_float=finite)
        if b"\\u" in body:  # half of a surrogate pair can be written, but never be sent
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Malformed('The body is not JSON: send an object such as {"message": "Hello"}.') from None
    return parsed


def _has_too_many(body: bytes) -> bool:
    """Count the strings and marks of a JSON text, before each of them takes memory; those within strings are text."""
    return sum(1 for _value in islice(_VALUES.finditer(body), MAX_VALUES + 1)) > MAX_VALUES


def _named(name: str) -> str:
    return json.dumps(name[:60], ensure_ascii=False)


def _object(name: str, value: Any, known: Collection[str] | None = None) -> Json:
    if not isinstance(value, dict):
        raise Malformed(f"{name} must be an object.")
    for key in value:
        if known is not None and key not in known:
            raise Malformed(f"{name} has a field {_named(key)}, which is not known here.")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed(f"{name} must be a text.")
    return storable(value)


def _words(name: str, value: Any) -> str:
    if not _text(name, value).strip():
        raise Malformed(f"{name} must not be empty.")
    return storable(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Malformed(f"{name} must be true or false.")
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():  # 3.0 is a whole number in JSON
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Malformed(f"{name} must be a whole number of at least 1.")
    return value


def _one_of(choices: Collection[str]) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise Malformed(f"{name} must be one of: {', '.join(choices)}.")
        return value

    return check


def _thinking(name: str, value: Any) -> str:
    if isinstance(value, dict):  # as the API itself has it
        kind = _one_of(("adaptive", "disabled"))(f"{name}.type", value.get("type"))
        _object(name, value, ("type", "display") if kind == "adaptive" else ("type",))
        value = "off" if kind == "disabled" else kind
    return _one_of(get_args(Thinking))(name, value)


def _display(thinking: Any) -> Display | None:
    """Read what is to be shown of thoughts; ``thinking`` is a field that has been checked."""
    display = thinking.get("display") if isinstance(thinking, dict) else None
    if display is not None:
        _one_of(get_args(Display))("thinking.display", display)
    return display


def _schema(name: str, value: Any) -> Json:
    schema = _object(name, value)
    if not schema or len(json.dumps(schema)) > MAX_SCHEMA:
        raise Malformed(f"{name} must be a JSON Schema, not empty and of {MAX_SCHEMA:,} characters at most.")
    return schema


def _messages(name: str, value: Any) -> list[Json]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_MESSAGES:
        raise Malformed(f"{name} must be a list of 1 to {MAX_MESSAGES:,} messages.")
    messages = [_message(f"{name}[{n}]", message) for n, message in enumerate(value)]
    if messages[0]["role"] != "user" or messages[-1]["role"] != "user":
        raise Malformed(f"{name} must begin and end with a message of the role user.")
    return messages


def _message(name: str, value: Any) -> Json:
    message = _object(name, value, ("role", "content"))
    role = _one_of(("user", "assistant"))(f"{name}.role", message.get("role"))
    content = message.get("content")
    if isinstance(content, str):
        return {"role": role, "content": _words(f"{name}.content", content)}
    if not isinstance(content, list) or not content:
        raise Malformed(f"{name}.content must be a text, or a list of blocks.")
    return {"role": role, "content": [_block(f"{name}.content[{n}]", block) for n, block in enumerate(content)]}


def _block(name: str, value: Any) -> Json:
    block = _object(name, value)
    kind = _one_of(("text", "image"))(f"{name}.type", block.get("type"))
    if kind == "text":
        _object(name, block, ("type", "text"))
        return {"type": "text", "text": _words(f"{name}.text", block.get("text"))}
    _object(name, block, ("type", "source"))
    return {"type": "image", "source": _source(f"{name}.source", block.get("source"))}


def _source(name: str, value: Any) -> Json:
    source = _object(name, value)
    if source.get("type") != "base64":  # an address a program names is nothing to be fetched, by Rill or for it
        raise Malformed(f"{name}.type must be base64: send the image itself, not its address.")
    _object(name, source, ("type", "media_type", "data"))
    kind = _one_of(_IMAGES)(f"{name}.media_type", source.get("media_type"))
    return {"type": "base64", "media_type": kind, "data": _base64(f"{name}.data", source.get("data"))}


def _base64(name: str, value: Any) -> str:
    data = "".join(_text(name, value).split())  # tools break it into lines
    try:
        is_some = bool(b64decode(data, validate=True))
    except ValueError:
        is_some = False
    if not is_some:
        raise Malformed(f"{name} must be an image in Base64.")
    return data


_FIELDS: dict[str, Callable[[str, Any], Any]] = {
    "message": _text,
    "messages": _messages,
    "system": _text,
    "model": _text,
    "max_tokens": _count,
    "effort": _one_of(get_args(Effort)),
    "thinking": _thinking,
    "schema": _schema,
    "conversation": _text,
    "events": _flag,
    "stream": _flag,
}
