"""Presets: named system prompts."""

from collections.abc import Iterator

import pytest

from app.adapters.db import Database
from app.chat import audit, presets
from app.core.errors import Conflict, Invalid, NotFound


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """Give a database with the tables."""
    db = Database(database_url)
    yield db
    db.close()


def add(db: Database, name: str, prompt: str = "Do.") -> str:
    db.write(presets.add, "root", name=name, prompt=prompt)
    return next(each.id for each in db.read(presets.every) if each.name == " ".join(name.split()))


def test_adds_changes_and_removes(db: Database) -> None:
    tutor = add(db, "  Tutor \n for maths ", "Teach.\r\nAsk back. ")
    add(db, "editor")
    assert [(each.name, each.prompt) for each in db.read(presets.every)] == [
        ("editor", "Do."),
        ("Tutor for maths", "Teach.\nAsk back."),
    ]

    db.write(presets.change, "root", tutor, name="Tutor", prompt="Teach.")
    db.write(presets.change, "root", tutor, name="Tutor", prompt="Teach.")
    db.write(presets.remove, "root", tutor)

    assert [each.name for each in db.read(presets.every)] == ["editor"]
    assert [(row.action, row.subject, row.detail) for row in db.read(audit.latest)] == [
        ("preset.removed", "Tutor", ""),
        ("preset.changed", "Tutor", ""),
        ("preset.added", "editor", ""),
        ("preset.added", "Tutor for maths", ""),
    ]


@pytest.mark.parametrize(
    ("name", "prompt", "error"),
    [
        ("", "Do.", Invalid),
        ("x" * 61, "Do.", Invalid),
        ("New", " ", Invalid),
        ("New", "x" * 20_001, Invalid),
        ("EDITOR", "Do.", Conflict),
    ],
)
def test_refuses_what_makes_no_preset(db: Database, name: str, prompt: str, error: type[Exception]) -> None:
    add(db, "editor")
    other = add(db, "other")
    before = db.read(presets.every)

    with pytest.raises(error, match="Nothing was changed"):
        db.write(presets.add, "root", name=name, prompt=prompt)
    with pytest.raises(error, match="Nothing was changed"):
        db.write(presets.change, "root", other, name=name, prompt=prompt)
    assert db.read(presets.every) == before


def test_has_an_end(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "MOST", 1)
    add(db, "editor")

    with pytest.raises(Invalid, match="Remove one first"):
        add(db, "other")
    with pytest.raises(NotFound):
        db.write(presets.remove, "root", "x")
    with pytest.raises(NotFound):
        db.write(presets.change, "root", "x", name="New", prompt="Do.")
