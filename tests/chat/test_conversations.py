"""Conversations: sending, idempotency, ownership, branches."""

import pytest
from sqlalchemy import func, select

from app.adapters.models import LOCAL_OWNER, Conversation, Message, User
from app.chat import conversations, listing
from app.core.errors import Conflict, Invalid, NotFound, TooMany
from app.web.services import Services


def start(services: Services, text: str = "Hello", nonce: str = "n1") -> conversations.Sent:
    return services.db.write(conversations.start, LOCAL_OWNER, text=text, nonce=nonce, model="m")


def end(services: Services, reply_id: str, status: str = "done") -> None:
    services.db.write(lambda session: setattr(session.get_one(Message, reply_id), "status", status))


def test_starts_with_a_message_and_a_queued_reply(services: Services) -> None:
    sent = start(services, "  Hello\r\nthere ")

    opened = services.db.read(conversations.get, LOCAL_OWNER, sent.message.conversation_id)

    assert [message.id for message in opened.messages] == [sent.message.id, sent.reply.id]
    assert opened.messages[0].content == [{"type": "text", "text": "Hello\nthere"}]
    assert opened.live_reply is not None
    assert opened.title == "Hello there"


def test_makes_one_reply_of_a_form_sent_twice(services: Services) -> None:
    first, second = start(services), start(services)

    assert (first.is_new, second.is_new) == (True, False)
    assert second.reply.id == first.reply.id
    assert services.db.read(lambda session: session.scalar(select(func.count(Message.id)))) == 2


def test_makes_one_reply_of_a_form_sent_twice_into_a_conversation(services: Services) -> None:
    sent = start(services)
    end(services, sent.reply.id)
    words = {"text": "More", "nonce": "n2", "model": "m"}

    first = services.db.write(conversations.send, LOCAL_OWNER, sent.message.conversation_id, **words)
    second = services.db.write(conversations.send, LOCAL_OWNER, sent.message.conversation_id, **words)

    assert second.reply.id == first.reply.id
    assert first.message.parent_id == sent.reply.id


@pytest.mark.parametrize("text", ["", "  \n ", "x" * (conversations.MAX_TEXT + 1)])
def test_refuses_empty_and_overlong_texts(services: Services, text: str) -> None:
    with pytest.raises(Invalid):
        start(services, text)

    assert services.db.read(lambda session: session.scalar(select(func.count(Conversation.id)))) == 0


def test_refuses_to_send_while_a_reply_is_written(services: Services) -> None:
    sent = start(services)

    with pytest.raises(Conflict, match="your text is kept"):
        services.db.write(
            conversations.send, LOCAL_OWNER, sent.message.conversation_id, text="x", nonce="n2", model="m"
        )


def test_hides_everything_from_other_owners(services: Services) -> None:
    sent = start(services)
    services.db.write(lambda session: session.add(User(id="eve", name="Eve")))
    end(services, sent.reply.id)

    assert services.db.read(listing.page, "eve").chats == []
    for work, id in ((conversations.get, sent.message.conversation_id), (conversations.get_reply, sent.reply.id)):
        with pytest.raises(NotFound):
            services.db.read(work, "eve", id)
    for work in (conversations.retry, conversations.go_on):
        with pytest.raises(NotFound):
            services.db.write(work, "eve", sent.reply.id, model="m")
    with pytest.raises(NotFound):
        services.db.write(conversations.send, "eve", sent.message.conversation_id, text="x", nonce="n", model="m")


def test_writes_a_few_replies_for_a_person_at_once(services: Services) -> None:
    for number in range(conversations.MAX_LIVE):
        start(services, "Again", f"n{number}")

    with pytest.raises(TooMany, match="5 replies are being written for you already"):
        start(services, "Again", "one more")

    assert len(services.db.read(listing.page, LOCAL_OWNER).chats) == conversations.MAX_LIVE


def test_retries_as_a_sibling_that_is_shown_instead(services: Services) -> None:
    sent = start(services)
    end(services, sent.reply.id, "failed")

    again = services.db.write(conversations.retry, LOCAL_OWNER, sent.reply.id, model="m")

    opened = services.db.read(conversations.get, LOCAL_OWNER, sent.message.conversation_id)
    assert again.parent_id == sent.message.id
    assert [message.id for message in opened.messages] == [sent.message.id, again.id]
