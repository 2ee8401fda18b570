"""An identity provider that speaks OpenID Connect: where people are sent, and who it says came back.

OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; Discovery 1.0, section 4; PKCE, RFC 7636; the issuer in the answer,
RFC 9207.
"""

from collections.abc import Collection
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import quote_plus, urlencode

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from gevent.lock import RLock
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from app.adapters.oidc_wire import Away, Untrusted, Wire, check_address
from app.core.errors import Invalid

#: Signatures that are believed: made with a private key, never with a secret that Rill has as well.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
#: How far clocks may be apart, in seconds.
_LEEWAY_S = 60
#: How long what the provider says of itself is believed, in seconds.
_FRESH_S = 3600.0
#: For how long a provider that failed is left in peace, in seconds, however many people press the button.
_REST_S = 5.0
_AGAIN = "This sign-in is over already. Choose how to sign in once more."
_NAMES = ("preferred_username", "email", "name")


@dataclass(frozen=True, slots=True)
class Application:
    """What the identity provider knows Rill as."""

    id: str
    secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What belongs to one try to sign in, and comes back with it."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class _Provider:
    """What a provider says of itself."""

    issuer: str
    authorize: str
    token: str
    keys: str
    userinfo: str | None
    auth: str
    scopes: tuple[str, ...]
    names_issuer: bool
    found_at: float


class _UnknownKey(Exception):
    """A token names a key that is not among those known."""


class Oidc:
    """The identity provider with this issuer; nothing is asked before it is needed."""

    def __init__(self, issuer: str, application: Application, *, wire: Wire | None = None) -> None:
        self._issuer, self._application = issuer, application
        self._wire = wire or Wire()
        self._provider: _Provider | None = None
        self._failed: tuple[float, Away | Untrusted] | None = None
        self._discovering = RLock()
        self._keys: tuple[float, list[jwk.Key]] | None = None

    def address(self, attempt: Attempt, *, wants: Collection[str]) -> str:
        """Give the page of the provider where a person signs in; raises Untrusted, Away."""
        provider, application = self._discovered(), self._application
        scopes = ["openid", "profile", "email", *(["groups"] if {"groups"} & {*wants} & {*provider.scopes} else [])]
        client = OAuth2Client(None, application.id, scope=" ".join(scopes), code_challenge_method="S256")
        url, _ = client.create_authorization_url(
            provider.authorize,
            state=attempt.state,
            nonce=attempt.nonce,
            code_verifier=attempt.verifier,
            redirect_uri=application.redirect_uri,
        )
        return str(url)

    def claims(self, code: str, attempt: Attempt, *, issuer: str | None, wants: Collection[str]) -> dict[str, Any]:
        """Trade a code for what the provider says of the person.

        ``issuer`` is what the answer named, if it did; ``wants`` are claims that matter, asked for where the token has
        none of them. Raises Invalid for a code that is spent, Untrusted, Away.
        """
        provider = self._discovered()
        if issuer != provider.issuer and (issuer is not None or provider.names_issuer):
            raise Untrusted("answer.iss")
        tokens = self._trade(provider, code, attempt.verifier)
        id_token, access = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access, str):
            raise Untrusted("token.missing")
        claims = self._checked(provider, id_token, access, attempt.nonce)
        is_short = not all(claim in claims for claim in wants) or not any(claims.get(name) for name in _NAMES)
        return self._completed(provider, access, claims) if is_short and provider.userinfo else claims

    def _discovered(self) -> _Provider:
        with self._discovering:
            if self._provider is None or monotonic() - self._provider.found_at > _FRESH_S:
                self._provider = None
                self._provider = self._discover()
            return self._provider

    def _discover(self) -> _Provider:
        if self._failed is not None and monotonic() - self._failed[0] < _REST_S:
            raise type(self._failed[1])(self._failed[1].reason)
        try:
            return _read(self._wire.get(f"{self._issuer}/.well-known/openid-configuration"), self._issuer)
        except (Away, Untrusted) as error:
            self._failed = (monotonic(), error)
            raise

    def _trade(self, provider: _Provider, code: str, verifier: str) -> dict[str, Any]:
        application = self._application
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": application.redirect_uri}
        body, headers = urlencode({**form, "code_verifier": verifier}), {}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        is_basic = provider.auth == "client_secret_basic"
        own = [quote_plus(each) if is_basic else each for each in (application.id, application.secret)]
        auth = ClientAuth(*own, provider.auth)
        url, headers, body = auth.prepare("POST", provider.token, headers, body)
        status, found = self._wire.post(url, headers, body)
        if found.get("error") == "invalid_grant":
            raise Invalid(_AGAIN)
        if status != 200:
            raise Untrusted(f"token.status_{status}")
        return found

    def _checked(self, provider: _Provider, id_token: str, access: str, nonce: str) -> dict[str, Any]:
        """Give the claims of a token that the provider signed for Rill and for this attempt; raises Untrusted."""
        options = {
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": self._application.id},
            "nonce": {"essential": True, "value": nonce},
        }
        params = {"client_id": self._application.id, "nonce": nonce, "access_token": access}
        try:
            token = self._decoded(provider, id_token)
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(leeway=_LEEWAY_S)
        except JoseError as error:
            claim = getattr(error, "claim", None)
            raise Untrusted(f"token.{error.error}" + (f".{claim}" if claim in options else "")) from None
        except (ValueError, TypeError, KeyError, _UnknownKey) as error:
            raise Untrusted(f"token.{type(error).__name__}") from None
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise Untrusted("token.sub")
        return dict(claims)

    def _decoded(self, provider: _Provider, id_token: str) -> jwt.Token:
        """Check the signature; a key that is not known yet is asked for once."""
        keys, is_new = self._known_keys(provider)
        try:
            return jwt.decode(id_token, lambda token: _key(keys, token.headers()), ALGORITHMS)
        except _UnknownKey:
            if is_new:
                raise
        self._keys = None
        keys, _ = self._known_keys(provider)
        return jwt.decode(id_token, lambda token: _key(keys, token.headers()), ALGORITHMS)

    def _known_keys(self, provider: _Provider) -> tuple[list[jwk.Key], bool]:
        if self._keys is not None and monotonic() - self._keys[0] <= _FRESH_S:
            return self._keys[1], False
        keys = _keys(self._wire.get(provider.keys))
        self._keys = (monotonic(), keys)
        return keys, True

    def _completed(self, provider: _Provider, access: str, claims: dict[str, Any]) -> dict[str, Any]:
        """Add what only the userinfo endpoint says; a mail address never comes without its own verification."""
        found = self._wire.get(provider.userinfo or "", token=access)
        if found.get("sub") != claims["sub"]:
            raise Untrusted("userinfo.sub")
        mail = ("email", "email_verified")
        if "email" in found and not all(claim in claims for claim in mail):
            claims = {name: value for name, value in claims.items() if name not in mail}
        elif "email" in claims:
            found = {name: value for name, value in found.items() if name not in mail}
        return {**found, **claims}


