"""The list of conversations."""

from datetime import timedelta

from app.adapters.clock import now
from app.adapters.models import LOCAL_OWNER, Conversation, Message, User
from app.chat import conversations, keeping, listing
from app.web.services import Services


def made(services: Services, count: int, owner: str = LOCAL_OWNER) -> list[str]:
    """Make conversations, the newest first, of which each two rested for equally long; give their ids as listed."""
    begin = now()

    def make(session: object) -> None:
        for n in range(count):
            at = begin - timedelta(minutes=n // 2)
            session.add(Conversation(id=f"{owner}-{n:03}", owner_id=owner, title=str(n), updated_at=at))

    services.db.write(make)
    return [f"{owner}-{n:03}" for n in range(count)]


def pages(services: Services, owner: str = LOCAL_OWNER, most: int = 2) -> list[str]:
    """Go through all pages."""
    found, before = [], ""
    while before is not None:
        page = services.db.read(listing.page, owner, before=before, most=most)
        found += [chat.id for chat in page.chats]
        before = page.older
    return found


def test_lists_the_newest_activity_first_with_marks(services: Services) -> None:
    first, second = (
        services.db.write(conversations.start, LOCAL_OWNER, text=text, nonce=text, model="m")
        for text in ("First", "Second")
    )
    services.db.write(lambda session: setattr(session.get_one(Message, second.reply.id), "status", "done"))
    services.db.write(keeping.pin, LOCAL_OWNER, second.message.conversation_id, is_pinned=True)

    listed = services.db.read(listing.page, LOCAL_OWNER)

    assert [(chat.title, chat.is_pinned, chat.is_live) for chat in listed.chats] == [
        ("Second", True, False),
        ("First", False, True),
    ]
    assert listed.is_live_beside(None)
    assert listed.is_live_beside(second.message.conversation_id)
    assert not listed.is_live_beside(first.message.conversation_id)


def test_reaches_every_chat_once_page_by_page(services: Services) -> None:
    ids = made(services, 7)

    assert pages(services) == pages(services, most=3) == pages(services, most=7) == ids


def test_begins_anew_where_the_cursor_is_not_mine_or_gone(services: Services) -> None:
    services.db.write(lambda session: session.add(User(id="eve", name="Eve")))
    ids, others = made(services, 3), made(services, 3, "eve")

    for cursor in ("nothing", others[1]):
        page = services.db.read(listing.page, LOCAL_OWNER, before=cursor)
        assert [chat.id for chat in page.chats] == ids
        assert page.before is None
