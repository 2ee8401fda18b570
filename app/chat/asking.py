"""What is asked of Claude: the conversation so far, and the operator's choices."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.orm import Session

from app.adapters.claude import Stopped
from app.chat import budgets, conversations, leases, transcript
from app.chat.budgets import Rules
from app.core.catalog import Model
from app.core.events import Event
from app.core.pricing import most
from app.core.request import WHOLE_TOKENS, MessagesRequest, Thinking


class Call(Protocol):
    """A request to Claude under way."""

    def __iter__(self) -> Iterator[Event]: ...

    def close(self) -> None:
        """Break it off, from another greenlet."""


class Caller(Protocol):
    """What makes calls: ``adapters.claude.Claude``."""

    def call(self, request: MessagesRequest) -> Call:
        """Prepare a call; nothing is sent before it is iterated."""

    def models(self) -> list[Model]:
        """Ask which models are offered; raises Upstream."""


@dataclass(frozen=True, slots=True)
class Prompting:
    """What goes with every request: the operator's choices."""

    max_tokens: int
    system: str | None = None
    thinking: Thinking = "off"
    rules: Rules = Rules()
    secret_key: str | None = field(default=None, repr=False)


def begin(session: Session, reply_id: str, epoch: int, worker: str, prompting: Prompting) -> MessagesRequest:
    """Take a queued reply for this worker, reserve what it may cost, and give the request that is to be made.

    Raises Fenced, Stopped, and TooMany where the budget does not have it.
    """
    reply = leases.claim(session, reply_id, epoch, worker)
    if reply.is_cancelled:
        raise Stopped
    path = conversations.path(session, reply)[:-1]
    request = MessagesRequest(
        model=reply.model or "",
        max_tokens=prompting.max_tokens,
        messages=transcript.to_api(path),
        system=prompting.system,
        thinking=prompting.thinking,
        is_streamed=reply.is_streamed or prompting.max_tokens > WHOLE_TOKENS,
        user_id=pseudonym(prompting.secret_key, reply.owner_id),
    )
    call = budgets.Call(reply.owner_id, request.model, most(request), reply.id, reply.conversation_id)
    budgets.reserve(session, prompting.rules, call)
    return request


def pseudonym(secret_key: str | None, user_id: str) -> str | None:
    """Give what stands for a person towards Anthropic: the same each time, and nothing that says who it is."""
    return hmac.digest(secret_key.encode(), f"user:{user_id}".encode(), "sha256").hex() if secret_key else None
