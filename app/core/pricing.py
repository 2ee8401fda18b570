"""What Claude's tokens cost, and how many a request may take at most."""

import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from app.core.catalog import undated
from app.core.request import MessagesRequest

#: When the prices were read, from https://platform.claude.com/docs/en/models and the pages of the models.
AS_OF = "2026-11-23"

#: A token is at least so many bytes of UTF-8 on average where people write, in any language: used where Claude has not
#: counted yet. Of digits and signs each byte may be one; of letters that make no words, too, which is not foreseen.
_BYTES = 2.5
_LETTERS = re.compile(r"[^\W\d_]+| +")
#: What a message, and an image, take besides, in tokens.
_PER_MESSAGE, _PER_IMAGE = 10, 5_000
#: Prompts of Haiku 5.5 above this many tokens cost more.
_LONG = 100_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """How many tokens of each kind; ``write_1h`` and ``write_5m`` went into the cache, ``read`` came out of it."""

    input: int = 0
    output: int = 0
    read: int = 0
    write_5m: int = 0
    write_1h: int = 0

    @classmethod
    def of(cls, usage: Mapping[str, Any]) -> "Tokens":
        """Read what Claude counted; writes of an unknown kind count as the dear ones."""
        kinds = usage.get("cache_creation")
        short = _count(kinds.get("ephemeral_5m_input_tokens")) if isinstance(kinds, dict) else 0
        written = _count(usage.get("cache_creation_input_tokens"))
        return cls(
            input=_count(usage.get("input_tokens")),
            output=_count(usage.get("output_tokens")),
            read=_count(usage.get("cache_read_input_tokens")),
            write_5m=min(short, written),
            write_1h=max(0, written - short),
        )

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def prompt(self) -> int:
        """All that went in."""
        return self.input + self.read + self.write_5m + self.write_1h

    @property
    def all(self) -> int:
        """All that went in and came out."""
        return self.prompt + self.output


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of a model, in billionths of a dollar a token: $1 a million tokens is 1,000."""

    input: int
    output: int
    read: int
    write_5m: int
    write_1h: int

    def micros(self, tokens: Tokens) -> int:
        """Give what tokens cost, in millionths of a dollar, rounded up."""
        nanos = (
            self.input * tokens.input
            + self.output * tokens.output
            + self.read * tokens.read
            + self.write_5m * tokens.write_5m
            + self.write_1h * tokens.write_1h
        )
        return -(-nanos // 1_000)


def _price(dollars_in: float, dollars_out: float, read: float | None = None) -> Price:
    """Make prices from dollars a million tokens: writes to the cache cost 1.25 and 2 times, reads usually a tenth."""
    nanos = round(1_000 * dollars_in)
    read_nanos = round(1_000 * (dollars_in / 10 if read is None else read))
    return Price(nanos, round(1_000 * dollars_out), read_nanos, nanos * 5 // 4, nanos * 2)


_PRICES = {
    "claude-fable-5-1": _price(10, 50),
    "claude-opus-5-5": _price(4, 20),
    "claude-opus-5": _price(5, 25),
    "claude-sonnet-5-5": _price(2, 10, read=0.1),
    "claude-sonnet-5": _price(2, 10),
    "claude-haiku-5-5": _price(0.1, 0.5),
}
_LONG_PRICES = {"claude-haiku-5-5": _price(0.5, 2.5)}
#: Of a model that is not known it is assumed that it costs as much as the dearest that is.
_DEAREST = max(_PRICES.values(), key=lambda price: price.output)


def is_known(model: str) -> bool:
    """Say whether the price of a model is in the table."""
    return undated(model) in _PRICES


def cost(model: str, tokens: Tokens) -> int:
    """Give what a call costs, in millionths of a dollar."""
    name = undated(model)
    price = _PRICES.get(name, _DEAREST)
    if tokens.prompt > _LONG:
        price = _LONG_PRICES.get(name, price)
    return price.micros(tokens)


def most(request: MessagesRequest) -> Tokens:
    """Estimate what a request may take: its text, from above, as if all went into the cache, and the longest reply."""
    texts, images = [request.system or "", json.dumps(request.schema) if request.schema else ""], 0
    for message in request.messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        images += sum(block.get("type") == "image" for block in blocks)
        texts += [_text(block) for block in blocks if block.get("type") != "image"]
    prompt = int(sum(map(weight, texts))) + _PER_MESSAGE * (len(request.messages) + 1) + _PER_IMAGE * images
    return Tokens(write_5m=prompt, output=request.max_tokens)


def weight(text: str) -> float:
    """Estimate from above how many tokens a piece of text takes that Claude has not counted."""
    if text.isascii() and text.replace(" ", "").isalpha():  # nearly always, and asked for each piece of a reply
        return len(text) / _BYTES
    signs = len(_LETTERS.sub("", text).encode())
    return signs + (len(text.encode()) - signs) / _BYTES


def _text(block: Mapping[str, Any]) -> str:
    return " ".join(value for value in block.values() if isinstance(value, str))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
