"""A stored reply as a program reads it, which ends with its reader."""

import gevent
from gevent.event import Event as Flag

from app.adapters.models import LOCAL_OWNER, Message
from app.chat.followed import Followed, say
from app.core.errors import Upstream
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until_idle


def follow(services: Services) -> Followed:
    sent = services.db.write(say, LOCAL_OWNER, "new", text="Hi", nonce="", model="m")
    return Followed(services.db, services.feed, services.runner, sent.reply)


def read_all(followed: Followed) -> None:
    with gevent.Timeout(20):
        while not followed.is_over:
            followed.read(0.5)


def test_reads_to_the_end(services: Services) -> None:
    followed = follow(services)
    read_all(followed)
    followed.leave()

    assert followed.assembly.is_complete
    assert followed.assembly.text == "Hello there."
    assert followed.error is None


def test_says_why_it_failed(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([Upstream("overloaded_error", "Busy.")])
    followed = follow(services)
    read_all(followed)
    followed.leave()

    assert isinstance(followed.error, Upstream)
    assert (followed.error.code, str(followed.error)) == ("overloaded_error", "Busy.")


def test_stops_the_reply_and_keeps_what_came(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([*saying("This much")[:3], Flag()])
    followed = follow(services)
    with gevent.Timeout(20):
        while not (followed.assembly.text or followed.is_over):
            followed.read(0.5)
    followed.leave()
    until_idle(services)

    reply = services.db.read(lambda session: session.get(Message, followed.about["reply"]))
    assert reply.status == "stopped"
    assert claude.closed == 1
