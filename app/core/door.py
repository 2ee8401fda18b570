"""The ways in, and which combinations of settings are safe to start with."""

from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from app.core import parse
from app.core.errors import ConfigurationError

if TYPE_CHECKING:
    from app.core.settings import Settings

Way = Literal["accounts", "proxy", "oidc"]

#: Shortest password, in characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9 ask for 8 to 15).
MIN_PASSWORD = 12
_HOW = "RILL_ADMIN_PASSWORD (accounts), RILL_PROXY_HEADER (a proxy that signs people in) or RILL_OIDC_ISSUER (OIDC)"


def ways(settings: "Settings") -> tuple[Way, ...]:
    """Give the ways in that are configured; none where Rill is for whoever sits at this machine."""
    is_on: dict[Way, bool] = {
        "accounts": settings.accounts or settings.admin_password is not None,
        "proxy": settings.proxy_header is not None,
        "oidc": settings.oidc_issuer is not None,
    }
    return tuple(way for way, on in is_on.items() if on)


def check(settings: "Settings") -> None:
    """Refuse what would let anyone in unasked; raises ConfigurationError with the setting to change."""
    _check_accounts(settings)
    _check_proxy(settings)
    _check_oidc(settings)
    if settings.ways and settings.secret_key is None:
        raise ConfigurationError(f"SECRET_KEY must be set where people sign in. {parse.MAKE_A_KEY}")
    _check_place(settings)


def _check_place(settings: "Settings") -> None:
    is_here, is_socket = parse.is_loopback(settings.host), settings.host.startswith("unix:")
    named = urlsplit(settings.url).hostname if settings.url else None
    is_named_here = named is None or parse.is_loopback(named)
    if not settings.ways and not (is_here and is_named_here):
        name = "RILL_URL" if is_here else "RILL_HOST"
        raise ConfigurationError(
            f"{name} lets others reach Rill, and nobody has to sign in: anyone could use your key. Set {_HOW}."
        )
    if settings.ways and not (is_here or is_socket) and is_named_here:
        raise ConfigurationError("RILL_URL must be set to the address that people open, such as https://chat.example.")
    is_behind = (settings.url or "").startswith("https://") and not is_socket
    if "accounts" in settings.ways and is_behind and not settings.trusted_proxies:
        raise ConfigurationError(
            "RILL_TRUSTED_PROXIES must be set to the network of what serves RILL_URL: 127.0.0.1 on this machine, "
            "10.0.0.0/8 on Heroku. Without it all people have the proxy's address, and who guesses passwords locks "
            "everybody out."
        )


def _check_accounts(settings: "Settings") -> None:
    if settings.admin_password is not None and len(settings.admin_password) < MIN_PASSWORD:
        raise ConfigurationError(f"RILL_ADMIN_PASSWORD must have at least {MIN_PASSWORD} characters.")


def _check_proxy(settings: "Settings") -> None:
    if settings.proxy_header is None:
        if settings.proxy_secret is not None:
            raise ConfigurationError("RILL_PROXY_SECRET does nothing without RILL_PROXY_HEADER. Set both, or neither.")
        return
    is_socket = settings.host.startswith("unix:")
    if not settings.trusted_proxies and not is_socket:
        raise ConfigurationError("RILL_PROXY_HEADER needs RILL_TRUSTED_PROXIES: from where may that header come?")
    if settings.proxy_secret is None and not is_socket:
        raise ConfigurationError(
            "RILL_PROXY_HEADER needs RILL_PROXY_SECRET, or a unix socket as RILL_HOST: else others could send it."
        )


def _check_oidc(settings: "Settings") -> None:
    needed = {
        "RILL_OIDC_ISSUER": settings.oidc_issuer,
        "RILL_OIDC_CLIENT_ID": settings.oidc_client_id,
        "RILL_OIDC_CLIENT_SECRET": settings.oidc_client_secret,
    }
    missing = [name for name, value in needed.items() if value is None]
    allowed = settings.oidc_domains or settings.oidc_groups
    if len(missing) == len(needed):
        if allowed or settings.oidc_admin_groups:
            raise ConfigurationError("RILL_OIDC_ISSUER must be set, too: domains and groups mean nothing without it.")
        return
    if missing:
        raise ConfigurationError(f"{' and '.join(missing)} must be set, too: OIDC needs issuer, client id and secret.")
    issuer = urlsplit(settings.oidc_issuer or "")
    if issuer.scheme != "https" and not parse.is_loopback(issuer.hostname or ""):
        raise ConfigurationError("RILL_OIDC_ISSUER must start with https://.")
    if settings.url is None:
        raise ConfigurationError("RILL_URL must be set for OIDC: the identity provider sends people back there.")
    if not allowed:
        raise ConfigurationError(
            "RILL_OIDC_DOMAINS or RILL_OIDC_GROUPS must say who may come in, of all accounts there; * is everyone."
        )
