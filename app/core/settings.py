"""Everything that can be configured: one frozen dataclass, read strictly from the environment."""

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from app.core.errors import ConfigurationError
from app.core.request import Thinking

Mode = Literal["claude", "demo"]


def _text(name: str, value: str) -> str:
    return value


def _url(name: str, value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ConfigurationError(f"{name} must start with http:// or https://.")
    return value.rstrip("/")


def _database_url(name: str, value: str) -> str:
    scheme, colon, rest = value.partition("://")
    if colon and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if not value.startswith("sqlite:///"):
        raise ConfigurationError(f"{name} must start with sqlite:/// or postgres://.")
    return value


def _redis_url(name: str, value: str) -> str:
    if not value.startswith(("redis://", "rediss://")):
        raise ConfigurationError(f"{name} must start with redis:// or rediss://.")
    return value


def _flag(name: str, value: str) -> bool:
    if value not in ("0", "1"):
        raise ConfigurationError(f"{name} must be 0 or 1.")
    return value == "1"


def _integer(low: int, high: int) -> Callable[[str, str], int]:
    def parse(name: str, value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ConfigurationError(f"{name} must be a whole number from {low} to {high}.")
        return int(value)

    return parse


def _speed(name: str, value: str) -> float:
    try:
        speed = float(value)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1000:
        raise ConfigurationError(f"{name} must be a number above 0 and at most 1000.")
    return speed


def _host(name: str, value: str) -> str:
    try:
        is_loopback = value == "localhost" or ipaddress.ip_address(value).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ConfigurationError(
            f"{name} must be a loopback address such as 127.0.0.1: anyone who can reach Rill can use your key."
        )
    return value


def _names(name: str, value: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in value.split(",") if part.strip())
    if not names:
        raise ConfigurationError(f"{name} must list at least one model, separated by commas.")
    return names


def _origins(name: str, value: str) -> tuple[str, ...]:
    origins = tuple(part.strip().rstrip("/").lower() for part in value.split(",") if part.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise ConfigurationError(f"{name} must list origins such as https://a.example, separated by commas.")
    return origins


def _thinking(name: str, value: str) -> str:
    if value not in get_args(Thinking):
        raise ConfigurationError(f"{name} must be one of: {', '.join(get_args(Thinking))}.")
    return value


def _option(
    env: str, default: Any, about: str, *, parse: Callable[[str, str], Any] = _text, secret: bool = False
) -> Any:
    meta = {"env": env, "about": about, "parse": parse, "secret": secret}
    return field(default=default, repr=not secret, metadata=meta)


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of one process; ``repr`` leaves secrets out."""

    anthropic_api_key: str | None = _option(
        "ANTHROPIC_API_KEY", None, "Key for Claude; without it Rill runs a scripted demo.", secret=True
    )
    anthropic_base_url: str | None = _option(
        "ANTHROPIC_BASE_URL", None, "Another server that speaks the Messages API.", parse=_url
    )
    database_url: str = _option(
        "DATABASE_URL",
        "sqlite:///instance/rill.db",
        "Where conversations are kept: a SQLite file, or postgres://…",
        parse=_database_url,
        secret=True,
    )
    redis_url: str | None = _option(
        "REDIS_URL", None, "Redis, which several processes need; redis:// or rediss://…", parse=_redis_url, secret=True
    )
    redis_verify: bool = _option(
        "RILL_REDIS_VERIFY", True, "0 takes a certificate that rediss:// signed itself, as Heroku's does.", parse=_flag
    )
    concurrency: int = _option(
        "WEB_CONCURRENCY", 1, "Processes; more than one needs Postgres and Redis.", parse=_integer(1, 64)
    )
    allow_ephemeral: bool = _option(
        "RILL_ALLOW_EPHEMERAL", False, "1 allows SQLite on a platform that wipes its disk.", parse=_flag
    )
    host: str = _option("RILL_HOST", "127.0.0.1", "Address to listen on; loopback only.", parse=_host)
    port: int = _option("PORT", 8000, "Port to listen on.", parse=_integer(1, 65535))
    model: str = _option("RILL_MODEL", "claude-sonnet-5-5", "Model for new replies.")
    models: tuple[str, ...] = _option(
        "RILL_MODELS",
        ("claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"),
        "Models people may choose, separated by commas.",
        parse=_names,
    )
    max_tokens: int = _option("RILL_MAX_TOKENS", 8192, "Longest reply, in tokens.", parse=_integer(1, 128_000))
    system_prompt: str | None = _option("RILL_SYSTEM_PROMPT", None, "System prompt of every conversation.")
    thinking: Thinking = _option("RILL_THINKING", "off", "Extended thinking: off, or adaptive.", parse=_thinking)
    traces_days: int = _option(
        "RILL_TRACES_DAYS",
        7,
        "Days for which it is kept when each piece of a reply came (Show stream); 0 is ten minutes.",
        parse=_integer(0, 3650),
    )
    api_system: bool = _option(
        "RILL_API_SYSTEM", False, "1 lets programs send a system prompt of their own to /api/chat.", parse=_flag
    )
    api_origins: tuple[str, ...] = _option(
        "RILL_API_ORIGINS",
        (),
        "Sites whose pages may use the API from browsers: origins such as https://a.example, separated by commas.",
        parse=_origins,
    )
    demo_speed: float = _option("RILL_DEMO_SPEED", 1.0, "Pace of the scripted demo; 2 is twice as fast.", parse=_speed)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings from the environment.

        Empty values count as unset. Raises ConfigurationError with a sentence naming the variable.
        """
        for name in ("ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_LOG"):
            if environ.get(name):  # the SDK would alter requests, or log prompts, behind our back
                raise ConfigurationError(f"{name} must not be set: Rill does not allow it.")
        values = {f.name: value for f in fields(cls) if (value := _read(f, environ)) is not None}
        settings = cls(**values)
        if environ.get("DYNO") and not settings.is_shared and not settings.allow_ephemeral:
            raise ConfigurationError(
                "DATABASE_URL names a SQLite file, and this platform wipes its disk every day. Add a Postgres "
                "database, or set RILL_ALLOW_EPHEMERAL=1 to lose all conversations then."
            )
        if settings.model not in settings.models:
            if "models" in values:
                raise ConfigurationError("RILL_MODEL must be one of RILL_MODELS.")
            return cls(**{**values, "models": (settings.model, *settings.models)})
        return settings

    @property
    def is_shared(self) -> bool:
        """Whether the database can be used by several processes."""
        return self.database_url.startswith("postgresql")

    @property
    def workers(self) -> int:
        """How many processes serve: one, unless they have what they share."""
        return self.concurrency if self.is_shared and self.redis_url else 1

    @property
    def mode(self) -> Mode:
        """``claude`` with a key or another server, else ``demo``."""
        return "claude" if self.anthropic_api_key or self.anthropic_base_url else "demo"


def _read(option: Field[Any], environ: Mapping[str, str]) -> Any:
    name, secret = option.metadata["env"], option.metadata["secret"]
    value = environ.get(name, "").strip()
    path = environ.get(f"{name}_FILE", "").strip() if secret else ""
    if value and path:
        raise ConfigurationError(f"Set either {name} or {name}_FILE, not both.")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name}_FILE names a file that cannot be read.") from error
        if not value:
            raise ConfigurationError(f"{name}_FILE names an empty file.")
    return option.metadata["parse"](name, value) if value else None
