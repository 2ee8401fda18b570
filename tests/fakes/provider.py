"""An identity provider that lies in the ways a test asks for; everything it signs is really signed."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import gevent
from gevent.pywsgi import WSGIServer
from joserfc import jwk, jws, jwt

CLIENT = "rill-client"
SECRET = "s3cret-canary-of-the-client"
CODE = "code-canary-4711"
ACCESS = "access-canary-0815"
_KEYS = {kid: jwk.RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}) for kid in ("one", "two")}


@dataclass
class Provider:
    """What it says; a test changes this between two requests."""

    url: str = ""
    nonce: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    signed: Callable[["Provider", dict[str, Any]], str] | None = None
    kid: str = "one"
    published: tuple[str, ...] = ("one",)
    answer: dict[str, Callable[[Callable[..., Any]], Iterable[bytes]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        if path in self.answer:
            return self.answer[path](start)
        if path == "/token":
            self.forms.append(parse_qs(environ["wsgi.input"].read().decode()))
            self.authorization.append(environ.get("HTTP_AUTHORIZATION", ""))
        documents = {
            "/.well-known/openid-configuration": self._discovered,
            "/token": lambda: {"access_token": ACCESS, "token_type": "Bearer", "id_token": self.id_token()},
            "/keys": lambda: {"keys": [_KEYS[kid].as_dict(private=False) for kid in self.published]},
            "/userinfo": lambda: {"sub": "ann-1", **self.userinfo},
        }
        return answer(start, documents[path]())

    def id_token(self) -> str:
        """Sign what is said of the person."""
        now = int(time.time())
        said = {"iss": self.url, "aud": CLIENT, "sub": "ann-1", "exp": now + 300, "iat": now, "nonce": self.nonce}
        said |= {"preferred_username": "Ann", "email": "ann@corp.example", "email_verified": True, **self.claims}
        said = {name: value for name, value in said.items() if value is not None}
        return self.signed(self, said) if self.signed else jwt.encode(self.header, said, _KEYS[self.kid])

    @property
    def header(self) -> dict[str, Any]:
        """The header of the tokens."""
        return {"alg": "RS256", "kid": self.kid}

    def _discovered(self) -> dict[str, Any]:
        places = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "jwks_uri": "keys",
            "userinfo_endpoint": "userinfo",
        }
        return {"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in places.items()}, **self.discovery}


def answer(start: Callable[..., Any], found: object, status: str = "200 OK") -> list[bytes]:
    """Answer with JSON."""
    start(status, [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]


def redirected(start: Callable[..., Any]) -> list[bytes]:
    """Send whoever asks to the keys, which are there."""
    start("307 Temporary Redirect", [("Location", "/keys")])
    return [b"{}"]


def endless(start: Callable[..., Any]) -> Iterator[bytes]:
    """Answer with an object that is larger than any."""
    start("200 OK", [("Content-Type", "application/json")])
    yield b'{"x": "'
    for _ in range(1000):
        yield b"x" * 10_000


def dripping(start: Callable[..., Any]) -> Iterator[bytes]:
    """Answer so slowly that no single piece is late."""
    start("200 OK", [("Content-Type", "application/json")])
    for _ in range(100):
        yield b" "
        gevent.sleep(0.1)


def unsigned(provider: Provider, said: dict[str, Any]) -> str:
    """Write a token with the algorithm none."""
    head, body = jwt.encode(provider.header, said, _KEYS["one"]).split(".")[:2]
    return f"{_part({'alg': 'none', 'kid': 'one'})}.{body}." if head else ""


def signed_with_public_key(provider: Provider, said: dict[str, Any]) -> str:
    """Sign with the public key as if it were a shared secret."""
    key = jwk.OctKey.import_key(_KEYS["one"].as_pem(private=False).hex())
    return jws.serialize_compact({"alg": "HS256", "kid": "one"}, json.dumps(said).encode(), key, ["HS256"])


def signed_with_client_secret(provider: Provider, said: dict[str, Any]) -> str:
    """Sign with the secret that Rill has."""
    return jws.serialize_compact({"alg": "HS256"}, json.dumps(said).encode(), jwk.OctKey.import_key(SECRET), ["HS256"])


def signed_by_another(provider: Provider, said: dict[str, Any]) -> str:
    """Sign with a key that is not published, under the name of one that is."""
    return jwt.encode({"alg": "RS256", "kid": "one"}, said, _KEYS["two"])


def _part(found: object) -> str:
    return jws.serialize_compact({"alg": "RS256"}, json.dumps(found).encode(), _KEYS["one"]).split(".")[1]


def serve(provider: Provider) -> WSGIServer:
    """Serve it on a loopback port."""
    server = WSGIServer(("127.0.0.1", 0), provider, log=None, error_log=None)
    server.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    return server
