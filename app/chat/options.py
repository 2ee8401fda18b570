"""What administrators chose: within what the environment allows, and instead of what it has for a default."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from time import monotonic
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.db import Database, Turn, take_turn
from app.adapters.people import Option
from app.chat import audit
from app.chat.choices import checked
from app.chat.presets import Preset, every
from app.core.errors import Unavailable
from app.core.request import Thinking
from app.core.settings import Settings

log = logging.getLogger(__name__)

#: For how long a process goes by what it has read, in seconds.
HOLDS_S = 5.0
#: Claude names the day of a version that was asked for without one.
_DATE = re.compile(r"-\d{8}$")
#: Choices whose value the log names; of the others it says only that they were changed.
_PLAIN = ("models", "model", "max_tokens", "thinking", "api", "api_system", "notice_until")


@dataclass(frozen=True, slots=True)
class Options:
    """What is offered now.

    ``thinking`` is what goes with a reply, and ``has_thinking`` whether programs may ask for it; ``pause`` is the
    sentence that refuses new replies, or empty.
    """

    models: tuple[str, ...]
    model: str
    max_tokens: int
    thinking: Thinking
    has_thinking: bool
    has_api: bool
    has_api_system: bool
    system_prompt: str | None = field(repr=False)
    presets: tuple[Preset, ...] = ()
    notice: str = ""
    notice_until: date | None = None
    pause: str = ""

    def banners(self, today: date) -> list[str]:
        """Give what is to be said on top of every page."""
        is_over = self.notice_until is not None and today > self.notice_until
        return [text for text in (self.pause, "" if is_over else self.notice) if text]

    def model_like(self, used: str | None) -> str:
        """Give the model that a reply came from, named with or without a date, if it is offered; else the default."""
        names = (used, _DATE.sub("", used or ""))
        return next((name for name in names if name in self.models), self.model)

    def check(self) -> None:
        """Raise Unavailable while no new replies are taken."""
        if self.pause:
            raise Unavailable(self.pause)


def read(session: Session, settings: Settings) -> Options:
    """Read what is offered now."""
    now = _now(session, settings)
    models = tuple(id for id in settings.models if id in now["models"]) or settings.models
    default = next(id for id in (now["model"], settings.model, models[0]) if id in models)
    return Options(
        models=models,
        model=default,
        max_tokens=min(now["max_tokens"], settings.max_tokens),
        thinking="adaptive" if now["thinking"] == "adaptive" else "off",
        has_thinking=now["thinking"] != "never",
        has_api=now["api"],
        has_api_system=now["api_system"] and settings.api_system,
        system_prompt=now["system_prompt"] or None,
        presets=every(session),
        notice=now["notice"],
        notice_until=date.fromisoformat(now["notice_until"]) if now["notice_until"] else None,
        pause=now["pause"],
    )


def write(session: Session, actor: str, settings: Settings, chosen: dict[str, Any]) -> None:
    """Store what an administrator chose; what is as the environment has it is not stored. Raises Invalid."""
    take_turn(session, Turn.OPTIONS)
    before = _now(session, settings)
    after = {**before, **checked(chosen, before, settings)}
    for name, value in after.items():
        if value == before[name]:
            continue
        row = session.get(Option, name)
        if value == _of_environment(settings)[name]:
            session.delete(row)
        elif row is None:
            session.add(Option(name=name, value=value))
        else:
            row.value = value
        audit.note(session, actor, "option.changed", name, _told(name, value))


class Current:
    """The options as one process knows them: read again when they are some seconds old, or changed here."""

    def __init__(self, db: Database, settings: Settings, clock: Callable[[], float] = monotonic) -> None:
        self._db, self._settings, self._clock = db, settings, clock
        self._known: Options | None = None
        self._until_s = 0.0
        self._asked = self._answered = 0

    def get(self) -> Options:
        """Give what is offered; raises Unavailable where nobody can know."""
        if self._known is None or self._clock() >= self._until_s:
            return self.renew()
        return self._known

    def renew(self) -> Options:
        """Read it again; without the database, what was known goes on to hold."""
        self._asked += 1
        mine, until_s = self._asked, self._clock() + HOLDS_S
        try:
            found = self._db.read(read, self._settings)
        except Unavailable:
            if self._known is None:
                raise
            log.warning("options.not_read")
            return self._known
        if mine > self._answered:  # an answer to an older question may come later
            self._answered, self._known, self._until_s = mine, found, until_s
        return self._known or found


def _of_environment(settings: Settings) -> dict[str, Any]:
    """Give what holds where nothing was chosen."""
    return {
        "models": list(settings.models),
        "model": settings.model,
        "max_tokens": settings.max_tokens,
        "thinking": settings.thinking,
        "api": True,
        "api_system": settings.api_system,
        "system_prompt": settings.system_prompt or "",
        "notice": "",
        "notice_until": "",
        "pause": "",
    }


def _now(session: Session, settings: Settings) -> dict[str, Any]:
    values = _of_environment(settings)
    rows = session.scalars(select(Option).where(Option.name.in_(values)))
    return values | {row.name: row.value for row in rows}


def _told(name: str, value: Any) -> str:
    if name == "pause":
        return "on" if value else "off"
    if name not in _PLAIN:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(value) if isinstance(value, list) else str(value)
