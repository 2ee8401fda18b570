"""Finished texts are rendered once, and not all are remembered."""

import pytest

from app.web import rendered
from app.web.rendered import Remembered


@pytest.fixture(autouse=True)
def remembered(monkeypatch: pytest.MonkeyPatch) -> Remembered:
    monkeypatch.setattr(rendered, "_remembered", found := Remembered())
    return found


def test_renders_a_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = rendered.html("Good **day**.")
    monkeypatch.setattr(rendered, "rendering", None)  # who asks again would fail

    assert rendered.html("Good **day**.") == first
    assert "<strong>day</strong>" in first


def test_forgets_what_was_not_asked_for_longest(remembered: Remembered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "LIMIT", 30)
    for text in ("one", "two", "three"):
        remembered.put(text, "x" * 7)
        assert remembered.get("one")

    assert [bool(remembered.get(text)) for text in ("one", "two", "three")] == [True, False, True]
    assert remembered.size == len("one" + "three") + 2 * 7


def test_remembers_one_text_of_any_size(remembered: Remembered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "LIMIT", 10)
    remembered.put("long", "x" * 100)
    assert remembered.get("long")

    remembered.put("next", "y" * 100)
    assert remembered.get("long") is None
    assert remembered.size == 104


def test_counts_a_text_once_that_two_rendered(remembered: Remembered) -> None:
    remembered.put("one", "x")
    remembered.put("one", "x")

    assert remembered.size == 4
