"""Rill: a streaming chat page for Claude. This module puts the parts together."""

from pathlib import Path

from flask import Flask
from jinja2 import StrictUndefined

from app import cli
from app.adapters.claude import Claude
from app.adapters.db import Database
from app.adapters.demo import demo_app
from app.adapters.feed import Feed
from app.adapters.models import new_id
from app.chat.live import LiveReplies
from app.chat.runner import Caller, Prompting, Runner
from app.core.settings import Settings
from app.web import assets, conversations, htmx, ops, pages, replies, requests, security, shown
from app.web.services import Services

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: Settings, *, claude: Caller | None = None) -> Flask:
    """Build the application; nothing is read, opened or started before this is called."""
    app = Flask("app", root_path=str(ROOT), static_folder=None, template_folder="templates")
    app.config.update(MAX_CONTENT_LENGTH=2_000_000, MAX_FORM_MEMORY_SIZE=2_000_000)
    db, feed = Database(settings.database_url), Feed()
    prompting = Prompting(settings.max_tokens, settings.system_prompt, settings.thinking)
    runner = Runner(db=db, claude=claude or _claude(settings), feed=feed, prompting=prompting)
    app.extensions["rill"] = Services(settings, db, runner, LiveReplies(db, feed))
    for part in (requests, security, pages):
        part.init_app(app)
    assets.init_app(app, ROOT / "static")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(dom_id=htmx.dom_id, partial=htmx.partial, shown=shown, new_nonce=new_id)
    for blueprint in (conversations.bp, replies.bp, ops.bp):
        app.register_blueprint(blueprint)
    cli.init_app(app)
    return app


def _claude(settings: Settings) -> Claude:
    demo = demo_app(speed=settings.demo_speed) if settings.mode == "demo" else None
    return Claude(api_key=settings.anthropic_api_key, base_url=settings.anthropic_base_url, app=demo)
