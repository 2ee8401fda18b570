"""Everything that can be configured: one frozen dataclass, read strictly from the environment."""

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from app.core import door, limits, parse
from app.core.addresses import Network
from app.core.errors import ConfigurationError
from app.core.limits import Limits
from app.core.request import Thinking

Mode = Literal["claude", "demo"]


def _option(
    env: str, default: Any, about: str, *, parse: Callable[[str, str], Any] = parse.text, secret: bool = False
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
        "ANTHROPIC_BASE_URL", None, "Another server that speaks the Messages API.", parse=parse.url
    )
    database_url: str = _option(
        "DATABASE_URL",
        "sqlite:///instance/rill.db",
        "Where conversations are kept: a SQLite file, or postgres://…",
        parse=parse.database_url,
        secret=True,
    )
    redis_url: str | None = _option(
        "REDIS_URL",
        None,
        "Redis, which several processes need; redis:// or rediss://…",
        parse=parse.redis_url,
        secret=True,
    )
    redis_verify: bool = _option(
        "RILL_REDIS_VERIFY",
        True,
        "0 takes a certificate that rediss:// signed itself, as Heroku's does.",
        parse=parse.flag,
    )
    concurrency: int = _option(
        "WEB_CONCURRENCY", 1, "Processes; more than one needs Postgres and Redis.", parse=parse.integer(1, 64)
    )
    allow_ephemeral: bool = _option(
        "RILL_ALLOW_EPHEMERAL", False, "1 allows SQLite on a platform that wipes its disk.", parse=parse.flag
    )
    host: str = _option(
        "RILL_HOST",
        "127.0.0.1",
        "Address to listen on, or unix:/path; beyond this machine, people must sign in.",
        parse=parse.host,
    )
    port: int = _option("PORT", 8000, "Port to listen on.", parse=parse.integer(1, 65535))
    url: str | None = _option(
        "RILL_URL", None, "Address that people open, such as https://chat.example.", parse=parse.public_url
    )
    secret_key: str | None = _option(
        "SECRET_KEY",
        None,
        "Signs links, and what may not be guessed; 32 characters or more.",
        parse=parse.long_secret,
        secret=True,
    )
    accounts: bool = _option("RILL_ACCOUNTS", False, "1 lets people sign in with a password.", parse=parse.flag)
    admin_password: str | None = _option(
        "RILL_ADMIN_PASSWORD",
        None,
        "Password of the first administrator, admin; people then have accounts.",
        secret=True,
    )
    trusted_proxies: tuple[Network, ...] = _option(
        "RILL_TRUSTED_PROXIES",
        (),
        "Networks of the proxies in front, with commas: they say where people come from; accounts over https need it.",
        parse=parse.networks,
    )
    proxy_header: str | None = _option(
        "RILL_PROXY_HEADER",
        None,
        "Header in which a proxy names who signed in, such as X-Forwarded-Email.",
        parse=parse.header,
    )
    proxy_secret: str | None = _option(
        "RILL_PROXY_SECRET",
        None,
        "What that proxy sends in X-Rill-Proxy-Secret, to show that it is the proxy.",
        parse=parse.long_secret,
        secret=True,
    )
    oidc_issuer: str | None = _option(
        "RILL_OIDC_ISSUER", None, "Identity provider (OIDC): its issuer.", parse=parse.url
    )
    oidc_client_id: str | None = _option("RILL_OIDC_CLIENT_ID", None, "What the identity provider calls Rill.")
    oidc_client_secret: str | None = _option(
        "RILL_OIDC_CLIENT_SECRET", None, "What Rill shows to the identity provider.", secret=True
    )
    oidc_domains: tuple[str, ...] = _option(
        "RILL_OIDC_DOMAINS", (), "Domains of the mail addresses that may come in; * for all.", parse=parse.words
    )
    oidc_groups: tuple[str, ...] = _option(
        "RILL_OIDC_GROUPS", (), "Groups at the identity provider that may come in.", parse=parse.words
    )
    oidc_admin_groups: tuple[str, ...] = _option(
        "RILL_OIDC_ADMIN_GROUPS", (), "Groups at the identity provider that are administrators.", parse=parse.words
    )
    model: str = _option("RILL_MODEL", "claude-sonnet-5-5", "Model for new replies.")
    models: tuple[str, ...] = _option(
        "RILL_MODELS",
        ("claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"),
        "Models people may choose, separated by commas.",
        parse=parse.names,
    )
    max_tokens: int = _option("RILL_MAX_TOKENS", 8192, "Longest reply, in tokens.", parse=parse.integer(1, 128_000))
    system_prompt: str | None = _option("RILL_SYSTEM_PROMPT", None, "System prompt of every conversation.")
    thinking: Thinking = _option(
        "RILL_THINKING",
        "off",
        "Thinking before the first word: off, for models that can do without, or adaptive.",
        parse=parse.thinking,
    )
    traces_days: int = _option(
        "RILL_TRACES_DAYS",
        7,
        "Days for which it is kept when each piece of a reply came (Show stream); 0 is ten minutes.",
        parse=parse.integer(0, 3650),
    )
    api_system: bool = _option(
        "RILL_API_SYSTEM", False, "1 lets programs send a system prompt of their own to /api/chat.", parse=parse.flag
    )
    api_origins: tuple[str, ...] = _option(
        "RILL_API_ORIGINS",
        (),
        "Sites whose pages may use the API from browsers: origins such as https://a.example, separated by commas.",
        parse=parse.origins,
    )
    security_contact: str | None = _option(
        "RILL_SECURITY_CONTACT", None, "Who to tell of a weakness: an address for security.txt.", parse=parse.contact
    )
    budgets: Limits = _option(
        "RILL_BUDGETS",
        Limits(),
        "What may be spent, in dollars or tokens: day, month, person_day, tokens_month … as day=5 person_day=0.5.",
        parse=limits.parse,
    )
    per_minute: int = _option(
        "RILL_PER_MINUTE",
        20,
        "Messages a person who signs in may send in a minute; 0 is any number.",
        parse=parse.integer(0, 1000),
    )
    retention_days: int = _option(
        "RILL_RETENTION_DAYS",
        0,
        "Days after which a chat that nobody pinned or went on with is deleted; 0 keeps all.",
        parse=parse.integer(0, 3650),
    )
    demo_speed: float = _option(
        "RILL_DEMO_SPEED", 1.0, "Pace of the scripted demo; 2 is twice as fast.", parse=parse.speed
    )

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
            others = () if settings.anthropic_base_url else settings.models  # another server has others
            settings = cls(**{**values, "models": (settings.model, *others)})
        door.check(settings)
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
    def ways(self) -> tuple[door.Way, ...]:
        """How people come in; without any, only this machine is served."""
        return door.ways(self)

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
