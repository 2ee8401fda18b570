"""Every route there is, by enumeration: with an id that exists, or with anything else in its place."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import time

from flask import Flask
from flask.testing import FlaskClient

from app.web.services import Services
from tests.web.pages import reply_id, start, wait


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path, of an endpoint."""

    endpoint: str
    method: str
    path: str


def routes(app: Flask, fill: Callable[[str, str], str]) -> Iterator[Route]:
    """Give all routes; ``fill`` says what stands for a variable, by endpoint and name."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match, rule=rule: fill(rule.endpoint, match[1]), rule.rule)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield Route(rule.endpoint, method, path)


def populated(client: FlaskClient, services: Services) -> list[Route]:
    """Give all routes with ids of things that exist, and are finished."""
    conversation = start(client, "Hello")
    compared = client.post("/compare", data={"text": "Hello", "nonce": "c1"}).location.removeprefix("/compare/")
    wait(services)
    ids = {"conversations": conversation, "keeping": conversation, "compare": compared}
    ids |= dict.fromkeys(("me", "password", "people"), "0" * 32) | {"options": "notice"}
    ids |= dict.fromkeys(("replies", "events"), reply_id(client, conversation))
    values = {"start": str(time()), "tick": "1", "number": "1"}
    found = list(routes(client.application, lambda endpoint, name: values.get(name) or ids[endpoint.split(".")[0]]))
    assert len(found) >= 25
    return found
