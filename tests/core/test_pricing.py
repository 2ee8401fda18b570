"""Prices and estimates: exact where Claude counted, from above where not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.pricing import Tokens, cost, most, weight
from app.core.request import MessagesRequest

counts = st.integers(0, 2_000_000)


@pytest.mark.parametrize(
    ("model", "usage", "micros"),
    [
        ("claude-sonnet-5-5", {"input_tokens": 1_000_000, "output_tokens": 1_000_000}, 12_000_000),
        ("claude-sonnet-5-5", {"cache_read_input_tokens": 1_000_000}, 100_000),
        ("claude-opus-5-5", {"input_tokens": 1_000, "output_tokens": 500}, 14_000),
        ("claude-fable-5-1", {"input_tokens": 1, "output_tokens": 1}, 60),
        ("claude-haiku-5-5", {"input_tokens": 100_000, "output_tokens": 1_000}, 10_500),
        ("claude-haiku-5-5", {"input_tokens": 100_001, "output_tokens": 1_000}, 52_501),
        ("claude-haiku-5-5-20261001", {"input_tokens": 100_001, "output_tokens": 1_000}, 52_501),
        ("claude-haiku-5-5", {"input_tokens": 1}, 1),
        ("claude-haiku-5-5-20261001", {"input_tokens": 1}, 1),
        ("claude-sonnet-5-5", {"cache_creation_input_tokens": 1_000_000}, 4_000_000),
        (
            "claude-sonnet-5-5",
            {"cache_creation_input_tokens": 1_000_000, "cache_creation": {"ephemeral_5m_input_tokens": 1_000_000}},
            2_500_000,
        ),
        ("some-other-model", {"input_tokens": 1_000, "output_tokens": 1_000}, 60_000),
        ("claude-sonnet-5-5", {}, 0),
        ("claude-sonnet-5-5", {"input_tokens": -5, "output_tokens": "many", "cache_read_input_tokens": None}, 0),
    ],
)
def test_costs_what_the_list_says(model: str, usage: dict[str, object], micros: int) -> None:
    assert cost(model, Tokens.of(usage)) == micros


@given(st.lists(counts, min_size=5, max_size=5))
def test_never_costs_less_for_more(tokens: list[int]) -> None:
    for model in ("claude-haiku-5-5", "claude-opus-5-5", "unknown"):
        price = cost(model, Tokens(*tokens))
        assert price >= 0
        for place in range(5):
            assert cost(model, Tokens(*(count + (place == n) for n, count in enumerate(tokens)))) >= price


@given(st.text(max_size=500))
def test_estimates_no_less_than_a_token_for_three_bytes(text: str) -> None:
    asked = most(MessagesRequest("claude-sonnet-5-5", 100, [{"role": "user", "content": text}], system=text))

    assert asked.prompt >= 2 * len(text.encode()) / 3
    assert asked.output == 100


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("five words of plain prose", 10),
        ("слова и буквы", 10),
        ("1234567890", 10),
        ("{}[]();!#$", 10),
        ("\u200b\u200b", 6),
        ("\N{GRINNING FACE}", 4),
        ("", 0),
    ],
)
def test_weighs_digits_and_signs_as_a_token_a_byte(text: str, tokens: int) -> None:
    assert weight(text) == pytest.approx(tokens, abs=0.5)


def test_counts_images_and_blocks() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 1_000_000}}
    text = {"type": "text", "text": "x" * 250}
    asked = most(MessagesRequest("m", 1, [{"role": "user", "content": [image, text]}]))

    assert 5_100 < asked.prompt < 5_200
