"""The views of a process: what it remembers of who reads them."""

from app.adapters.models import LOCAL_OWNER
from app.chat import conversations
from app.web.services import Services


def test_forgets_who_reads_no_more(services: Services) -> None:
    reply = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m").reply

    with services.live.view(reply.id, "ann"), services.live.view(reply.id, "ann"):
        assert services.live.readers == 2

    assert dict(services.live._readers) == {}
