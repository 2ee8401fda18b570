"""Whom of an identity provider's people Rill lets in, and as what."""

from typing import Any

import pytest

from app.chat.admission import admit, wants
from app.core.errors import Forbidden
from app.core.settings import Settings

CLAIMS: dict[str, Any] = {"iss": "https://id.example", "sub": "7", "email": "ann@corp.example", "email_verified": True}


def settings(**values: tuple[str, ...]) -> Settings:
    return Settings(**{f"oidc_{name}": value for name, value in values.items()})


@pytest.mark.parametrize("verified", [False, None, "true", "false", 1, [True]])
def test_wants_the_address_verified(verified: object) -> None:
    with pytest.raises(Forbidden, match="verified"):
        admit(settings(domains=("corp.example",)), {**CLAIMS, "email_verified": verified})


@pytest.mark.parametrize(
    "mail",
    [
        "ann@corp.example.evil.example",
        "ann@sub.corp.example",
        "ann@evilcorp.example",
        "ann@corp.example.",
        "ann@evil.example@corp.example",
        "ann@evil.example\n@corp.example",
        "ann@corp.example\n",
        "ann@corp.example ",
        "ann @corp.example",
        "@corp.example",
        "corp.example",
        "ann@c\u043erp.example",
        "ann@corp\u3002example",
        "ann@corp.e\uff58ample",
        "ann@\u017forp.example",
        "",
    ],
)
def test_takes_no_address_that_only_looks_like_the_domains(mail: str) -> None:
    with pytest.raises(Forbidden, match="domain"):
        admit(settings(domains=("corp.example", "sorp.example")), {**CLAIMS, "email": mail})


@pytest.mark.parametrize("mail", [None, 7, ["ann@corp.example"]])
def test_takes_no_address_that_is_none(mail: object) -> None:
    with pytest.raises(Forbidden):
        admit(settings(domains=("corp.example",)), {**CLAIMS, "email": mail})


def test_takes_the_domain_in_any_letters() -> None:
    assert admit(settings(domains=("corp.example",)), {**CLAIMS, "email": "Ann@CORP.Example"}).role is None


@pytest.mark.parametrize("groups", [None, "chat", [], ["other"], [["chat"]], {"chat": 1}, ["chat "]])
def test_takes_nobody_without_a_group_that_is_let_in(groups: object) -> None:
    with pytest.raises(Forbidden, match="groups"):
        admit(settings(groups=("chat",)), {**CLAIMS, "groups": groups})


def test_wants_domain_and_group_where_both_are_set() -> None:
    both = settings(domains=("corp.example",), groups=("chat",))

    assert admit(both, {**CLAIMS, "groups": ["Chat"]}).subject == "oidc:https://id.example#7"
    with pytest.raises(Forbidden, match="groups"):
        admit(both, CLAIMS)
    with pytest.raises(Forbidden, match="domain"):
        admit(both, {**CLAIMS, "email": "ann@evil.example", "groups": ["chat"]})
    with pytest.raises(Forbidden, match="groups"):
        admit(settings(domains=("*",), groups=("chat",)), CLAIMS)


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "ann", "name": "Ann Other"}, "ann"),
        ({"preferred_username": " ", "name": "Ann Other"}, "ann@corp.example"),
        ({"email": None, "name": "Ann Other"}, "Ann Other"),
        ({"email": None, "name": ["x"]}, "7"),
    ],
)
def test_names_people_as_the_provider_does(claims: dict[str, Any], name: str) -> None:
    assert admit(settings(domains=("*",)), {**CLAIMS, **claims}).name == name


def test_lets_groups_say_who_is_an_administrator() -> None:
    staff = settings(domains=("*",), admin_groups=("staff",))

    assert admit(staff, {**CLAIMS, "groups": ["STAFF"]}).role == "administrator"
    assert admit(staff, {**CLAIMS, "groups": ["others"]}).role == "member"
    assert admit(staff, CLAIMS).role == "member"
    with pytest.raises(Forbidden):
        admit(settings(groups=("chat",), admin_groups=("staff",)), {**CLAIMS, "groups": ["staff"]})


def test_asks_for_the_claims_that_decide() -> None:
    assert wants(settings(domains=("*",))) == frozenset()
    assert wants(settings(domains=("a.example",))) == {"email", "email_verified"}
    assert wants(settings(domains=("*",), admin_groups=("staff",))) == {"groups"}
