"""A person's data to take away: all that is kept of them, and nothing of others."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.db import Base
from app.adapters.models import Conversation, Message, User
from app.adapters.money import Spending
from app.chat import audit, export, keeping, logins, people, tokens
from app.web.services import Services

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
#: Columns of what is exported that are left out, and why: keys, hashes, links between rows, and what runs a reply.
LEFT_OUT = {
    "user": {"id", "password_hash", "stamp", "is_disabled"},
    "conversation": {"owner_id", "leaf_id", "system"},
    "message": {
        "conversation_id",
        "owner_id",
        "text",
        "nonce",
        "request_id",
        "epoch",
        "last_seq",
        "is_streamed",
        "worker",
    }
    | {"lease_until", "is_cancelled"},
    "login": {"hash", "user_id", "beside"},
    "token": {"id", "hash", "user_id"},
}


@pytest.fixture
def ann(services: Services) -> User:
    """Give somebody who has a bit of everything; eve has as much."""
    services.db.write(fill, "eve")
    services.db.write(audit.note, "root", "person.role", "ann", "somebody before her")
    ann = services.db.write(fill, "ann")
    services.db.write(audit.note, "root", "person.role", "ann", "member")
    services.db.write(audit.note, "eve", "token.created", "ann")
    return ann


def fill(session: Session, name: str) -> User:
    """Make a person with a bit of everything."""
    user = people.add(session, "root", name, password_hash=f"hash of {name}")
    user.subject, user.reset_at = f"oidc:{name}", AT
    logins.begin(session, user.id, logins.Coming("password", "Firefox/140 on Linux"))
    tokens.create(session, user, name=f"script of {name}", scopes=["chat"], days=30)
    chat = Conversation(id=f"c-{name}", owner_id=user.id, title=f"Title of {name}", is_pinned=True, preset="Poet")
    session.add(chat)
    session.flush()
    values = {"error_code": "overloaded", "note": f"Claude was busy with {name}", "first_token_s": 0.5, "total_s": 1.5}
    values |= {
        "status": "failed",
        "model": "m",
        "stop_reason": "end_turn",
        "usage": {"output_tokens": 1},
        "ended_at": AT,
    }
    said = [{"type": "text", "text": f"Words of {name}"}]
    session.add(Message(id=f"q-{name}", conversation_id=chat.id, owner_id=user.id, role="user", content=said))
    session.flush()
    reply = {"id": f"r-{name}", "parent_id": f"q-{name}", "role": "assistant", "content": said}
    session.add(Message(conversation_id=chat.id, owner_id=user.id, **reply, **values))
    tokens_used = {"input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 3, "cache_write_tokens": 4}
    for micros, requests in ((1, 1), (2, 4)):
        values = {"micros": micros, "requests": requests, **tokens_used}
        session.add(Spending(user_id=user.id, model="m", day="2026-11-25", **values))
    return user


def test_gives_all_that_is_kept_of_a_person_and_nothing_of_others(services: Services, ann: User) -> None:
    data = json.loads("".join(export.pieces(services.db, ann.id)))

    assert (data["name"], data["subject"], data["reset_at"]) == ("ann", "oidc:ann", AT.isoformat())
    assert (data["sessions"][0]["device"], data["tokens"][0]["name"]) == ("Firefox on Linux", "script of ann")
    assert data["usage"] == [
        {"day": "2026-11-25", "model": "m", "conversation": None, "calls": 5, "input_tokens": 2, "output_tokens": 4}
        | {"cache_read_tokens": 6, "cache_write_tokens": 8, "dollars": "0.000003"}
    ]
    log = [(entry["action"], entry["detail"], entry["by"]) for entry in data["log"]]
    assert log == [
        ("person.added", "member", "somebody else"),
        ("token.created", "chat", "you"),
        ("person.role", "member", "somebody else"),
    ]
    (chat,) = data["conversations"]
    assert (chat["is_pinned"], chat["preset"]) == (True, "Poet")
    reply = chat["messages"][1]
    assert (reply["note"], reply["error_code"]) == ("Claude was busy with ann", "overloaded")
    assert (reply["first_token_s"], reply["total_s"], reply["ended_at"]) == (0.5, 1.5, AT.isoformat())
    assert not [word for word in ("eve", "root", "hash", "somebody before") if word in json.dumps(data)]


def test_leaves_out_what_is_deleted_while_it_is_written(services: Services, ann: User) -> None:
    services.db.write(lambda session: session.add(Conversation(id="later", owner_id=ann.id, title="Later")))
    pieces = export.pieces(services.db, ann.id)
    told = [next(pieces)]
    services.db.write(keeping.delete, ann.id, "c-ann")

    (chat,) = json.loads("".join([*told, *pieces]))["conversations"]
    assert chat["id"] == "later"


def test_leaves_out_no_column_unsaid(services: Services, ann: User) -> None:
    data = json.loads("".join(export.pieces(services.db, ann.id)))
    (chat,) = data["conversations"]
    given = {"user": data, "conversation": chat, "message": chat["messages"][1] | chat["messages"][0]}
    given |= {"login": data["sessions"][0], "token": data["tokens"][0]}

    for table, found in given.items():
        columns = set(Base.metadata.tables[table].columns.keys())
        assert columns - LEFT_OUT[table] <= found.keys(), table
        assert LEFT_OUT[table] <= columns, table
    assert services.db.read(lambda session: session.scalar(select(User.password_hash).where(User.id == ann.id)))
