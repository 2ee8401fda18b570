"""Conversations of one owner: open, say something, and ask again."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.models import Conversation, Message, User, new_id
from app.chat import leases
from app.chat.presets import Preset
from app.core.errors import Conflict, Invalid, NotFound, TooMany
from app.core.events import LIVE
from app.core.text import storable
from app.core.title import title_of
from app.core.tree import path_to

#: Longest message a person may send, in characters; about 50,000 tokens.
MAX_TEXT = 200_000
#: Replies that may be written for one person at once.
MAX_LIVE = 5
#: What Continue says for the person.
_GO_ON = "Your reply broke off. Go on exactly where it stopped, without repeating anything."


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation and the messages on its shown branch, oldest first; ``preset`` is the name of what was chosen."""

    id: str
    title: str
    messages: Sequence[Message]
    preset: str | None = None

    @property
    def live_reply(self) -> Message | None:
        """The reply that is still being written, if there is one."""
        last = self.messages[-1] if self.messages else None
        return last if last is not None and last.status in LIVE else None

    @property
    def model(self) -> str | None:
        """The model of the last reply, as Claude named it, or as it was asked for."""
        return next((message.model for message in reversed(self.messages) if message.role == "assistant"), None)


@dataclass(frozen=True, slots=True)
class Sent:
    """The two rows a sent message makes; ``is_new`` is False if the same form had been sent before."""

    message: Message
    reply: Message
    is_new: bool


def get(session: Session, owner: str, conversation_id: str) -> Opened:
    """Open a conversation of the owner; raises NotFound."""
    conversation = _load(session, owner, conversation_id)
    leaf = session.get(Message, conversation.leaf_id) if conversation.leaf_id else None
    return Opened(conversation.id, conversation.title, path(session, leaf) if leaf else [], conversation.preset)


def path(session: Session, leaf: Message) -> list[Message]:
    """Give the messages from the root of the tree to ``leaf``."""
    messages = session.scalars(select(Message).where(Message.conversation_id == leaf.conversation_id))
    by_id = {message.id: message for message in messages}
    return [by_id[id] for id in path_to(leaf.id, ((m.id, m.parent_id) for m in by_id.values()))]


def get_reply(session: Session, owner: str, reply_id: str) -> Message:
    """Give a reply of the owner; raises NotFound."""
    reply = session.scalar(
        select(Message).where(Message.id == reply_id, Message.owner_id == owner, Message.role == "assistant")
    )
    if reply is None:
        raise NotFound("There is no such reply.")
    return reply


def start(session: Session, owner: str, *, text: str, nonce: str, model: str, preset: Preset | None = None) -> Sent:
    """Begin a conversation with a message; sending the same nonce again gives what it made before."""
    _one_at_a_time(session, owner)
    if earlier := _sent_before(session, owner, nonce):
        return earlier
    text = checked(text)
    refuse_too_many(session, owner)
    chosen = {"preset": preset.name, "system": preset.prompt} if preset else {}
    conversation = Conversation(id=new_id(), owner_id=owner, title=title_of(text), **chosen)
    session.add(conversation)
    session.flush()
    return _add(session, conversation, text=text, nonce=nonce, model=model)


def send(session: Session, owner: str, conversation_id: str, *, text: str, nonce: str, model: str) -> Sent:
    """Say something in a conversation.

    Raises NotFound; Invalid for an empty or overlong text; Conflict while a reply is being written.
    """
    _one_at_a_time(session, owner)
    conversation = _load(session, owner, conversation_id)
    if earlier := _sent_before(session, owner, nonce):
        return earlier
    text = checked(text)
    _refuse_while_live(session, conversation)
    return _add(session, conversation, text=text, nonce=nonce, model=model)


def retry(session: Session, owner: str, reply_id: str, *, model: str) -> Message:
    """Ask again for a reply that ended: a sibling of it, which becomes the shown branch."""
    _one_at_a_time(session, owner)
    earlier = get_reply(session, owner, reply_id)
    conversation = _load(session, owner, earlier.conversation_id)
    _refuse_while_live(session, conversation)
    reply = queued(conversation, parent_id=earlier.parent_id, model=model)
    session.add(reply)
    conversation.leaf_id, conversation.updated_at = reply.id, now()
    session.flush()
    return reply


