"""Text that every store takes."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.text import storable


@given(st.text(st.characters()))
def test_keeps_what_can_be_stored(text: str) -> None:
    stored = storable(text)

    assert stored.encode().decode() == stored
    assert "\0" not in stored
    assert len(stored) == len(text)
    assert all(new in (old, "\ufffd") for old, new in zip(text, stored, strict=True))


def test_replaces_what_cannot() -> None:
    assert storable("a\0b\ud83dc") == "a\ufffdb\ufffdc"
