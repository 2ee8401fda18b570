"""Sign in with an identity provider: go there, and come back."""

import hmac
import logging
import secrets
from hashlib import sha256
from typing import Any

from flask import Blueprint, make_response, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app.adapters.models import User
from app.adapters.oidc import Attempt, Oidc
from app.chat import admission, people
from app.core.errors import Forbidden, Malformed, NotFound, RillError
from app.web import cookies, htmx, login
from app.web.services import services

bp = Blueprint("oidc", __name__)
log = logging.getLogger(__name__)

#: How long somebody may take at the provider, in seconds.
_PATIENCE_S = 600
_SIGNED = {"key_derivation": "hmac", "digest_method": sha256}
_LONGEST_NEXT = 1000
_NOT_OURS = "This sign-in was begun elsewhere, or too long ago, or is used up. Choose how to sign in once more."
_DENIED = "The identity provider did not sign you in. Choose how to sign in once more, or ask who runs this Rill."
_CLOSED = "An administrator has closed this account. What is in it is kept."


@bp.get("/login/oidc")
def start() -> Response:
    """Send a person to the provider; what must come back is kept by their browser, signed."""
    provider = _provider()
    attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    next = login.place(request.args.get("next"))
    try:
        address = provider.address(attempt, wants=admission.wants(services().settings))
    except RillError as error:
        return _refused(error)
    response = htmx.see_other(address)
    kept = [attempt.state, attempt.nonce, attempt.verifier, next if len(next) <= _LONGEST_NEXT else "/"]
    response.set_cookie(_name(), _signer().dumps(kept), max_age=_PATIENCE_S, **_flags())
    return response


@bp.get("/login/oidc/callback")
def callback() -> Response:
    """Let in whom the provider names; the browser's part of the attempt is used up, whatever comes of it."""
    provider = _provider()
    try:
        attempt, next = _attempt()
        user = _recognised(provider, attempt)
        response = login.enter(user, way="oidc", next=next)
    except RillError as error:
        response = _refused(error)
    response.delete_cookie(_name(), **_flags())
    return response


def _provider() -> Oidc:
    if (provider := services().oidc) is None:
        raise NotFound("There is no identity provider here.")
    return provider


def _attempt() -> tuple[Attempt, str]:
    """Read what this browser began, if the answer belongs to it; raises Malformed."""
    try:
        state, nonce, verifier, next = _signer().loads(request.cookies.get(_name(), ""), max_age=_PATIENCE_S)
    except BadSignature:
        raise Malformed(_NOT_OURS) from None
    if not hmac.compare_digest(request.args.get("state", "").encode(), state.encode()):
        raise Malformed(_NOT_OURS)
    return Attempt(state, nonce, verifier), next


def _recognised(provider: Oidc, attempt: Attempt) -> User:
    settings, db, code = services().settings, services().db, request.args.get("code")
    if "error" in request.args or not code:
        raise Forbidden(_DENIED)
    wants = admission.wants(settings)
    claims = provider.claims(code, attempt, issuer=request.args.get("iss"), wants=wants)
    user = db.write(people.recognise, admission.admit(settings, claims))
    if user.is_disabled:
        raise Forbidden(_CLOSED)
    return user


def _refused(error: RillError) -> Response:
    reason = getattr(error, "reason", type(error).__name__)
    log.warning("login.refused", extra={"way": "oidc", "reason": reason})
    return make_response(login.page(error))


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(services().settings.secret_key or "", salt="rill.oidc", signer_kwargs=_SIGNED)


def _flags() -> dict[str, Any]:
    return {"path": "/", "secure": cookies.is_secure(), "httponly": True, "samesite": "Lax"}


def _name() -> str:
    return "__Host-rill-oidc" if cookies.is_secure() else "rill-oidc"
