"""A log line for each request."""

import logging

import pytest
from flask.testing import FlaskClient


def ended(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [vars(record) for record in caplog.records if record.message == "request.ended"]


def test_logs_each_request_by_its_endpoint(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app")
    sent = client.post("/conversations", data={"text": "a secret question", "nonce": "n"})
    sent.close()
    client.get(sent.location).close()
    client.get("/nothing").close()

    found = [(record["method"], record["endpoint"], record["status"]) for record in ended(caplog)]

    assert found == [("POST", "conversations.create", 303), ("GET", "conversations.live", 200), ("GET", None, 404)]
    assert all(isinstance(record["duration_s"], float) for record in ended(caplog))
    assert "secret" not in caplog.text
    assert sent.location.split("/")[2] not in str(ended(caplog))


def test_says_nothing_of_probes(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app")

    client.get("/livez").close()

    assert ended(caplog) == []
