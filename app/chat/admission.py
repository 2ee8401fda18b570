"""Whom of an identity provider's people Rill lets in, and as what."""

import re
from typing import Any

from app.chat.people import Identity, Role
from app.core.errors import Forbidden
from app.core.settings import Settings
from app.core.text import lowered

_MAIL = re.compile(r"[^@\s]+@([a-z0-9-]+(?:\.[a-z0-9-]+)*)", re.ASCII | re.IGNORECASE)
_NOT_VERIFIED = (
    "The identity provider does not say that your mail address is verified, so Rill cannot let you in by it. "
    "Verify it there, or ask who runs this Rill."
)
_OTHER_DOMAIN = "Mail addresses of your domain are not let in here. Ask who runs this Rill."
_OTHER_GROUP = "You are in none of the groups that are let in here. Ask who runs this Rill."
#: Lets in everyone, where it stands for a domain or a group.
_EVERYONE = "*"


def wants(settings: Settings) -> frozenset[str]:
    """Give the claims that decide."""
    domains = {"email", "email_verified"} if _limits(settings.oidc_domains) else set()
    groups = {"groups"} if _limits(settings.oidc_groups) or settings.oidc_admin_groups else set()
    return frozenset(domains | groups)


def admit(settings: Settings, claims: dict[str, Any]) -> Identity:
    """Give who came, if they may come in: domain and group must both fit, where both are set. Raises Forbidden."""
    if _limits(settings.oidc_domains):
        _check_domain(settings.oidc_domains, claims)
    groups = _groups(claims)
    if _limits(settings.oidc_groups) and not groups & {*settings.oidc_groups}:
        raise Forbidden(_OTHER_GROUP)
    names = [claims.get(name) for name in ("preferred_username", "email", "name")]
    name = next((each for each in names if isinstance(each, str) and each.strip()), claims["sub"])
    return Identity(f"oidc:{claims['iss']}#{claims['sub']}", name, _role(settings, groups))


def _check_domain(domains: tuple[str, ...], claims: dict[str, Any]) -> None:
    """A provider that leaves out whether an address is verified has not verified it."""
    mail = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(mail, str):
        raise Forbidden(_NOT_VERIFIED)
    match = _MAIL.fullmatch(mail)
    if match is None or match[1].lower() not in domains:
        raise Forbidden(_OTHER_DOMAIN)


def _role(settings: Settings, groups: set[str]) -> Role | None:
    """None, where groups say nothing of roles, keeps what administrators chose."""
    if not settings.oidc_admin_groups:
        return None
    return "administrator" if groups & {*settings.oidc_admin_groups} else "member"


def _groups(claims: dict[str, Any]) -> set[str]:
    found = claims.get("groups")
    return {lowered(group) for group in found if isinstance(group, str)} if isinstance(found, list) else set()


def _limits(allowed: tuple[str, ...]) -> bool:
    return bool(allowed) and _EVERYONE not in allowed
