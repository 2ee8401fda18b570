"""Sign in with an identity provider: a real one, and one that lies."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import gevent
import httpx2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.adapters import oidc
from app.adapters.models import User
from app.adapters.oidc_wire import Wire
from app.chat import people
from tests.fakes import provider as fakes
from tests.fakes.provider import ACCESS, CLIENT, CODE, SECRET, Provider
from tests.servers import start_provider
from tests.waiting import PATIENCE_S
from tests.web.door import KEY

NOW = int(time.time())
DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class Flow:
    """A browser of somebody who signs in, and the provider they go to."""

    app: Flask
    provider: Provider
    client: FlaskClient
    asked: dict[str, str]

    def begin(self, path: str = "/login/oidc") -> TestResponse:
        response = self.client.get(path)
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(response.location or "").query).items()}
        self.provider.nonce = self.asked.get("nonce", "")
        return response

    def back(self, **values: str | None) -> TestResponse:
        query = {"code": CODE, "state": self.asked.get("state", ""), **values}
        query = {name: value for name, value in query.items() if value is not None}
        return self.client.get("/login/oidc/callback", query_string=query)

    def sign_in(self) -> TestResponse:
        self.begin()
        return self.back()

    def person(self, name: str = "ann") -> User:
        found = self.app.extensions["rill"].db.read(people.find, name)
        assert found is not None
        return found

    def is_in(self) -> bool:
        return self.client.get("/").status_code == 200


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Give a provider that tells the truth until a test says otherwise."""
    provider = Provider()
    server = fakes.serve(provider)
    yield provider
    server.stop(timeout=0)


@pytest.fixture
def make_flow(provider: Provider, make_app: Callable[..., Flask]) -> Callable[..., Flow]:
    """Give what makes a Rill that trusts this provider."""

    def make(**environ: str) -> Flow:
        app = make_app(
            **{
                "SECRET_KEY": KEY,
                "RILL_URL": "http://localhost",
                "RILL_OIDC_ISSUER": provider.url,
                "RILL_OIDC_CLIENT_ID": CLIENT,
                "RILL_OIDC_CLIENT_SECRET": SECRET,
                "RILL_OIDC_DOMAINS": "*",
                **environ,
            }
        )
        return Flow(app, provider, app.test_client(), {})

    return make


@pytest.fixture
def flow(make_flow: Callable[..., Flow]) -> Flow:
    """Give a sign-in at a Rill that lets everyone of the provider in."""
    return make_flow()


def test_signs_in_whom_the_provider_names(flow: Flow) -> None:
    there = flow.begin("/login/oidc?next=/compare")
    back = flow.back()

    assert there.status_code == back.status_code == 303
    assert there.location.startswith(f"{flow.provider.url}/authorize?")
    assert flow.asked["code_challenge_method"] == "S256"
    assert flow.asked["redirect_uri"] == "http://localhost/login/oidc/callback"
    assert flow.asked["scope"] == "openid profile email"
    assert min(len(flow.asked["state"]), len(flow.asked["nonce"]), len(flow.asked["code_challenge"])) >= 43
    assert len(flow.provider.forms[0]["code_verifier"][0]) == 64
    assert flow.provider.authorization[0].startswith("Basic ")
    assert back.location == "/compare"
    assert flow.is_in()
    assert flow.person().subject == f"oidc:{flow.provider.url}#ann-1"
    assert flow.person().role == "member"
    assert "/userinfo" not in flow.provider.asked


def test_knows_people_by_issuer_and_subject_and_nothing_else(flow: Flow) -> None:
    flow.sign_in()
    flow.provider.claims = {"preferred_username": "Anna", "email": "anna@corp.example"}
    flow.sign_in()
    flow.provider.claims = {"sub": "another"}
    flow.sign_in()

    names = [user.name for user in flow.app.extensions["rill"].db.read(people.everyone)]
    assert names == ["ann", "ann 2"]


def test_gives_a_new_session(flow: Flow) -> None:
    flow.client.set_cookie("rill", "chosen-by-somebody")
    flow.sign_in()
    first = flow.client.get_cookie("rill").value
    flow.sign_in()

    assert first not in ("chosen-by-somebody", flow.client.get_cookie("rill").value)


