"""Verbs for tests of the door: servers with a way in, and people who came in."""

import re
from dataclasses import dataclass, field

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.adapters import passwords
from app.adapters.models import User
from app.chat import people
from app.web.services import Services

KEY = "k" * 32
ACCOUNTS = {"SECRET_KEY": KEY, "RILL_ACCOUNTS": "1", "RILL_URL": "http://localhost"}
PUBLIC = {**ACCOUNTS, "RILL_URL": "https://chat.example", "RILL_TRUSTED_PROXIES": "10.0.0.0/8"}
PROXY = {
    "SECRET_KEY": KEY,
    "RILL_URL": "http://localhost",
    "RILL_PROXY_HEADER": "X-Forwarded-Email",
    "RILL_TRUSTED_PROXIES": "10.0.0.0/8",
    "RILL_PROXY_SECRET": "v" * 32,
}
PASSWORD = "a cellar for the lantern"
_hash: list[str] = []


@dataclass
class Visitor:
    """A browser; once signed in, every form it sends carries what shows that the form is ours."""

    client: FlaskClient
    csrf: str = field(default="", repr=False)

    def get(self, path: str, **values: object) -> TestResponse:
        return self.client.get(path, **values)

    def post(self, path: str, data: dict[str, object] | None = None, **values: object) -> TestResponse:
        return self.client.post(path, data={"csrf": self.csrf, **(data or {})}, **values)


def add(services: Services, name: str, role: str = "member") -> User:
    """Add a person with the password that everybody here has."""
    if not _hash:
        _hash.append(passwords.hashed(PASSWORD))
    return services.db.write(people.add, "test", name, role, password_hash=_hash[0])


def sign_in(app: Flask, name: str, password: str = PASSWORD, **values: object) -> TestResponse:
    """Sign in with a new browser, and give the answer."""
    return app.test_client().post("/login", data={"name": name, "password": password}, **values)


def enter(app: Flask, name: str) -> Visitor:
    """Give the browser of somebody who is signed in."""
    client = app.test_client()
    response = client.post("/login", data={"name": name, "password": PASSWORD})
    assert response.status_code == 303, response.text
    return Visitor(client, csrf_of(client.get("/")))


def csrf_of(response: TestResponse) -> str:
    """Read the field of a form."""
    return re.search('name="csrf" value="([0-9a-f]{64})"', response.text)[1]
