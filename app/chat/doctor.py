"""Looks at what Rill stands on: settings, database, Redis, Claude."""

from collections.abc import Callable
from time import monotonic

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.adapters.db import Database
from app.adapters.feed import Feed
from app.chat.asking import Caller
from app.core import failing
from app.core.diagnosis import Finding
from app.core.errors import RillError, Upstream
from app.core.settings import Settings

#: Connections that one process may use: to Postgres, and to Redis.
PER_PROCESS = (4, 3)

_REFUSED = "It refuses the key, or the account the key belongs to. Check ANTHROPIC_API_KEY, and the account's credit."


def examine(settings: Settings, db: Database, feed: Feed, claude: Caller) -> list[Finding]:
    """Look at each, and never raise."""
    found = [_processes(settings), _guarded("Database", lambda: _database(settings, db))]
    if settings.redis_url:
        found.append(_guarded("Redis", lambda: _redis(settings, feed)))
    return [*found, _guarded("Claude", lambda: _claude(settings, claude))]


def short(settings: Settings, db: Database, feed: Feed) -> list[Finding]:
    """Find what allows fewer connections than may be needed in a deploy; raises where something does not answer."""
    found = [_database(settings, db)]
    if settings.redis_url:
        found.append(_redis(settings, feed))
    return [finding for finding in found if finding.state == "warn"]


def _guarded(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except RillError as error:
        is_refused = isinstance(error, Upstream) and error.kind == "account"
        return Finding(name, "bad", _REFUSED if is_refused else str(error))
    except Exception as error:
        return Finding(name, "bad", f"It does not answer ({type(error).__name__}). Look at its address and its log.")


def _processes(settings: Settings) -> Finding:
    if settings.concurrency > settings.workers:
        return Finding(
            "Processes",
            "warn",
            f"WEB_CONCURRENCY asks for {settings.concurrency}, and Rill runs 1: more need DATABASE_URL with Postgres "
            "and REDIS_URL.",
        )
    return Finding("Processes", "ok", f"Rill runs {settings.workers}.")


def _database(settings: Settings, db: Database) -> Finding:
    started = monotonic()
    version, room = db.read(_about_postgres if db.is_shared else _about_sqlite)
    spent = f"{version}, answers in {1000 * (monotonic() - started):.0f} ms"
    needed = 2 * PER_PROCESS[0] * settings.workers
    if room is not None and needed > room:
        return Finding(
            "Database",
            "warn",
            f"{spent}. It allows {room} connections, and {settings.workers} processes may need {needed} during a "
            "deploy: lower WEB_CONCURRENCY, or take a larger plan.",
        )
    return Finding("Database", "ok", f"{spent}.")


def _about_sqlite(session: Session) -> tuple[str, int | None]:
    return f"SQLite {session.scalar(text('SELECT sqlite_version()'))}", None


def _about_postgres(session: Session) -> tuple[str, int | None]:
    version = session.scalar(text("SHOW server_version"))
    room = session.scalar(
        text(
            "SELECT CASE WHEN rolconnlimit < 0 THEN current_setting('max_connections')::int ELSE rolconnlimit END"
            " FROM pg_roles WHERE rolname = current_user"
        )
    )
    return f"Postgres {version}", room


def _redis(settings: Settings, feed: Feed) -> Finding:
    started = monotonic()
    room = feed.check()
    spent = f"Answers in {1000 * (monotonic() - started):.0f} ms"
    needed = 2 * PER_PROCESS[1] * settings.workers
    if room is not None and needed > room:
        return Finding("Redis", "warn", f"{spent}. It allows {room} connections; {needed} may be needed in a deploy.")
    return Finding("Redis", "ok", f"{spent}.")


def _claude(settings: Settings, claude: Caller) -> Finding:
    if settings.mode == "demo":
        return Finding("Claude", "warn", "The replies are a scripted demo: set ANTHROPIC_API_KEY for the real Claude.")
    started = monotonic()
    try:
        offered = {model.id for model in claude.models()}
    except Upstream as error:
        if error.kind == "request":  # other servers need not have a list
            return Finding("Claude", "warn", f"It does not say which models it has ({error.code}).")
        return Finding("Claude", "bad", f"{failing.sentence(error, {'account': _REFUSED})} ({error.code})")
    spent = f"Answers in {1000 * (monotonic() - started):.0f} ms"
    missing = [model for model in settings.models if offered and model not in offered]
    if missing:
        return Finding("Claude", "warn", f"{spent}, but does not offer {', '.join(missing)}: see RILL_MODELS.")
    return Finding("Claude", "ok", f"{spent}.")
