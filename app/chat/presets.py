"""Presets: system prompts with names, which people choose for a new conversation."""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.db import Turn, take_turn
from app.adapters.models import new_id
from app.adapters.people import Option
from app.chat import audit
from app.chat.choices import prompt as checked_prompt
from app.core.errors import Conflict, Invalid, NotFound
from app.core.text import storable

#: Most presets, and longest name of one, in characters.
MOST, MAX_NAME = 50, 60
_PREFIX = "preset:"
_KEPT = "Nothing was changed."


@dataclass(frozen=True, slots=True)
class Preset:
    """A system prompt with a name."""

    id: str
    name: str
    prompt: str = field(repr=False)


def every(session: Session) -> tuple[Preset, ...]:
    """List the presets by name."""
    rows = session.scalars(select(Option).where(Option.name.startswith(_PREFIX)))
    found = (Preset(row.name.removeprefix(_PREFIX), row.value["name"], row.value["prompt"]) for row in rows)
    return tuple(sorted(found, key=lambda preset: preset.name.casefold()))


def add(session: Session, actor: str, *, name: str, prompt: str) -> None:
    """Add a preset; raises Invalid, Conflict."""
    value = _checked(session, None, name, prompt)
    if len(every(session)) >= MOST:
        raise Invalid(f"There are {MOST} presets already. Remove one first. {_KEPT}")
    session.add(Option(name=_PREFIX + new_id(), value=value))
    audit.note(session, actor, "preset.added", value["name"])


def change(session: Session, actor: str, id: str, *, name: str, prompt: str) -> None:
    """Give a preset another name or prompt; conversations keep what they began with. Raises as ``add``, NotFound."""
    row = _get(session, id)
    value = _checked(session, id, name, prompt)
    if value != row.value:
        row.value = value
        audit.note(session, actor, "preset.changed", value["name"])


def remove(session: Session, actor: str, id: str) -> None:
    """Offer a preset no longer; conversations keep it. Raises NotFound."""
    row = _get(session, id)
    session.delete(row)
    audit.note(session, actor, "preset.removed", row.value["name"])


def _get(session: Session, id: str) -> Option:
    if (row := session.get(Option, _PREFIX + storable(id))) is None:
        raise NotFound("There is no such preset.")
    return row


def _checked(session: Session, id: str | None, name: str, prompt: str) -> dict[str, str]:
    take_turn(session, Turn.OPTIONS)
    name, prompt = " ".join(storable(name).split()), checked_prompt(prompt)
    if not 1 <= len(name) <= MAX_NAME:
        raise Invalid(f"A preset has a name of up to {MAX_NAME} characters. {_KEPT}")
    if not prompt:
        raise Invalid(f"A preset has a system prompt. {_KEPT}")
    if any(other.name.casefold() == name.casefold() and other.id != id for other in every(session)):
        raise Conflict(f"There is a preset called {name} already. {_KEPT}")
    return {"name": name, "prompt": prompt}
