"""Rill: a streaming chat page for Claude. This module puts the parts together."""

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from jinja2 import StrictUndefined

from app import cli
from app.adapters import passwords
from app.adapters.claude import Claude
from app.adapters.db import Database
from app.adapters.demo import demo_app
from app.adapters.feed import Feed
from app.adapters.metrics import Metrics
from app.adapters.models import new_id
from app.chat.allowance import Rules
from app.chat.asking import Caller
from app.chat.direct import Directs
from app.chat.keeper import Keeper
from app.chat.offer import Offer
from app.chat.options import Current
from app.chat.runner import Runner
from app.chat.views import LiveReplies
from app.core.errors import ConfigurationError, Invalid
from app.core.settings import Settings
from app.web import (
    administration,
    api,
    assets,
    audit,
    auth,
    bodies,
    budgets,
    compare,
    conversations,
    doctor,
    events,
    htmx,
    keeping,
    login,
    me,
    ops,
    options,
    pages,
    password,
    people,
    replies,
    requests,
    security,
    shown,
    usage,
)
from app.web.services import Services

if TYPE_CHECKING:
    from app.adapters.oidc import Oidc

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: Settings, *, claude: Caller | None = None) -> Flask:
    """Build the application; nothing is read, opened or started before this is called."""
    _check_password(settings)
    app = Flask("app", root_path=str(ROOT), static_folder=None, template_folder="templates")
    app.extensions["rill"] = _services(settings, claude)
    bodies.init_app(app, larger={"api.chat": api.MAX_BODY})
    for part in (requests, security, auth, pages, options):
        part.init_app(app)
    app.before_request(bodies.read)
    app.before_request(auth.check_form)
    app.json.sort_keys = app.json.ensure_ascii = False  # type: ignore[attr-defined]  # Flask's own provider has them
    assets.init_app(app, ROOT / "static", is_secure=(settings.url or "").startswith("https://"))
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(dom_id=htmx.dom_id, partial=htmx.partial, shown=shown, new_nonce=new_id)
    for blueprint in (
        conversations.bp,
        replies.bp,
        events.bp,
        compare.bp,
        ops.bp,
        doctor.bp,
        login.bp,
        keeping.bp,
        me.bp,
        usage.bp,
        password.bp,
        api.bp,
        administration.bp,
        people.bp,
        options.bp,
        audit.bp,
        budgets.bp,
    ):
        app.register_blueprint(blueprint)
    if settings.oidc_issuer is not None:
        from app.web import oidc

        app.register_blueprint(oidc.bp)
    cli.init_app(app)
    return app


def _check_password(settings: Settings) -> None:
    """Refuse to start with a password of the first administrator that is guessed soon."""
    if settings.admin_password is None:
        return
    try:
        passwords.check(settings.admin_password, "admin")
    except Invalid as error:
        raise ConfigurationError(f"RILL_ADMIN_PASSWORD must be another. {error}") from None


def _services(settings: Settings, claude: Caller | None) -> Services:
    db, worker = Database(settings.database_url), new_id()
    metrics = Metrics(is_one_of_several=settings.workers > 1)
    feed = _shared_feed(settings, worker) if settings.redis_url else Feed()
    claude = claude or _claude(settings)
    runner = Runner(db=db, claude=claude, feed=feed, settings=settings, metrics=metrics, worker=worker)
    feed.on_stop = runner.stop
    live = LiveReplies(db, feed, is_local=runner.has, metrics=metrics)
    keeper = Keeper(db, runner, feed, traces_days=settings.traces_days, retention_days=settings.retention_days)
    directs = Directs(claude, metrics, db, Rules.of(settings), is_shared=bool(settings.ways))
    offer = Offer(claude)
    current = Current(db, settings)
    return Services(settings, db, feed, runner, live, keeper, claude, directs, offer, current, _oidc(settings))


# What few servers need is imported where they do: it is a fifth of the memory.
def _shared_feed(settings: Settings, worker: str) -> Feed:
    from app.adapters.shared_feed import SharedFeed

    return SharedFeed(settings.redis_url or "", worker=worker, verify=settings.redis_verify)


def _oidc(settings: Settings) -> "Oidc | None":
    if settings.oidc_issuer is None:
        return None
    from app.adapters.oidc import Application, Oidc

    application = Application(
        settings.oidc_client_id or "", settings.oidc_client_secret or "", f"{settings.url}/login/oidc/callback"
    )
    return Oidc(settings.oidc_issuer, application)


def _claude(settings: Settings) -> Claude:
    demo = demo_app(speed=settings.demo_speed) if settings.mode == "demo" else None
    return Claude(api_key=settings.anthropic_api_key, base_url=settings.anthropic_base_url, app=demo)
