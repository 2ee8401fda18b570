"""``flask user``: people from the shell, for whoever runs the server."""

from collections.abc import Callable
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

from app.adapters import passwords
from app.adapters.models import User
from app.chat import audit, keeping, people
from app.chat import export as take_away
from app.core.errors import RillError
from app.web.services import Services

user_group = AppGroup("user", help="Add people, and say what they may.")
_ACTOR = "flask user"
_password = click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="RILL_PASSWORD")


@user_group.command("add")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make them an administrator.")
@_password
def add(name: str, admin: bool, password: str) -> None:
    """Add a person who signs in with a password."""
    role = "administrator" if admin else "member"
    _do(passwords.check, password, name)
    added = _write(people.add, _ACTOR, name, role, password_hash=passwords.hashed(password))
    click.echo(f"{added.name} can sign in now, as {role}.")


@user_group.command("list")
def list_() -> None:
    """List all people: name, role, and whether they are kept out."""
    for user in _do(_built().db.read, people.everyone):
        click.echo(f"{user.name}\t{user.role}\t{'disabled' if user.is_disabled else 'may come in'}")


@user_group.command("password")
@click.argument("name")
@_password
def password(name: str, password: str) -> None:
    """Give a person another password, and end their sessions and API tokens."""
    _do(passwords.check, password, name)
    id = _id(name)
    _write(people.change_password, _ACTOR, id, passwords.hashed(password), keep=None, ends_tokens=True)
    click.echo(f"{name} has another password, and is signed out everywhere; API tokens are over.")


@user_group.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(list(people.ROLES)))
def role(name: str, role: str) -> None:
    """Make a person an administrator or a member."""
    _write(people.set_role, _ACTOR, _id(name), role)
    click.echo(f"{name}: {role}.")


@user_group.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Keep a person out; what is theirs stays."""
    _write(people.disable, _ACTOR, _id(name))
    click.echo(f"{name} cannot come in any more.")


@user_group.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Let a person in again."""
    _write(people.enable, _ACTOR, _id(name))
    click.echo(f"{name} may come in again.")


@user_group.command("delete")
@click.argument("name")
@click.confirmation_option(prompt="Every chat of theirs goes, and cannot be brought back. Do you mean it?")
def delete(name: str) -> None:
    """Delete a person who is disabled, with all that is theirs."""
    _write(keeping.remove, _ACTOR, _id(name))
    click.echo(f"{name} is deleted.")


@user_group.command("export")
@click.argument("name")
def export(name: str) -> None:
    """Print all that is kept of a person, as JSON, for them to have."""
    user = _find(name)
    _write(audit.note, _ACTOR, "person.exported", user.name)
    pieces = take_away.pieces(_built().db, user.id)
    while piece := _do(next, pieces, ""):
        click.echo(piece, nl=False)


def _built() -> Services:
    found: Services = current_app.extensions["rill"]
    return found


def _id(name: str) -> str:
    return _find(name).id


def _find(name: str) -> User:
    user: User | None = _do(_built().db.read, people.find, name)
    if user is None:
        raise click.ClickException(f"There is nobody called {name}.")
    return user


def _write(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return _do(_built().db.write, work, *args, **kwargs)


def _do(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return work(*args, **kwargs)
    except RillError as error:
        raise click.ClickException(str(error)) from None
    except DBAPIError:
        raise click.ClickException(
            "This database is not ready: run flask --app wsgi db upgrade, and try again."
        ) from None
