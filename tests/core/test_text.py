"""Text that every store takes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.text import MAX_DEPTH, from_json, lowered, plain, storable

FLAT = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ANY = st.recursive(FLAT, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=200)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("ann", "ann"),
        ("  Ann \t of\nthe\u00a0North ", "Ann of the North"),
        ("eve\u202enimda", "evenimda"),
        ("a\0b\x1b[2Jc\u200bd\ufeffe\u2066f\ue000g\ud83dh", "ab[2Jcdefgh"),
        ("\u202e\0", ""),
        ("Zoë Müller 日本", "Zoë Müller 日本"),
    ],
)
def test_leaves_out_what_cannot_be_seen(text: str, seen: str) -> None:
    assert plain(text) == seen


@given(st.text(st.characters()))
def test_makes_only_what_is_ascii_small(text: str) -> None:
    changed = [(old, new) for old, new in zip(text, lowered(text), strict=True) if old != new]

    assert all(old in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" and new == old.lower() for old, new in changed)
    assert lowered("ANN@Straße.Example\u212a") == "ann@straße.example\u212a"


@given(st.text(st.characters()))
def test_keeps_what_can_be_stored(text: str) -> None:
    stored = storable(text)

    assert stored.encode().decode() == stored
    assert "\0" not in stored
    assert len(stored) == len(text)
    assert all(new in (old, "\ufffd") for old, new in zip(text, stored, strict=True))


def test_replaces_what_cannot() -> None:
    assert storable("a\0b\ud83dc") == "a\ufffdb\ufffdc"


@given(ANY, st.booleans())
def test_reads_json_as_it_is(value: Any, is_escaped: bool) -> None:
    written = json.dumps(value, ensure_ascii=is_escaped)

    assert from_json(written) == json.loads(written.replace("\\u0000", "\ufffd"))


def test_reads_nul_as_what_can_be_stored() -> None:
    assert from_json(r'{"a\u0000": ["\u0000\u0000b", "\\u0000", "\\\u0000"]}') == {
        "a\ufffd": ["\ufffd\ufffdb", "\\u0000", "\\\ufffd"]
    }


def test_reads_half_a_surrogate_pair_as_what_can_be_sent() -> None:
    assert from_json('{"a\\ud83d": ["\\udc00", "\\ud83d\\ude00"]}') == {"a\ufffd": ["\ufffd", "\U0001f600"]}


NO_JSON = [("", "Expecting"), ("{", "Expecting"), ("NaN", "no JSON"), ("[-Infinity]", "no JSON")]


@pytest.mark.parametrize(("text", "why"), [*NO_JSON, ("[" * 100_000, "deep"), ("1" * 5_000, "digits")])
def test_refuses_what_is_no_json(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        from_json(text)


def test_refuses_json_that_is_nested_deeper_than_pages_can_read() -> None:
    assert from_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert from_json("[" + ",".join(["{}"] * 500) + "]")
    with pytest.raises(ValueError, match="deep"):
        from_json('{"a":' * (MAX_DEPTH + 1) + "[]" + "}" * (MAX_DEPTH + 1))
