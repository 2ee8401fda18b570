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
SOCKET = {"RILL_HOST": "unix:/run/rill.sock"}
GROUPS = {"RILL_OIDC_GROUPS": "chat"}
#: All that may be set, with the forms that each has; every combination of them is tried.
CHOICES: dict[str, dict[str, dict[str, str]]] = {
    "key": {"": {}, "whole": KEY},
    "host": {"": {}, "open": OPEN, "socket": SOCKET},
    "url": {
        "": {},
        "here": {"RILL_URL": "http://localhost"},
        "public": URL,
        "plain": {"RILL_URL": "http://chat.example"},
    },
    "accounts": {"": {}, "first": ACCOUNTS, "on": {"RILL_ACCOUNTS": "1"}, "off": {"RILL_ACCOUNTS": "0"}},
    "header": {"": {}, "named": HEADER},
    "networks": {"": {}, "named": NETWORKS},
    "vouch": {"": {}, "secret": VOUCH},
    "oidc": {
        "": {},
        "whole": OIDC,
        **{f"no {name}": {each: value for each, value in OIDC.items() if each != name} for name in OIDC},
    },
    "allowed": {"": {}, "domains": ALLOWED, "groups": GROUPS, "both": {**ALLOWED, **GROUPS}},
    "administrators": {"": {}, "groups": {"RILL_OIDC_ADMIN_GROUPS": "staff"}},
}


def read(*parts: dict[str, str], **more: str) -> Settings:
    """Read settings made of parts."""
    return Settings.from_env({name: value for part in (*parts, more) for name, value in part.items()})


def refused(has: dict[str, str]) -> str | None:
    """Say which variable has to be named for a combination; None where it starts."""
    is_socket, ways = has["host"] == "socket", has["accounts"] in ("first", "on") or has["header"] or has["oidc"]
    is_behind = has["accounts"] in ("first", "on") and has["url"] == "public"
    lacks_oidc = has["oidc"].removeprefix("no ")
    rules = [
        (has["url"] == "plain", "RILL_URL"),
        (has["vouch"] and not has["header"], "RILL_PROXY_SECRET"),
        (has["header"] and not has["networks"] and not is_socket, "RILL_TRUSTED_PROXIES"),
        (has["header"] and not has["vouch"] and not is_socket, "RILL_PROXY_SECRET"),
        (not has["oidc"] and (has["allowed"] or has["administrators"]), "RILL_OIDC_ISSUER"),
        (lacks_oidc in OIDC, lacks_oidc),
        (has["oidc"] and not has["url"], "RILL_URL"),
        (has["oidc"] and not has["allowed"], "RILL_OIDC_DOMAINS or RILL_OIDC_GROUPS"),
        (ways and not has["key"], "SECRET_KEY"),
        (not ways and has["host"], "RILL_HOST"),
        (not ways and has["url"] == "public", "RILL_URL"),
        (has["host"] == "open" and has["url"] != "public", "RILL_URL"),
        (is_behind and not has["networks"] and not is_socket, "RILL_TRUSTED_PROXIES"),
    ]
    return next((name for is_so, name in rules if is_so), None)


def test_starts_safely_or_says_what_is_missing() -> None:
    started = 0
    for chosen in product(*(forms.items() for forms in CHOICES.values())):
        has = dict(zip(CHOICES, (name for name, _part in chosen), strict=True))
        named = refused(has)
        try:
            settings = read(*(part for _name, part in chosen))
        except ConfigurationError as error:
            sentence = str(error)
        else:
            sentence = ""
            check_safe(settings)
            started += 1
        starts = (f"{named} ", f"RILL_PROXY_HEADER needs {named}") if named else ""
        assert bool(sentence) == bool(named), (has, sentence)
        assert sentence.startswith(starts), (has, sentence)
    assert started >= 300


def check_safe(settings: Settings) -> None:
    """See that settings which start let nobody in unasked."""
    is_socket, is_open = settings.host.startswith("unix:"), settings.host == "0.0.0.0"
    is_public = (settings.url or "").startswith("https://")
    assert settings.ways or not (is_socket or is_open or is_public)
    assert not settings.ways or settings.secret_key
    assert not is_open or is_public
    assert "proxy" not in settings.ways or is_socket or (settings.trusted_proxies and settings.proxy_secret)
    assert "oidc" not in settings.ways or settings.oidc_domains or settings.oidc_groups
    assert "accounts" not in settings.ways or not is_public or is_socket or settings.trusted_proxies


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [KEY, ACCOUNTS],
        [KEY, URL, ACCOUNTS, NETWORKS],
        [KEY, URL, ACCOUNTS, SOCKET],
        [KEY, URL, OPEN, ACCOUNTS, NETWORKS],
        [KEY, URL, OPEN, HEADER, NETWORKS, VOUCH],
        [KEY, URL, OPEN, OIDC, ALLOWED],
        [KEY, URL, OPEN, OIDC, ALLOWED, ACCOUNTS, NETWORKS],
        [KEY, URL, HEADER, SOCKET],
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
        ([SOCKET], "RILL_HOST lets others reach Rill, and nobody has to sign in"),
        ([KEY, URL, ACCOUNTS], "RILL_TRUSTED_PROXIES must be set to the network"),
        ([KEY, URL, OPEN, ACCOUNTS], "RILL_TRUSTED_PROXIES must be set to the network"),
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
        ([KEY, HEADER, {"RILL_TRUSTED_PROXIES": "::ffff:0.0.0.0/96"}, VOUCH], "must not list ::ffff:0.0.0.0/96"),
        ([KEY, HEADER, {"RILL_TRUSTED_PROXIES": "10.0.0.0/8,::/96"}, VOUCH], "must not list ::/96"),
        ([KEY, HEADER, {"RILL_TRUSTED_PROXIES": "everyone"}, VOUCH], "must list networks"),
        ([VOUCH], "RILL_PROXY_SECRET does nothing"),
        ([{"RILL_PROXY_HEADER": "X Forwarded"}], "must be the name of a header"),
        ([KEY, URL, OIDC], "RILL_OIDC_DOMAINS or RILL_OIDC_GROUPS must say who may come in"),
        ([KEY, OIDC, ALLOWED], "RILL_URL must be set for OIDC"),
        ([KEY, URL, ALLOWED], "RILL_OIDC_ISSUER must be set, too"),
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
