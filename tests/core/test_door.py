"""Which combinations of the ways in start, and what the others are told."""

from itertools import product

import pytest

from app.core.errors import ConfigurationError
from app.core.settings import Settings

KEY = {"SECRET_KEY": "k" * 32}
URL = {"RILL_URL": "https://chat.example"}
OPEN = {"RILL_HOST": "0.0.0.0"}
ACCOUNTS = {"RILL_ADMIN_PASSWORD": "several unlikely words"}
HEADER = {"RILL_PROXY_HEADER": "X-Forwarded-Email"}
NETWORKS = {"RILL_TRUSTED_PROXIES": "10.0.0.0/8"}
VOUCH = {"RILL_PROXY_SECRET": "v" * 32}
OIDC = {"RILL_OIDC_ISSUER": "https://id.example", "RILL_OIDC_CLIENT_ID": "rill", "RILL_OIDC_CLIENT_SECRET": "s"}
ALLOWED = {"RILL_OIDC_DOMAINS": "example.com"}
PARTS = {
    "key": KEY,
    "url": URL,
    "open": OPEN,
    "accounts": ACCOUNTS,
    "header": HEADER,
    "networks": NETWORKS,
    "vouch": VOUCH,
    "oidc": OIDC,
    "allowed": ALLOWED,
}


def read(*parts: dict[str, str], **more: str) -> Settings:
    """Read settings made of parts."""
    return Settings.from_env({name: value for part in (*parts, more) for name, value in part.items()})


def outcome(has: set[str]) -> Settings | str:
    """Give the settings of some parts, or the sentence with which they are refused."""
    try:
        return read(*(PARTS[name] for name in has))
    except ConfigurationError as error:
        return str(error)


def test_starts_safely_or_says_what_is_missing() -> None:
    started = 0
    for chosen in product((False, True), repeat=len(PARTS)):
        has = {name for name, is_in in zip(PARTS, chosen, strict=True) if is_in}
        settings = outcome(has)
        if isinstance(settings, str):
            assert any(word in settings for word in ("RILL_", "SECRET_KEY")), has
            continue
        started += 1
        ways = set(settings.ways)
        assert ways == ({"accounts", "oidc"} & has) | ({"proxy"} if "header" in has else set())
        assert not ways or "key" in has
        assert "open" not in has or (ways and "url" in has)
        assert "url" not in has or ways
        assert "header" not in has or {"networks", "vouch"} <= has
        assert "oidc" not in has or {"url", "allowed"} <= has
        assert ("vouch" in has) <= ("header" in has)
        assert ("allowed" in has) <= ("oidc" in has)
    assert started == 28


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [KEY, ACCOUNTS],
        [KEY, URL, ACCOUNTS],
        [KEY, URL, OPEN, ACCOUNTS],
        [KEY, URL, OPEN, HEADER, NETWORKS, VOUCH],
        [KEY, URL, OPEN, OIDC, ALLOWED],
        [KEY, URL, OPEN, OIDC, ALLOWED, ACCOUNTS],
        [KEY, URL, HEADER, {"RILL_HOST": "unix:/run/rill.sock"}],
        [KEY, {"RILL_ACCOUNTS": "1", "RILL_URL": "http://localhost:8000"}],
        [KEY, URL, OPEN, OIDC, {"RILL_OIDC_GROUPS": "chat"}],
    ],
)
def test_starts(parts: list[dict[str, str]]) -> None:
    read(*parts)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([OPEN], "RILL_HOST lets others reach Rill, and nobody has to sign in"),
        ([URL], "RILL_URL lets others reach Rill, and nobody has to sign in"),
        ([ACCOUNTS], "SECRET_KEY must be set"),
        ([ACCOUNTS, {"SECRET_KEY": "short"}], "SECRET_KEY must have at least 32 characters"),
        ([KEY, {"RILL_ADMIN_PASSWORD": "too short"}], "RILL_ADMIN_PASSWORD must have at least 12"),
        ([KEY, OPEN, ACCOUNTS], "RILL_URL must be set to the address"),
        ([KEY, OPEN, ACCOUNTS, {"RILL_URL": "http://localhost"}], "RILL_URL must be set to the address"),
        ([KEY, OPEN, ACCOUNTS, {"RILL_URL": "http://chat.example"}], "RILL_URL must start with https://"),
        ([KEY, ACCOUNTS, {"RILL_URL": "https://chat.example/rill"}], "without a path"),
        ([KEY, ACCOUNTS, {"RILL_URL": "https://me:x@chat.example"}], "without a path"),
        ([KEY, HEADER, VOUCH], "RILL_PROXY_HEADER needs RILL_TRUSTED_PROXIES"),
        ([KEY, HEADER, NETWORKS], "RILL_PROXY_HEADER needs RILL_PROXY_SECRET"),
        ([KEY, HEADER, {"RILL_TRUSTED_PROXIES": "0.0.0.0/0"}, VOUCH], "must not list 0.0.0.0/0"),
        ([KEY, HEADER, {"RILL_TRUSTED_PROXIES": "::/0"}, VOUCH], "must not list ::/0"),
        ([KEY, HEADER, {"RILL_TRUSTED_PROXIES": "everyone"}, VOUCH], "must list networks"),
        ([VOUCH], "RILL_PROXY_SECRET does nothing"),
        ([{"RILL_PROXY_HEADER": "X Forwarded"}], "must be the name of a header"),
        ([KEY, URL, OIDC], "RILL_OIDC_DOMAINS or RILL_OIDC_GROUPS must say who may come in"),
        ([KEY, OIDC, ALLOWED], "RILL_URL must be set for OIDC"),
        ([KEY, URL, ALLOWED], "do nothing without RILL_OIDC_ISSUER"),
        ([KEY, URL, ALLOWED, {"RILL_OIDC_ISSUER": "https://id.example"}], "RILL_OIDC_CLIENT_ID and"),
        (
            [KEY, URL, ALLOWED, OIDC, {"RILL_OIDC_ISSUER": "http://id.example"}],
            "RILL_OIDC_ISSUER must start with https",
        ),
        ([{"RILL_HOST": "chat.example"}], "RILL_HOST must be an IP address"),
    ],
)
def test_says_what_to_set(parts: list[dict[str, str]], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        read(*parts)


def test_hides_secrets() -> None:
    settings = read(KEY, URL, ACCOUNTS, HEADER, NETWORKS, VOUCH, OIDC, ALLOWED, RILL_OIDC_CLIENT_SECRET="hush")

    for secret in ("kkkk", "vvvv", "unlikely", "hush"):
        assert secret not in repr(settings)
