"""What is looked at of a reply that has to follow a schema."""

from typing import Any

import pytest

from app.core.schema import follow

SCHEMA = {"type": "object", "required": ["city"]}


def test_reads_what_follows_the_schema() -> None:
    assert follow(' {"city": "Ulm", "x": [1, null]}\n', SCHEMA) == {"city": "Ulm", "x": [1, None]}
    assert follow("[1]", {"type": "array"}) == [1]


@pytest.mark.parametrize(
    "text",
    [
        *("", "Ulm", '{"city": "Ulm"', '"city"', "[]", "{}", '{"city": NaN}', '{"city": 1} so', '{"city": 1e999}'),
        '{"city": ' + "[" * 3_000 + "]" * 3_000 + "}",
    ],
    ids=range(10),
)
def test_reads_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        follow(text, SCHEMA)


@pytest.mark.parametrize("required", [5, "city", None, {"x": 1}, [5, ["x"], {}]])
def test_asks_for_no_names_that_are_none(required: Any) -> None:
    assert follow('{"a": 1}', {"type": "object", "required": required}) == {"a": 1}