def test_keeps_the_attempt_where_scripts_and_other_sites_do_not_get_it(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(RILL_URL="https://chat.example")
    response = flow.client.get("/login/oidc", base_url="https://chat.example")

    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-rill-oidc=")
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"):
        assert flag in cookie


@pytest.mark.parametrize("state", ["", "x", "é", None])
def test_takes_no_answer_to_another_question(flow: Flow, state: str | None) -> None:
    flow.begin()
    response = flow.back(state=state)

    assert response.status_code == 400
    assert "begun elsewhere" in response.text
    assert "/token" not in flow.provider.asked
    assert not flow.is_in()


def test_takes_no_answer_in_another_browser(flow: Flow) -> None:
    flow.begin()
    stolen = flow.app.test_client().get("/login/oidc/callback", query_string={"code": CODE, **flow.asked})

    assert stolen.status_code == 400
    assert "/token" not in flow.provider.asked


def test_takes_an_answer_once(flow: Flow) -> None:
    flow.begin()
    statuses = [flow.back().status_code for _ in range(2)]

    assert statuses == [303, 400]
    assert flow.provider.asked.count("/token") == 1


def test_takes_no_late_answer(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    flow.begin()
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 602)

    assert flow.back().status_code == 400
    assert "/token" not in flow.provider.asked


def test_takes_no_attempt_that_it_did_not_sign(flow: Flow) -> None:
    flow.begin()
    kept = flow.client.get_cookie("rill-oidc").value
    flow.client.set_cookie("rill-oidc", ("A" if kept[0] != "A" else "B") + kept[1:])

    assert flow.back().status_code == 400


LIES: dict[str, dict[str, Any]] = {
    "nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "audience": {"aud": "another"},
    "no audience": {"aud": None},
    "party": {"azp": "another"},
    "several audiences, no party": {"aud": [CLIENT, "another"]},
    "expired": {"exp": NOW - 3600},
    "no end": {"exp": None},
    "an end that is no number": {"exp": "tomorrow"},
    "not yet": {"iat": NOW + 36_000},
    "no beginning": {"iat": None},
    "nobody": {"sub": None},
    "empty": {"sub": ""},
    "no word": {"sub": 7},
    "a list": {"sub": ["ann-1"]},
    "an object": {"sub": {"ann": 1}},
    "true": {"sub": True},
    "endless": {"sub": "x" * 256},
    "other access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("lie", LIES)
def test_believes_no_token_with_a_wrong_claim(flow: Flow, lie: str) -> None:
    flow.provider.claims = LIES[lie]
    refused = flow.sign_in()

    assert refused.status_code == 502
    assert "cannot be trusted" in refused.text
    assert not flow.is_in()


@pytest.mark.parametrize(
    "signed",
    [
        fakes.unsigned,
        fakes.signed_with_public_key,
        fakes.signed_with_client_secret,
        fakes.signed_by_another,
        lambda *_: "a.b.c",
        lambda *_: "",
        lambda *_: "é" * 1000,
        lambda *_: 7,
    ],
)
def test_believes_no_token_without_the_providers_signature(flow: Flow, signed: Callable[..., str]) -> None:
    flow.provider.signed = signed
    refused = flow.sign_in()

    assert refused.status_code == 502
    assert not flow.is_in()


def test_allows_for_clocks_that_differ_a_little(flow: Flow) -> None:
    flow.provider.claims = {"exp": int(time.time()) - 20, "iat": int(time.time()) + 20}

    assert flow.sign_in().status_code == 303


def test_asks_once_more_for_a_key_that_it_does_not_know(flow: Flow) -> None:
    flow.sign_in()
    flow.provider.kid, flow.provider.published = "two", ("one", "two")
    after_rotation = flow.sign_in()
    flow.provider.published = ("one",)
    again = flow.sign_in()

    assert after_rotation.status_code == again.status_code == 303
    assert flow.provider.asked.count("/keys") == 2
    assert flow.provider.asked.count(DISCOVERY) == 1


def test_gives_up_on_a_key_that_nobody_publishes(flow: Flow) -> None:
    flow.sign_in()
    flow.provider.kid = "two"

    assert flow.sign_in().status_code == 502
    assert flow.provider.asked.count("/keys") == 2


DISCOVERIES: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://evil.example"},
    "no issuer": {"issuer": None},
    "a plain address elsewhere": {"token_endpoint": "http://evil.example/token"},
    "a file": {"jwks_uri": "file:///etc/passwd"},
    "a script": {"authorization_endpoint": "javascript:alert(1)"},
    "somebody": {"token_endpoint": "https://a:b@evil.example/"},
    "no port": {"token_endpoint": "https://evil.example:x/"},
    "no address": {"jwks_uri": None},
    "a list": {"jwks_uri": ["https://a.example"]},
}


@pytest.mark.parametrize("lie", DISCOVERIES)
def test_believes_no_provider_that_describes_another(flow: Flow, lie: str) -> None:
    flow.provider.discovery = DISCOVERIES[lie]
    response = flow.begin()

    assert response.status_code == 502
    assert "rill-oidc" not in response.headers.get("Set-Cookie", "")


@pytest.mark.parametrize(("named", "status"), [("https://evil.example", 502), (None, 502), ("", 502)])
def test_takes_no_answer_of_another_issuer(flow: Flow, named: str | None, status: int) -> None:
    flow.provider.discovery = {"authorization_response_iss_parameter_supported": True}
    flow.begin()

    assert flow.back(iss=named).status_code == status
    flow.begin()
    assert flow.back(iss=flow.provider.url).status_code == 303


@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys"])
@pytest.mark.parametrize(("answer", "status"), [(fakes.redirected, 502), (fakes.endless, 502), (fakes.dripping, 503)])
def test_bounds_what_the_provider_may_answer(flow: Flow, path: str, answer: Any, status: int) -> None:
    flow.app.extensions["rill"].oidc._wire = Wire(patience_s=0.3)
    flow.provider.answer = {path: answer}
    flow.begin()
    response = flow.back() if flow.asked else flow.client.get("/login/oidc")

    assert response.status_code == status
    assert 'role="alert"' in response.text
    assert not flow.is_in()
    if answer is fakes.redirected and path == "/token":
        assert "/keys" not in flow.provider.asked


@pytest.mark.parametrize(
    ("status", "found", "seen"),
    [
        ("500 Oh", {}, 503),
        ("429 Slow", {}, 503),
        ("400 Bad", {"error": "invalid_grant"}, 422),
        ("401 No", {"error": "invalid_client"}, 502),
        ("200 OK", [], 502),
        ("200 OK", {}, 502),
    ],
)
def test_says_what_became_of_the_trade(flow: Flow, status: str, found: object, seen: int) -> None:
    flow.provider.answer = {"/token": lambda start: fakes.answer(start, found, status)}

    assert flow.sign_in().status_code == seen


def test_says_when_nobody_answers(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(RILL_OIDC_ISSUER="http://127.0.0.1:1")
    response = flow.begin()

    assert response.status_code == 503
    assert "does not answer" in response.text


def test_leaves_a_provider_in_peace_that_fails(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    flow.provider.answer = {DISCOVERY: lambda start: fakes.answer(start, {}, "500 Oh")}
    monkeypatch.setattr(oidc, "_REST_S", PATIENCE_S)
    pressed = [gevent.spawn(flow.app.test_client().get, "/login/oidc") for _person in range(20)]
    gevent.joinall(pressed, timeout=PATIENCE_S)

    assert {greenlet.value.status_code for greenlet in pressed} == {503}
    assert flow.provider.asked.count(DISCOVERY) == 1

    flow.provider.answer = {}
    monkeypatch.setattr(oidc, "_REST_S", 0.0)
    assert flow.sign_in().status_code == 303
    assert flow.is_in()


def test_shows_nothing_of_what_the_provider_says_went_wrong(flow: Flow) -> None:
    flow.begin()
    response = flow.back(code=None, error="access_denied", error_description="<script>alert(1)</script>")

    assert response.status_code == 403
    assert "did not sign you in" in response.text
    assert "alert(1)" not in response.text
    assert flow.back().status_code == 400


def test_lets_in_verified_addresses_of_the_domain_alone(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(RILL_OIDC_DOMAINS="corp.example")
    flow.provider.claims = {"email": "ann@evil.example"}

    assert flow.sign_in().status_code == 403
    flow.provider.claims = {"email_verified": None}
    assert flow.sign_in().status_code == 403
    flow.provider.claims = {}
    assert flow.sign_in().status_code == 303


def test_asks_for_what_the_token_leaves_out(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(RILL_OIDC_DOMAINS="corp.example", RILL_OIDC_GROUPS="chat")
    flow.provider.claims = {"email": None, "email_verified": None}
    flow.provider.userinfo = {"email": "ann@corp.example", "email_verified": True, "groups": ["Chat"]}

    assert flow.sign_in().status_code == 303
    flow.provider.userinfo["sub"] = "another"
    assert flow.sign_in().status_code == 502


def test_takes_the_address_from_where_it_is_verified(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(RILL_OIDC_DOMAINS="corp.example")
    flow.provider.claims = {"email": "ann@old.example", "email_verified": None}
    flow.provider.userinfo = {"email": "ann@corp.example", "email_verified": True}

    assert flow.sign_in().status_code == 303


def test_shows_the_secret_as_the_provider_wants_it(flow: Flow) -> None:
    flow.provider.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    assert flow.sign_in().status_code == 303
    assert flow.provider.forms[0]["client_secret"] == [SECRET]
    assert flow.provider.authorization == [""]


def test_knows_an_issuer_that_ends_in_a_slash(flow: Flow) -> None:
    flow.provider.discovery = {"issuer": f"{flow.provider.url}/"}
    flow.provider.claims = {"iss": f"{flow.provider.url}/"}

    assert flow.sign_in().status_code == 303


def test_mixes_no_address_with_the_verification_of_another(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(RILL_OIDC_DOMAINS="corp.example")
    flow.provider.claims = {"email": "boss@corp.example", "email_verified": None}
    flow.provider.userinfo = {"email": "eve@evil.example", "email_verified": True}

    assert flow.sign_in().status_code == 403
    flow.provider.userinfo = {"email_verified": True}
    assert flow.sign_in().status_code == 403


def test_gives_the_role_that_the_groups_say(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(RILL_OIDC_ADMIN_GROUPS="staff")
    flow.provider.discovery = {"scopes_supported": ["openid", "groups"]}
    roles = []
    for groups in (["staff"], ["others"], None):
        flow.provider.claims = {"groups": groups}
        flow.sign_in()
        roles.append(flow.person().role)

    assert roles == ["administrator", "member", "member"]
    assert flow.asked["scope"].endswith(" groups")


def test_keeps_the_role_that_an_administrator_chose(flow: Flow) -> None:
    flow.sign_in()
    flow.app.extensions["rill"].db.write(people.set_role, "root", flow.person().id, "administrator")
    flow.provider.claims = {"groups": ["others"]}
    flow.sign_in()

    assert flow.person().role == "administrator"


def test_keeps_disabled_people_out(flow: Flow) -> None:
    flow.sign_in()
    flow.app.extensions["rill"].db.write(people.disable, "root", flow.person().id)
    refused = flow.sign_in()

    assert refused.status_code == 403
    assert "closed this account" in refused.text
    assert not flow.is_in()


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/login", "/" + "x" * 2000])
def test_goes_nowhere_else(flow: Flow, next: str) -> None:
    flow.client.get("/")
    flow.begin("/login/oidc?" + f"next={next}")

    assert flow.back().location == "/"


def test_writes_no_code_token_or_secret_to_the_log(flow: Flow, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = []
    for claims in ({}, {"aud": "another"}):
        flow.provider.claims = claims
        flow.sign_in()
        tokens.append(flow.provider.id_token())
    written = "\n".join(str(vars(record)) for record in caplog.records)

    assert "token.invalid_claim.aud" in written
    for canary in (CODE, ACCESS, SECRET, flow.asked["state"], flow.asked["nonce"], flow.provider.authorization[0][6:]):
        assert canary not in written
    assert not [token for token in tokens if token.split(".")[1] in written]


def test_offers_the_way_on_the_page(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow()
    page = flow.client.get("/login?next=/compare")

    assert page.status_code == 200
    assert 'href="/login/oidc?next=/compare"' in page.text
    assert f"Sign in with {urlsplit(flow.provider.url).netloc}" in page.text
    assert "password" not in page.text
    assert 'name="password"' in make_flow(RILL_ACCOUNTS="1").client.get("/login").text


def test_goes_all_the_way_with_a_real_provider(make_flow: Callable[..., Flow], tmp_path: Path) -> None:
    ann = {"sub": "ann-1", "preferred_username": "Ann", "email": "ann@corp.example", "email_verified": True}
    real = start_provider(tmp_path, {**ann, "groups": ["Chat", "Staff"]}, {**ann, "sub": "eve-1", "groups": ["Other"]})
    try:
        flow = make_flow(
            RILL_OIDC_ISSUER=real.url,
            RILL_OIDC_DOMAINS="corp.example",
            RILL_OIDC_GROUPS="chat",
            RILL_OIDC_ADMIN_GROUPS="staff",
        )
        refused, entered = (_through(flow, sub) for sub in ("eve-1", "ann-1"))
    finally:
        real.stop(kill=True)

    assert refused.status_code == 403
    assert "none of the groups" in refused.text
    assert entered.location == "/compare"
    assert flow.is_in()
    assert (flow.person().role, flow.person().subject) == ("administrator", f"oidc:{real.url}#ann-1")


def _through(flow: Flow, sub: str) -> TestResponse:
    """Sign in at a real provider, as its own page would."""
    there = flow.begin("/login/oidc?next=/compare").location
    at_provider = httpx2.post(there, data={"sub": sub}, follow_redirects=False)
    back = urlsplit(at_provider.headers["Location"])
    return flow.client.get(f"{back.path}?{back.query}")


@pytest.mark.parametrize("path", ["/login/oidc", "/login/oidc/callback"])
def test_is_not_there_without_a_provider(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404
