"""Passwords: which are taken, and how they are kept."""

import gevent
import pytest

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


def test_holds_nothing_up() -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    other = gevent.spawn(turn)
    passwords.hashed("a cellar for the lantern")
    other.kill()

    assert turns > 10
