"""Commands: ``flask chat``, ``flask db upgrade`` and their kin."""

import sys
from pathlib import Path

import click
from alembic import command
from alembic.config import Config
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from app.adapters import engines
from app.adapters.db import Database
from app.adapters.probe import probe
from app.chat.doctor import examine
from app.cli.chat import chat
from app.cli.user import user_group

db_group = AppGroup("db", help="Bring the database to the version this code needs.")


def init_app(app: Flask) -> None:
    """Add the commands to the app."""
    app.cli.add_command(chat)
    app.cli.add_command(db_group)
    app.cli.add_command(doctor)
    app.cli.add_command(user_group)


@db_group.command("upgrade")
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Move the database up, to the newest version unless told otherwise."""
    command.upgrade(alembic_config(current_app.extensions["rill"].db), revision)


@db_group.command("downgrade")
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Move the database down to a version; what only newer versions know is lost."""
    command.downgrade(alembic_config(current_app.extensions["rill"].db), revision)


@click.command("doctor")
@click.argument("url", required=False)
@with_appcontext
def doctor(url: str | None) -> None:
    """Look at what Rill stands on; with the URL of a running Rill, also at what is on the way there.

    Ends with 1 where something is not well.
    """
    built = current_app.extensions["rill"]
    findings = examine(built.settings, built.db, built.feed, built.claude)
    if url:
        findings += probe(url)
    for finding in findings:
        click.echo(f"{finding.state:4}  {finding.name}: {finding.sentence}")
    sys.exit(any(finding.state == "bad" for finding in findings))


def alembic_config(db: Database) -> Config:
    """Tell Alembic where the migrations are and which engine to use."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    config.attributes["engine"] = engines.migrating(db.url) if db.is_shared else db.engine
    return config
