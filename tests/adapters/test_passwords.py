"""Passwords: which are taken, and how they are kept."""

import contextlib
from collections.abc import Callable

import gevent
import pytest
from zxcvbn import matching

from app.adapters import passwords
from app.core.errors import Invalid


@pytest.mark.parametrize(
    "password",
    [
        "",
        " ",
        "short",
        "password1234",
        "qwertyuiop123",
        "aaaaaaaaaaaaaaaa",
        "administrator1",
        "x" * 300,
        "annannannann",
    ],
)
def test_refuses_what_is_guessed_first(password: str) -> None:
    with pytest.raises(Invalid):
        passwords.check(password, "ann")


@pytest.mark.parametrize(
    "password", ["a cellar for the lantern", "x9fJ2mQp7LzW", "été à la plage 42", "Zürich–Köln–Wien"]
)
def test_takes_others(password: str) -> None:
    passwords.check(password, "ann")


@pytest.mark.parametrize("password", ["4@({<[69!1|70$5+%2" * 4, "4@8({<361!|70$5+%2" + "aA1!" * 13])
def test_looks_at_no_password_for_long(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at, match = 0, matching.dictionary_match

    def count(text, *args, **kwargs):
        nonlocal looked_at
        looked_at += len(text)
        return match(text, *args, **kwargs)

    monkeypatch.setattr(matching, "dictionary_match", count)
    with contextlib.suppress(Invalid):
        passwords.check(password, "ann")

    assert 0 < looked_at < 5_000


def test_knows_its_own_hash_and_no_other() -> None:
    hash = passwords.hashed("a cellar for the lantern")

    assert hash.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert passwords.is_right("a cellar for the lantern", hash)
    for wrong in ("a cellar for the lanterm", "", "\x00", " ", "x" * 1_000_000):
        assert not passwords.is_right(wrong, hash)


@pytest.mark.parametrize("password", ["", " ", "\x00", "nobody has this password"])
def test_lets_nobody_in_without_a_hash(password: str) -> None:
    assert not passwords.is_right(password, None)
    assert not passwords.is_right(password, "")
    assert not passwords.is_right(password, "not a hash")


@pytest.mark.parametrize("work", [passwords.hashed, passwords.check])
def test_holds_nothing_up(work: Callable[[str], object]) -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    other = gevent.spawn(turn)
    work("a cellar for the lantern")
    other.kill()

    assert turns > 10
