"""The description of the API says what the code does; schemathesis asks a real server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.core.asked import MAX_MESSAGES, Asked
from app.core.catalog import AS_OF, Model
from app.core.errors import Upstream
from app.core.request import Effort
from app.web import api_errors
from tests.scripted import ScriptedClaude
from tests.servers import ROOT, free_port, start_rill

DESCRIPTION = json.loads((ROOT / "app/web/openapi.json").read_text())
SCHEMAS = DESCRIPTION["components"]["schemas"]


def test_is_served_with_the_models_that_are_offered(make_app: Callable[..., Flask]) -> None:
    client = make_app(RILL_MODELS="claude-b,claude-a", RILL_MODEL="claude-b").test_client()
    served = client.get("/api/openapi.json").json
    model = served["components"]["schemas"]["ChatRequest"]["properties"]["model"]

    assert model.pop("enum") == ["claude-b", "claude-a", None]
    assert served == DESCRIPTION


def test_describes_every_route(app: Flask) -> None:
    routes = {
        (rule.rule, method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert {(path, method) for path, item in DESCRIPTION["paths"].items() for method in item} == routes


def test_describes_every_field() -> None:
    described = SCHEMAS["ChatRequest"]

    assert [*described["properties"], "display"] == [field.name for field in fields(Asked)]
    assert described["additionalProperties"] is False
    assert described["properties"]["effort"]["enum"] == [*get_args(Effort), None]
    assert described["properties"]["messages"]["maxItems"] == MAX_MESSAGES
    assert set(SCHEMAS["Model"]["properties"]) == {field.name for field in fields(Model)}


def test_describes_every_error() -> None:
    listed = DESCRIPTION["paths"]["/api/chat"]["post"]["responses"]

    assert {int(status) for status in listed} - {200, 415, 422} == set(api_errors._TYPES)


def test_says_where_a_token_is_needed(client: FlaskClient) -> None:
    described = client.get("/api/openapi.json").json

    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for place, method in (("/api/chat", "post"), ("/api/models", "get")):
        operation = described["paths"][place][method]
        assert operation["security"] == [{"token": []}, {}]
        assert "401" in operation["responses"]
    assert "security" not in described["paths"]["/api/openapi.json"]["get"]


def test_offers_the_models_of_the_operator(make_app: Callable[..., Flask], claude: ScriptedClaude) -> None:
    client = make_app(RILL_MODELS="claude-b,claude-a", RILL_MODEL="claude-b").test_client()
    asked: list[int] = []

    def models() -> list[Model]:
        asked.append(1)
        return [Model("claude-a", "A", 10, 5), Model("claude-z", "Z"), Model("claude-b", "B", 20, 6)]

    claude.models = models
    first, second = client.get("/api/models").json, client.get("/api/models").json

    assert [(model["id"], model["display_name"], model["max_tokens"]) for model in first["data"]] == [
        ("claude-b", "B", 6),
        ("claude-a", "A", 5),
    ]
    assert (first["source"], first["as_of"]) == ("anthropic", None)
    assert first == second
    assert asked == [1]


def test_falls_back_to_a_table_with_its_day(client: FlaskClient, claude: ScriptedClaude) -> None:
    def models() -> list[Model]:
        raise Upstream("connect", "Out of reach.")

    claude.models = models
    found = client.get("/api/models").json

    assert (found["source"], found["as_of"]) == ("table", AS_OF)
    assert [model["id"] for model in found["data"]] == ["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "m"]


@pytest.mark.parametrize("path", ["/api/chat", "/api/models", "/api/nothing"])
def test_pages_elsewhere_may_read_nothing_by_default(client: FlaskClient, path: str) -> None:
    response = client.options(path, headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"})

    assert not [name for name in dict(response.headers) if name.startswith("Access-Control")]


def test_pages_of_listed_origins_may_use_the_api(make_app: Callable[..., Flask]) -> None:
    client = make_app(RILL_API_ORIGINS="https://a.example, http://b.example:3000").test_client()
    invited = {"Origin": "https://a.example", "Sec-Fetch-Site": "cross-site"}

    preflight = client.options("/api/chat", headers={**invited, "Access-Control-Request-Method": "POST"})
    answer = client.post("/api/chat", json={"message": "Hi"}, headers=invited)
    other = client.post("/api/chat", json={"message": "Hi"}, headers={**invited, "Origin": "https://c.example"})
    page = client.post("/conversations", data={"text": "Hi", "nonce": "n"}, headers=invited)

    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert other.status_code == 403
    assert "Access-Control-Allow-Origin" not in other.headers
    assert page.status_code == 403


def test_holds_against_schemathesis(tmp_path: Path) -> None:
    rill = start_rill(tmp_path, free_port(), RILL_DEMO_SPEED="1000")
    options = ["--generation-deterministic", "--max-examples", "40", "--no-color", "--warnings", "off"]
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{rill.url}/api/openapi.json", *options]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600)
    finally:
        rill.stop()

    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout
