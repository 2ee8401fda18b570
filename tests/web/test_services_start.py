"""What a worker does when it starts, and what it does not need for that."""

from collections.abc import Callable

import gevent
import pytest
from flask import Flask

from app.adapters.db import Unreachable
from app.chat import people
from app.web import services as services_module
from app.web.services import Services
from tests.backends import NO_REDIS, Postgres
from tests.waiting import PATIENCE_S, until
from tests.web.door import ACCOUNTS


def test_starts_whatever_it_finds(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise KeyError("of a newer version")

    monkeypatch.setattr(services.db, "read", fail)

    services.open()


def test_lets_the_first_administrator_in_as_soon_as_the_database_is_there(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_module, "RETRY_S", 0.01)
    services: Services = make_app(**ACCOUNTS, RILL_ADMIN_PASSWORD="seven lanterns in the cellar").extensions["rill"]
    read, failures = services.db.read, [Unreachable("away")] * 3

    def flaky(work, *args, **kwargs):
        if work is people.has_nobody and failures:
            raise failures.pop()
        return read(work, *args, **kwargs)

    monkeypatch.setattr(services.db, "read", flaky)
    services.open()
    assert read(people.has_nobody)

    until(lambda: not read(people.has_nobody))


def test_warns_of_too_few_connections_once(
    make_app: Callable[..., Flask],
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(services_module, "RETRY_S", 0.01)
    url = postgres.new_database(template="rill_template")
    shared = {"DATABASE_URL": url, "REDIS_URL": NO_REDIS, "WEB_CONCURRENCY": "40"}
    services: Services = make_app(**shared).extensions["rill"]
    answers: list[int | Exception] = [TimeoutError(), 20]

    def check() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(services.feed, "check", check)
    services.open()
    gevent.joinall(services._starting, timeout=PATIENCE_S)

    told = [(record.to, record.about) for record in caplog.records if record.msg == "connections.short"]
    assert [to for to, _about in told] == ["Database", "Redis"]
    assert all("allows" in about for _to, about in told)
