"""What is asked of Claude: the conversation so far, and what is offered."""

import hmac
from collections.abc import Iterator
from typing import Protocol

from sqlalchemy.orm import Session

from app.adapters.models import Conversation
from app.adapters.pulse import Stopped
from app.chat import budgets, conversations, leases, options, transcript
from app.chat.allowance import Rules
from app.core.catalog import Model
from app.core.errors import Invalid
from app.core.events import Event
from app.core.pricing import most
from app.core.request import WHOLE_TOKENS, MessagesRequest
from app.core.settings import Settings
from app.core.tally import Tally


class Call(Protocol):
    """A request to Claude under way."""

    def __iter__(self) -> Iterator[Event]: ...

    @property
    def tally(self) -> Tally:
        """What it is billed."""

    def close(self) -> None:
        """Break it off, from another greenlet."""


class Caller(Protocol):
    """What makes calls: ``adapters.claude.Claude``."""

    def call(self, request: MessagesRequest) -> Call:
        """Prepare a call; nothing is sent before it is iterated."""

    def read_on(self) -> None:
        """Have all calls read what has come."""

    def models(self) -> list[Model]:
        """Ask which models are offered; raises Upstream."""


def begin(session: Session, reply_id: str, epoch: int, worker: str, settings: Settings) -> MessagesRequest:
    """Take a queued reply for this worker, and give the request that is to be made.

    Reserves what it may cost. Raises Fenced, Stopped; Invalid where its model is not offered, or not any more;
    TooMany where the budget does not have it.
    """
    reply = leases.claim(session, reply_id, epoch, worker)
    if reply.is_cancelled:
        raise Stopped
    offered = options.read(session, settings)
    if reply.model not in offered.models:
        raise Invalid(f"The model {reply.model} is not offered here any more. Press Retry for a reply from another.")
    path = conversations.path(session, reply)[:-1]
    request = MessagesRequest(
        model=reply.model,
        max_tokens=offered.max_tokens,
        messages=transcript.to_api(path),
        system=session.get_one(Conversation, reply.conversation_id).system or offered.system_prompt,
        thinking=offered.thinking,
        is_streamed=reply.is_streamed or offered.max_tokens > WHOLE_TOKENS,
        user_id=pseudonym(settings.secret_key, reply.owner_id),
    )
    call = budgets.Call(reply.owner_id, request.model, most(request), reply.id, reply.conversation_id)
    budgets.reserve(session, Rules.of(settings), call)
    return request


def pseudonym(secret_key: str | None, user_id: str) -> str | None:
    """Give what stands for a person towards Anthropic: the same each time, and nothing that says who it is."""
    return hmac.digest(secret_key.encode(), f"user:{user_id}".encode(), "sha256").hex() if secret_key else None
