"""What is asked of Claude: the conversation so far, and the operator's choices."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from app.adapters.claude import Stopped
from app.chat import conversations, leases, transcript
from app.core.catalog import Model
from app.core.events import Event
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


def begin(session: Session, reply_id: str, epoch: int, worker: str, prompting: Prompting) -> MessagesRequest:
    """Take a queued reply for this worker, and give the request that is to be made; raises Fenced, Stopped."""
    reply = leases.claim(session, reply_id, epoch, worker)
    if reply.is_cancelled:
        raise Stopped
    path = conversations.path(session, reply)[:-1]
    return MessagesRequest(
        model=reply.model or "",
        max_tokens=prompting.max_tokens,
        messages=transcript.to_api(path),
        system=prompting.system,
        thinking=prompting.thinking,
        is_streamed=reply.is_streamed or prompting.max_tokens > WHOLE_TOKENS,
    )
