"""Verbs for the tests of routes: what a browser with and without htmx does."""

import re

from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.web.services import Services
from tests.waiting import until_idle

HTMX = {"HX-Request": "true"}


def soup(response: TestResponse) -> BeautifulSoup:
    return BeautifulSoup(response.text, "html.parser")


def start(client: FlaskClient, text: str = "Hello", nonce: str = "n1") -> str:
    """Begin a conversation and give its id."""
    response = client.post("/conversations", data={"text": text, "nonce": nonce})
    assert response.status_code == 303
    return re.fullmatch(r"/c/([0-9a-f]{32})/live", response.location)[1]


def reply_id(client: FlaskClient, conversation_id: str) -> str:
    """Give the id of the last reply that the page shows."""
    page = soup(client.get(f"/c/{conversation_id}"))
    return page.select(".message--reply")[-1]["id"].removeprefix("reply-")


def wait(services: Services) -> None:
    """Wait until no reply is being written."""
    until_idle(services)
