"""``flask user``: people from the shell."""

import json
from collections.abc import Callable

import pytest
from alembic import command
from click.testing import Result
from flask import Flask

from app.chat import audit
from app.cli import alembic_config
from tests.web.door import ACCOUNTS, sign_in

PASSWORD = "seven lanterns in the cellar"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app in which people have accounts."""
    return make_app(**ACCOUNTS)


def run(app: Flask, *args: str, typed: str = f"{PASSWORD}\n{PASSWORD}\n") -> Result:
    """Run a command, with what is typed."""
    return app.test_cli_runner().invoke(args=["user", *args], input=typed)


def test_adds_somebody_who_can_sign_in(app: Flask) -> None:
    done = run(app, "add", "Ann", "--admin")

    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "ann can sign in now, as administrator.")
    assert PASSWORD not in done.output
    assert sign_in(app, "ann", PASSWORD).status_code == 303
    (entry, *_) = app.extensions["rill"].db.read(lambda session: audit.latest(session)[1:])
    assert (entry.actor, entry.action, entry.subject) == ("flask user", "person.added", "ann")


@pytest.mark.parametrize(
    ("args", "typed", "sentence"),
    [
        (("add", "ann"), "short\nshort\n", "at least 12"),
        (("add", "<b>"), f"{PASSWORD}\n{PASSWORD}\n", "A name has up to"),
        (("role", "bob", "member"), "", "nobody called bob"),
        (("disable", "bob"), "", "nobody called bob"),
        (("password", "bob"), f"{PASSWORD}\n{PASSWORD}\n", "nobody called bob"),
        (("role", "bob", "king"), "", "Invalid value"),
    ],
)
def test_says_why_not(app: Flask, args: tuple[str, ...], typed: str, sentence: str) -> None:
    done = run(app, *args, typed=typed)

    assert done.exit_code != 0
    assert sentence in done.output


def test_changes_what_people_may(app: Flask) -> None:
    for name in ("root", "ann"):
        run(app, "add", name, "--admin")
    assert run(app, "role", "ann", "member").output == "ann: member.\n"
    assert run(app, "disable", "ann").exit_code == 0
    assert sign_in(app, "ann", PASSWORD).status_code == 422
    assert run(app, "list").output == "ann\tmember\tdisabled\nroot\tadministrator\tmay come in\n"

    run(app, "enable", "ann")
    run(app, "password", "ann", typed="another cellar of lanterns\nanother cellar of lanterns\n")
    assert sign_in(app, "ann", "another cellar of lanterns").status_code == 303
    assert run(app, "disable", "root").output.startswith("Error: This is the only administrator.")


def test_exports_and_deletes_a_person(app: Flask) -> None:
    run(app, "add", "ann")
    printed = run(app, "export", " ANN")
    data = json.loads(printed.output)
    assert (data["name"], [entry["action"] for entry in data["log"]][-1]) == ("ann", "person.exported")
    assert "disable" in run(app, "delete", "ann", typed="y\n").output.lower()
    run(app, "disable", "ann")
    assert run(app, "delete", "ann", typed="n\n").exit_code == 1
    assert run(app, "delete", "ann", typed="y\n").output.endswith("ann is deleted.\n")

    assert run(app, "list").output == ""
    actions = app.extensions["rill"].db.read(lambda session: [entry.action for entry in audit.latest(session)])
    assert actions[:2] == ["person.deleted", "person.disabled"]
    assert "person.exported" in actions


def test_says_that_a_database_is_not_ready(app: Flask) -> None:
    command.downgrade(alembic_config(app.extensions["rill"].db), "base")
    done = run(app, "list")

    assert (done.exit_code, "db upgrade" in done.output, "SELECT" in done.output) == (1, True, False)
