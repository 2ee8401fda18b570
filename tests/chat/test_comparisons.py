"""One message, two replies: streamed and in one piece."""

import pytest
from gevent.event import Event as Flag
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.adapters.models import LOCAL_OWNER, Conversation, Message, User
from app.chat import comparisons, conversations
from app.chat.comparisons import Compared
from app.core.errors import Invalid, NotFound, TooMany
from app.core.events import TextDelta
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until, until_idle


def start(services: Services, text: str = "Hi", nonce: str = "") -> Compared:
    return services.db.write(comparisons.start, LOCAL_OWNER, text=text, nonce=nonce, model="m")


def count(services: Services, table: type[Message | Conversation]) -> int:
    return services.db.read(lambda session: session.scalar(select(func.count()).select_from(table)) or 0)


def run(services: Services, compared: Compared) -> None:
    for reply in (compared.streamed, compared.whole):
        services.runner.start(reply)
    until_idle(services)


def test_makes_two_replies_to_one_message(services: Services) -> None:
    compared = start(services)

    found = services.db.read(comparisons.find, LOCAL_OWNER, compared.id)
    assert (found.streamed.id, found.whole.id) == (compared.streamed.id, compared.whole.id)
    assert found.streamed.parent_id == found.whole.parent_id == found.message.id == compared.message.id
    assert (found.streamed.is_streamed, found.whole.is_streamed) == (True, False)
    assert found.is_live


def test_is_an_ordinary_conversation_of_the_streamed_reply(services: Services) -> None:
    compared = start(services, "Tell me")

    opened = services.db.read(conversations.get, LOCAL_OWNER, compared.id)

    assert opened.title == "Tell me"
    assert [message.id for message in opened.messages] == [compared.message.id, compared.streamed.id]


def test_asks_for_the_same_once_streamed_and_once_not(services: Services, claude: ScriptedClaude) -> None:
    compared = start(services)
    run(services, compared)

    assert sorted(request.is_streamed for request in claude.requests) == [False, True]
    assert claude.requests[0].messages == claude.requests[1].messages
    assert not services.db.read(comparisons.find, LOCAL_OWNER, compared.id).is_live


def test_makes_one_comparison_of_one_form(services: Services) -> None:
    first = start(services, nonce="n1")
    second = start(services, nonce="n1")

    assert (first.is_new, second.is_new) == (True, False)
    assert (second.id, second.streamed.id, second.whole.id) == (first.id, first.streamed.id, first.whole.id)
    assert count(services, Message) == 3


def test_keeps_its_replies_when_one_is_asked_for_again(services: Services) -> None:
    compared = start(services)
    run(services, compared)
    services.db.write(conversations.retry, LOCAL_OWNER, compared.streamed.id, model="m")

    found = services.db.read(comparisons.find, LOCAL_OWNER, compared.id)

    assert (found.streamed.id, found.whole.id) == (compared.streamed.id, compared.whole.id)


def test_needs_room_for_two(services: Services) -> None:
    for _turn in range(conversations.MAX_LIVE - 1):
        services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")
    before = count(services, Message), count(services, Conversation)

    with pytest.raises(TooMany, match="A comparison is two replies"):
        start(services)

    assert (count(services, Message), count(services, Conversation)) == before


def test_has_room_for_exactly_two(services: Services) -> None:
    for _turn in range(conversations.MAX_LIVE - 2):
        services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")

    assert start(services).is_new


def test_refuses_what_no_conversation_takes(services: Services) -> None:
    with pytest.raises(Invalid):
        start(services, "  ")

    assert count(services, Message) == 0


def test_is_found_by_its_owner_alone(services: Services) -> None:
    compared = start(services)
    services.db.write(lambda session: session.add(User(id="other", name="Other")))

    for owner, id in (("other", compared.id), (LOCAL_OWNER, "nothing")):
        with pytest.raises(NotFound):
            services.db.read(comparisons.find, owner, id)


def test_is_no_comparison_where_all_replies_were_streamed(services: Services) -> None:
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="n1", model="m")

    with pytest.raises(NotFound):
        services.db.read(comparisons.find, LOCAL_OWNER, sent.message.conversation_id)


def test_says_when_the_first_word_came(services: Services, claude: ScriptedClaude) -> None:
    go_on = Flag()
    claude.scripts.append([*saying()[:2], TextDelta(0, "One ", "520:4 "), TextDelta(0, "two", "900:3 "), go_on])
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m")

    def first(session: Session) -> float | None:
        return comparisons.first_word_s(session, sent.reply.id)

    assert services.db.read(first) is None
    services.runner.start(sent.reply)
    until(lambda: services.db.read(first) is not None)

    assert services.db.read(first) == 0.52