def go_on(session: Session, owner: str, reply_id: str, *, model: str) -> Sent:
    """Ask Claude to go on with a reply that broke off: as a new turn, because newer models take no prefill.

    Raises NotFound; Conflict while a reply is being written; Invalid where nothing of the reply is there.
    """
    _one_at_a_time(session, owner)
    earlier = get_reply(session, owner, reply_id)
    conversation = _load(session, owner, earlier.conversation_id)
    _refuse_while_live(session, conversation)
    if conversation.leaf_id != earlier.id:
        raise Conflict("The conversation has gone on since. Ask for the rest in a new message; nothing was sent.")
    if not earlier.text.strip():
        raise Invalid("There is nothing to go on with yet: press Retry instead.")
    conversation.leaf_id = earlier.id
    return _add(session, conversation, text=_GO_ON, nonce="", model=model)


def _one_at_a_time(session: Session, owner: str) -> None:
    """Let what a person sends wait for what the same person just sent: in two tabs, or twice with one form."""
    session.execute(select(User.id).where(User.id == owner).with_for_update())


def _load(session: Session, owner: str, conversation_id: str) -> Conversation:
    conversation = session.scalar(
        select(Conversation).where(Conversation.id == conversation_id, Conversation.owner_id == owner)
    )
    if conversation is None:
        raise NotFound("There is no such conversation.")
    return conversation


def _sent_before(session: Session, owner: str, nonce: str) -> Sent | None:
    if not nonce:
        return None
    message = session.scalar(select(Message).where(Message.owner_id == owner, Message.nonce == nonce))
    if message is None:
        return None
    replies = select(Message).where(Message.parent_id == message.id).order_by(Message.created_at)
    return Sent(message, session.scalars(replies.limit(1)).one(), is_new=False)


def checked(text: str) -> str:
    """Give a message as it is stored; raises Invalid where it is empty or too long."""
    text = storable(text).replace("\r\n", "\n").strip()
    if not text:
        raise Invalid("There is nothing to send yet: write a message first.")
    if len(text) > MAX_TEXT:
        raise Invalid(f"The message is too long: {len(text):,} characters, and {MAX_TEXT:,} fit. Your text is kept.")
    return text


def _refuse_while_live(session: Session, conversation: Conversation) -> None:
    refuse_too_many(session, conversation.owner_id)
    leaf = session.get(Message, conversation.leaf_id) if conversation.leaf_id else None
    if leaf is not None and leaf.status in LIVE:
        raise Conflict("Claude is still answering. Wait or press Stop, then send again: your text is kept.")


def _add(session: Session, conversation: Conversation, *, text: str, nonce: str, model: str) -> Sent:
    message = Message(
        id=new_id(),
        conversation_id=conversation.id,
        owner_id=conversation.owner_id,
        parent_id=conversation.leaf_id,
        role="user",
        content=[{"type": "text", "text": text}],
        text=text,
        nonce=nonce or None,
    )
    session.add(message)
    session.flush()
    reply = queued(conversation, parent_id=message.id, model=model)
    session.add(reply)
    conversation.leaf_id, conversation.updated_at = reply.id, now()
    session.flush()
    return Sent(message, reply, is_new=True)


def refuse_too_many(session: Session, owner: str) -> None:
    """Raise TooMany while as many replies are written for a person as may be."""
    live = select(func.count()).where(Message.owner_id == owner, Message.status.in_(LIVE))
    if (session.scalar(live) or 0) >= MAX_LIVE:
        raise TooMany(
            f"{MAX_LIVE} replies are being written for you already. Wait for one or stop it, then send again: "
            "your text is kept."
        )


def queued(conversation: Conversation, *, parent_id: str | None, model: str) -> Message:
    """Make a reply that waits to be written."""
    return Message(
        id=new_id(),
        conversation_id=conversation.id,
        owner_id=conversation.owner_id,
        parent_id=parent_id,
        role="assistant",
        status="queued",
        model=model,
        content=[],
        text="",
        note="",
        usage={},
        epoch=1,
        last_seq=0,
        lease_until=leases.fresh(),
    )
