"""How much may be spent: by all together and by each person, in money and in tokens, by the day and by the month."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.errors import ConfigurationError

#: Commas only between thousands: 0,5 is a half to some, and must not become five.
_AMOUNT = re.compile(r"\$?(?:[0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2})(?:\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets: dollars as millionths, tokens as they are; None is no limit. Days and months are those of UTC."""

    day: int | None = None
    month: int | None = None
    person_day: int | None = None
    person_month: int | None = None
    tokens_day: int | None = None
    tokens_month: int | None = None
    person_tokens_day: int | None = None
    person_tokens_month: int | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def within(self, bound: "Limits") -> "Limits":
        """Give the lower of each two limits; where one has none, the other's."""
        pairs = ((name, [getattr(self, name), getattr(bound, name)]) for name in names())
        return Limits(**{name: min((each for each in both if each is not None), default=None) for name, both in pairs})

    def __str__(self) -> str:
        """Give them as they are written in the environment."""
        return " ".join(f"{name}={amount}" for name, amount in self.written().items() if amount)

    def written(self) -> dict[str, str]:
        """Give each limit as it is written in a form; empty where there is none."""
        return {field.name: _written(field.name, getattr(self, field.name)) for field in fields(self)}


def names() -> list[str]:
    """List the limits there are."""
    return [field.name for field in fields(Limits)]


def read(given: Mapping[str, Any]) -> Limits:
    """Read limits from texts by name; empty is none. Raises ValueError with the name of what is no amount."""
    found: dict[str, int] = {}
    for name, value in given.items():
        text = str(value).strip()
        if not text:
            continue
        if name not in names() or not _AMOUNT.fullmatch(text) or ("tokens" in name and "." in text):
            raise ValueError(name)
        text = text.removeprefix("$").replace(",", "")
        found[name] = int(text) if "tokens" in name else round(float(text) * 1_000_000)
    return Limits(**found)


def parse(name: str, value: str) -> Limits:
    """Read limits from the environment, as ``day=5 person_day=0.5``; raises ConfigurationError."""
    pairs = [part.partition("=") for part in value.replace(",", " ").split()]
    try:
        limits = read({key.replace("-", "_"): amount or "none" for key, _, amount in pairs})
    except ValueError as error:
        raise ConfigurationError(
            f"{name}: {error} is no limit. Write dollars or tokens, such as day=5 person_day=0.5 tokens_month=2000000."
        ) from None
    return limits


def day_of(moment: datetime) -> str:
    """Give the day of an instant, in UTC, as 2026-11-23."""
    return moment.astimezone(UTC).date().isoformat()


def resets_at(moment: datetime, *, is_month: bool) -> datetime:
    """Give when the day, or the month, of an instant is over."""
    start = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if not is_month:
        return start + timedelta(days=1)
    return (start.replace(day=1) + timedelta(days=32)).replace(day=1)


def _written(name: str, value: int | None) -> str:
    if value is None:
        return ""
    return str(value) if "tokens" in name else f"{value / 1_000_000:f}".rstrip("0").rstrip(".")