def _read(found: dict[str, Any], issuer: str) -> _Provider:
    """Read what a provider says of itself; one that claims to be another is not believed."""
    named = found.get("issuer")
    if not isinstance(named, str) or named.removesuffix("/") != issuer:
        raise Untrusted("discovery.issuer")
    methods = found.get("token_endpoint_auth_methods_supported")
    is_post = isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods
    scopes, userinfo = found.get("scopes_supported"), found.get("userinfo_endpoint")
    return _Provider(
        named,
        check_address(found.get("authorization_endpoint"), issuer),
        check_address(found.get("token_endpoint"), issuer),
        check_address(found.get("jwks_uri"), issuer),
        check_address(userinfo, issuer) if userinfo else None,
        "client_secret_post" if is_post else "client_secret_basic",
        tuple(scope for scope in scopes if isinstance(scope, str)) if isinstance(scopes, list) else (),
        found.get("authorization_response_iss_parameter_supported") is True,
        monotonic(),
    )


def _keys(found: dict[str, Any]) -> list[jwk.Key]:
    """Read the public keys that sign; those of kinds that are not known are left out."""
    keys: list[jwk.Key] = []
    listed = found.get("keys")
    for each in listed if isinstance(listed, list) else []:
        if not isinstance(each, dict) or each.get("kty") not in ("RSA", "EC") or each.get("use", "sig") != "sig":
            continue
        try:
            keys.append(jwk.import_key(each))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return keys


def _key(keys: list[jwk.Key], header: dict[str, Any]) -> jwk.Key:
    """Find the key that a token names; one that names none must leave no choice."""
    kid = header.get("kid")
    fitting = [key for key in keys if kid is None or key.kid == kid]
    if len(fitting) != 1:
        raise _UnknownKey
    return fitting[0]
