"""Replies that are stored nowhere: read as they come, ended with their reader."""

from collections.abc import Callable

import gevent
import pytest
from flask import Flask
from gevent.event import Event as Flag

from app.adapters.models import LOCAL_OWNER
from app.chat import direct
from app.core.errors import TooMany, Unavailable, Upstream
from app.core.request import MessagesRequest
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until
from tests.web.door import ACCOUNTS, add

REQUEST = MessagesRequest("claude-x", 100, [{"role": "user", "content": "Hi"}])


def test_gives_what_came_until_it_is_over(services: Services) -> None:
    with services.directs.call(REQUEST, LOCAL_OWNER) as call, gevent.Timeout(20):
        came = []
        while not call.is_over:
            came += call.read(1)
        came += call.read(0)

    assert len(came) == 7
    assert call.assembly.is_complete
    assert call.assembly.text == "Hello there."
    assert (call.error, services.directs.running) == (None, 0)


@pytest.mark.parametrize(("raised", "code"), [(Upstream("connect", "No."), "connect"), (ValueError("x"), "internal")])
def test_keeps_why_it_failed(services: Services, claude: ScriptedClaude, raised: Exception, code: str) -> None:
    claude.scripts.append([raised])

    with services.directs.call(REQUEST, LOCAL_OWNER) as call, gevent.Timeout(20):
        while not call.is_over:
            call.read(1)

    assert call.error is not None
    assert call.error.code == code


def test_closes_the_call_with_the_context(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([*saying("Hello")[:3], Flag()])

    with services.directs.call(REQUEST, LOCAL_OWNER) as call:
        call.read(1)
    until(lambda: call.is_over)

    assert call.is_stopped
    assert claude.closed == 1


def test_refuses_while_there_are_too_many(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "MAX_CALLS", 1)

    with services.directs.call(REQUEST, LOCAL_OWNER):
        with pytest.raises(Unavailable), services.directs.call(REQUEST, LOCAL_OWNER):
            pass
        assert services.directs.running == 1
    assert services.directs.running == 0


def test_one_person_does_not_take_all_the_places(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "MAX_EACH", 1)
    services: Services = make_app(**ACCOUNTS).extensions["rill"]
    ann, eve = add(services, "ann").id, add(services, "eve").id

    with services.directs.call(REQUEST, ann):
        with pytest.raises(TooMany, match="at once"), services.directs.call(REQUEST, ann):
            pass
        with services.directs.call(REQUEST, eve):
            assert services.directs.running == 2
    with services.directs.call(REQUEST, ann):
        pass
    assert services.directs.running == 0


def test_whoever_sits_at_the_machine_has_all_the_places(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "MAX_EACH", 1)

    with services.directs.call(REQUEST, LOCAL_OWNER), services.directs.call(REQUEST, LOCAL_OWNER):
        assert services.directs.running == 2
