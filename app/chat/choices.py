"""What administrators may choose, checked one by one against what the environment allows."""

from collections.abc import Callable
from datetime import date
from typing import Any

from app.core.errors import Invalid
from app.core.settings import Settings
from app.core.text import storable

#: Longest system prompt, and longest sentence on top of pages, in characters.
MAX_PROMPT, MAX_NOTICE = 20_000, 500
THINKING = ("off", "adaptive", "never")
_KEPT = "Nothing was changed."


def checked(chosen: dict[str, Any], before: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Give choices as they are stored; ``before`` holds the others. Raises Invalid."""
    found = {name: _CHECKS[name](value, settings) for name, value in chosen.items()}
    if "models" in found or "model" in found:
        now = before | found
        if now["model"] not in now["models"]:
            raise Invalid(f"The model for new replies must be one of those that are offered. {_KEPT}")
    return found


def prompt(value: str) -> str:
    """Give a system prompt as it is stored; raises Invalid."""
    text = storable(value).replace("\r\n", "\n").strip()
    if len(text) > MAX_PROMPT:
        raise Invalid(f"A system prompt has up to {MAX_PROMPT:,} characters; this has {len(text):,}. {_KEPT}")
    return text


def _models(value: list[str], settings: Settings) -> list[str]:
    if strange := next((id for id in value if id not in settings.models), None):
        raise Invalid(f"The environment does not allow the model {strange[:80]} (RILL_MODELS). {_KEPT}")
    if not value:
        raise Invalid(f"Offer at least one model. {_KEPT}")
    return [id for id in settings.models if id in value]


def _model(value: str, settings: Settings) -> str:
    return value  # it is compared with all that are offered


def _max_tokens(value: str, settings: Settings) -> int:
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
    if not 1 <= number <= settings.max_tokens:
        raise Invalid(f"The longest reply has from 1 to {settings.max_tokens:,} tokens (RILL_MAX_TOKENS). {_KEPT}")
    return number


def _thinking(value: str, settings: Settings) -> str:
    if value not in THINKING:
        raise Invalid(f"Choose when Claude thinks first. {_KEPT}")
    return value


def _flag(value: bool, settings: Settings) -> bool:
    return value


def _api_system(value: bool, settings: Settings) -> bool:
    if value and not settings.api_system:
        raise Invalid(f"The environment does not let programs send a system prompt (RILL_API_SYSTEM). {_KEPT}")
    return value


def _prompt(value: str, settings: Settings) -> str:
    return prompt(value)


def _sentence(value: str, settings: Settings) -> str:
    text = " ".join(storable(value).split())
    if len(text) > MAX_NOTICE:
        raise Invalid(f"What stands on top of pages has up to {MAX_NOTICE} characters; this has {len(text)}. {_KEPT}")
    return text


def _date(value: str, settings: Settings) -> str:
    try:
        return date.fromisoformat(value).isoformat() if value else ""
    except ValueError:
        raise Invalid(f"The last day must be a date, such as 2026-12-31. {_KEPT}") from None


_CHECKS: dict[str, Callable[[Any, Settings], Any]] = {
    "models": _models,
    "model": _model,
    "max_tokens": _max_tokens,
    "thinking": _thinking,
    "api": _flag,
    "api_system": _api_system,
    "system_prompt": _prompt,
    "notice": _sentence,
    "notice_until": _date,
    "pause": _sentence,
}
