"""What administrators chose, over what the environment has."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import gevent
import pytest

from app.adapters.db import Database, Unreachable
from app.adapters.people import Option
from app.chat import audit, options
from app.chat.options import Current
from app.core.errors import Invalid, Unavailable
from app.core.settings import Settings
from tests.waiting import PATIENCE_S

ENVIRON = {"RILL_MODELS": "a,b,c", "RILL_MODEL": "b", "RILL_MAX_TOKENS": "1000", "RILL_SYSTEM_PROMPT": "Be kind."}
SETTINGS = Settings.from_env(ENVIRON)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """Give a database with the tables."""
    db = Database(database_url)
    yield db
    db.close()


def choose(db: Database, **chosen: Any) -> options.Options:
    db.write(options.write, "root", SETTINGS, chosen)
    return db.read(options.read, SETTINGS)


def noted(db: Database) -> list[tuple[str, str]]:
    return [(row.subject, row.detail) for row in db.read(audit.latest)][::-1]


def test_is_as_the_environment_has_it_until_somebody_chooses(db: Database) -> None:
    found = db.read(options.read, SETTINGS)

    assert (found.models, found.model, found.max_tokens, found.system_prompt) == (
        ("a", "b", "c"),
        "b",
        1000,
        "Be kind.",
    )
    assert (found.thinking, found.has_thinking, found.has_api, found.has_api_system) == ("off", True, True, False)
    assert (found.presets, found.banners(date(2026, 1, 1))) == ((), [])
    found.check()


def test_knows_a_model_by_its_dated_name(db: Database) -> None:
    found = db.read(options.read, SETTINGS)

    assert [found.model_like(used) for used in ("c", "c-20261123", "c-2", "d", "", None)] == [
        "c",
        "c",
        "b",
        "b",
        "b",
        "b",
    ]


def test_takes_what_was_chosen(db: Database) -> None:
    found = choose(db, models=["c", "a"], model="c", max_tokens="20", thinking="adaptive", system_prompt="", api=False)

    assert (found.models, found.model, found.max_tokens) == (("a", "c"), "c", 20)
    assert (found.thinking, found.system_prompt, found.has_api) == ("adaptive", None, False)
    never = choose(db, thinking="never")
    assert (never.thinking, never.has_thinking) == ("off", False)


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"models": ["a", "z"], "model": "a"}, "RILL_MODELS"),
        ({"models": [], "model": "a"}, "at least one model"),
        ({"models": ["a"], "model": "b"}, "one of those that are offered"),
        ({"models": ["a"]}, "one of those that are offered"),
        ({"model": "z"}, "one of those that are offered"),
        ({"max_tokens": "1001"}, "RILL_MAX_TOKENS"),
        ({"max_tokens": "0"}, "RILL_MAX_TOKENS"),
        ({"max_tokens": "-5"}, "RILL_MAX_TOKENS"),
        ({"max_tokens": "²"}, "RILL_MAX_TOKENS"),
        ({"max_tokens": "9" * 5000}, "RILL_MAX_TOKENS"),
        ({"thinking": "always"}, "when Claude thinks"),
        ({"api_system": True}, "RILL_API_SYSTEM"),
        ({"system_prompt": "x" * 20_001}, "up to 20,000 characters; this has 20,001"),
        ({"notice": "x" * 501}, "up to 500 characters; this has 501"),
        ({"pause": "x" * 501}, "up to 500 characters; this has 501"),
        ({"notice_until": "tomorrow"}, "must be a date"),
        ({"notice": "Fine.", "notice_until": "2026-02-30"}, "must be a date"),
    ],
)
def test_changes_nothing_that_the_environment_or_sense_forbids(
    db: Database, chosen: dict[str, Any], sentence: str
) -> None:
    before = db.read(options.read, SETTINGS)
    with pytest.raises(Invalid, match=sentence) as refused:
        choose(db, **chosen)

    assert str(refused.value).endswith("Nothing was changed.")
    assert db.read(options.read, SETTINGS) == before
    assert noted(db) == []


def test_never_goes_beyond_an_environment_that_was_narrowed(db: Database) -> None:
    wide = Settings.from_env({**ENVIRON, "RILL_API_SYSTEM": "1"})
    db.write(options.write, "root", wide, {"models": ["b", "c"], "model": "c", "max_tokens": "900"})
    assert db.read(options.read, wide).has_api_system

    narrow = Settings.from_env({"RILL_MODELS": "a,b", "RILL_MODEL": "a", "RILL_MAX_TOKENS": "100"})
    found = db.read(options.read, narrow)
    assert (found.models, found.model, found.max_tokens, found.has_api_system) == (("b",), "b", 100, False)
    other = db.read(options.read, Settings.from_env({"RILL_MODELS": "x", "RILL_MODEL": "x"}))
    assert (other.models, other.model) == (("x",), "x")


def test_lets_the_environment_hold_again_where_both_say_the_same(db: Database) -> None:
    choose(db, system_prompt="Be short.", max_tokens="5")
    choose(db, system_prompt="Be kind.", max_tokens="1000")

    assert db.read(lambda session: session.get(Option, "max_tokens")) is None
    assert db.read(options.read, Settings.from_env({**ENVIRON, "RILL_SYSTEM_PROMPT": "New"})).system_prompt == "New"


def test_notes_each_change_but_no_text(db: Database) -> None:
    choose(db, models=["a", "b"], model="b", max_tokens="7", system_prompt="a secret", api=False)
    choose(db, notice="a secret", notice_until="2026-12-31", pause="a secret")
    choose(db, notice="a secret", notice_until="2026-12-31", pause="")

    assert noted(db) == [
        ("models", "a, b"),
        ("max_tokens", "7"),
        ("api", "off"),
        ("system_prompt", ""),
        ("notice", ""),
        ("notice_until", "2026-12-31"),
        ("pause", "on"),
        ("pause", "off"),
    ]


def test_says_a_notice_until_its_last_day(db: Database) -> None:
    found = choose(db, notice=" Down\n on  Sunday. ", notice_until="2026-12-31", pause="Wait.")

    assert found.banners(date(2026, 12, 31)) == ["Wait.", "Down on Sunday."]
    assert found.banners(date(2027, 1, 1)) == ["Wait."]
    with pytest.raises(Unavailable, match="Wait."):
        found.check()


def test_reads_again_after_some_seconds_or_when_told(db: Database) -> None:
    clock = [100.0]
    current = Current(db, SETTINGS, lambda: clock[0])
    assert current.get().max_tokens == 1000
    choose(db, max_tokens="5")

    clock[0] += options.HOLDS_S - 0.1
    assert current.get().max_tokens == 1000
    clock[0] += 0.1
    assert current.get().max_tokens == 5
    choose(db, max_tokens="6")
    assert current.renew().max_tokens == current.get().max_tokens == 6


def test_goes_on_with_what_it_knows_without_the_database(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    current, new = Current(db, SETTINGS), Current(db, SETTINGS)
    choose(db, pause="Wait.")
    current.get()

    def fail(*_args: object) -> None:
        raise Unreachable("away")

    monkeypatch.setattr(db, "read", fail)
    assert current.renew().pause == "Wait."
    with pytest.raises(Unavailable):
        new.get()


def test_takes_no_older_answer_for_a_newer_one(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    current, read = Current(db, SETTINGS), db.read

    def slow(work: Any, *args: Any) -> Any:
        found = read(work, *args)
        monkeypatch.setattr(db, "read", read)
        choose(db, pause="Wait.")
        assert current.renew().pause == "Wait."
        return found

    monkeypatch.setattr(db, "read", slow)
    assert current.renew().pause == "Wait."
    assert current.get().pause == "Wait."


def test_takes_what_two_administrators_choose_at_once(db: Database) -> None:
    done = [gevent.spawn(db.write, options.write, "root", SETTINGS, {"notice": f"Note {n}"}) for n in range(5)]
    gevent.joinall(done, timeout=PATIENCE_S, raise_error=True)

    assert db.read(options.read, SETTINGS).notice.startswith("Note ")
    assert [name for name, _detail in noted(db)] == ["notice"] * 5
