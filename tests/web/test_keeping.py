"""What becomes of a chat: pinned, deleted, or too old."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event as Flag
from sqlalchemy import update

from app.adapters.clock import now
from app.adapters.models import Conversation
from app.chat import keeper, keeping
from app.web.services import Services
from tests.scripted import ScriptedClaude
from tests.web.pages import reply_id, soup, start, wait


def age(services: Services, days: int) -> None:
    """Make every chat that much older."""
    services.db.write(
        lambda session: session.execute(update(Conversation).values(updated_at=now() - timedelta(days=days)))
    )


def test_deletes_a_chat_that_is_meant(client: FlaskClient, services: Services) -> None:
    id = start(client)
    wait(services)
    refused = client.post(f"/c/{id}/delete")
    assert refused.status_code == 422
    assert client.get(f"/c/{id}").status_code == 200

    deleted = client.post(f"/c/{id}/delete", data={"is_meant": "1"}, follow_redirects=True)
    assert soup(deleted).select_one("#notice").text.strip() == "The chat was deleted."
    assert soup(client.get("/?said=<b>")).select_one("#notice").text.strip() == ""
    assert client.get(f"/c/{id}").status_code == 404
    assert client.post(f"/c/{id}/delete", data={"is_meant": "1"}).status_code == 404


def test_marks_a_pinned_chat_in_the_list(client: FlaskClient, services: Services) -> None:
    pinned, other = start(client), start(client, nonce="n2")
    wait(services)
    client.post(f"/c/{pinned}/pin", data={"is_pinned": "1"})
    page = soup(client.get("/"))

    assert page.select_one(f".chats__link[href='/c/{pinned}'] [role=img]")["aria-label"] == "Pinned"
    assert not page.select(f".chats__link[href='/c/{other}'] [role=img]")


@pytest.mark.parametrize(("days", "is_gone"), [(29, False), (31, True)])
def test_deletes_what_has_rested_for_too_long(
    client: FlaskClient, services: Services, days: int, is_gone: bool
) -> None:
    old, pinned = start(client), start(client, nonce="n2")
    wait(services)
    client.post(f"/c/{pinned}/pin", data={"is_pinned": "1"})
    assert "it is pinned" in client.get(f"/c/{pinned}/options").text
    age(services, days)
    services.db.write(keeping.sweep, 0, 9)
    assert client.get(f"/c/{old}").status_code == 200

    services.db.write(keeping.sweep, 30, 9)
    assert (client.get(f"/c/{old}").status_code == 404) is is_gone
    assert client.get(f"/c/{pinned}").status_code == 200


def test_deletes_a_few_at_a_time_until_all_are_gone(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(RILL_RETENTION_DAYS="30")
    client, services = app.test_client(), app.extensions["rill"]
    ids = [start(client, nonce=f"n{n}") for n in range(5)]
    wait(services)
    age(services, 31)
    monkeypatch.setattr(keeper, "SWEPT", 2)
    monkeypatch.setattr(keeper, "TAKING_S", -1)
    left = []
    for _round in range(3):
        services.keeper._round_at = 0.0
        services.keeper.tick()
        left.append(sum(client.get(f"/c/{id}").status_code == 200 for id in ids))

    assert left == [3, 1, 0]


def test_takes_a_pin_off(client: FlaskClient, services: Services) -> None:
    id = start(client)
    wait(services)
    for is_pinned in ("1", "0"):
        client.post(f"/c/{id}/pin", data={"is_pinned": is_pinned})
    assert "not pinned" in client.get(f"/c/{id}/options").text


def test_leaves_a_running_reply_alone(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([Flag()])
    id = start(client)
    age(services, 100)
    services.db.write(keeping.sweep, 30, 9)
    assert client.post(f"/c/{id}/delete", data={"is_meant": "1"}).status_code == 409
    assert client.post("/me/delete", data={"name": "delete"}).status_code == 409

    assert client.post(f"/replies/{reply_id(client, id)}/stop").status_code == 303
    wait(services)
    assert client.post(f"/c/{id}/delete", data={"is_meant": "1"}).status_code == 303
