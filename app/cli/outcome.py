"""How a reply on the command line ended: the exit code, the sentence, and the figures."""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from math import ceil
from typing import Any

from app.core import failing
from app.core.amounts import dollars
from app.core.assembly import Assembly
from app.core.errors import Kind, Upstream
from app.core.events import Event, MessageStart, MessageStop, TextDelta, ThinkingDelta
from app.core.pricing import Tokens, cost, is_known, weight
from app.core.wire import marks


class Exit(IntEnum):
    """Exit codes of ``flask chat``."""

    DONE = 0
    UNWRITTEN = 1
    USAGE = 2
    LATER = 3
    SETUP = 4
    REQUEST = 5
    CUT = 6
    DECLINED = 7
    SCHEMA = 8
    STOPPED = 130
    UNREAD = 141


#: What each exit code means, for --help.
MEANINGS = {
    Exit.DONE: "the reply is complete",
    Exit.UNWRITTEN: "standard output cannot be written",
    Exit.USAGE: "the command cannot be understood",
    Exit.LATER: "Claude is busy or out of reach: try again later",
    Exit.SETUP: "the key, the account or the settings are refused",
    Exit.REQUEST: "Claude rejects the request: too long, not valid, no such model",
    Exit.CUT: "the reply broke off",
    Exit.DECLINED: "Claude declined to answer",
    Exit.SCHEMA: "the reply is not what the schema asks for",
    Exit.STOPPED: "stopped with Ctrl-C",
    Exit.UNREAD: "whoever read standard output is gone",
}

_EXITS: dict[Kind, Exit] = {
    "busy": Exit.LATER,
    "account": Exit.SETUP,
    "foreign": Exit.SETUP,
    "request": Exit.REQUEST,
    "cut": Exit.CUT,
}
#: What is said in a shell in place of what programs are told.
_SENTENCES = {
    "account": "Claude refuses the key or the account. Check ANTHROPIC_API_KEY, and what the account may spend.",
    "foreign": "What came back is not a reply from Claude. Check ANTHROPIC_BASE_URL, and any proxy on the way.",
    "request": "Claude could not accept the request. Check the options, and the schema if there is one.",
    "not_found_error": "Claude does not know the model. Choose another one with --model.",
}
_NOTES = {
    "max_tokens": "The reply reached the length limit. --max-tokens raises it.",
    "model_context_window_exceeded": "The reply ends here because the context window of the model is full.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended; ``code`` names the failure for programs, and is empty where there was none."""

    exit: Exit = Exit.DONE
    sentence: str = ""
    code: str = ""


@dataclass(slots=True)
class Reply:
    """A reply so far, and when its first token and its last event came, in milliseconds."""

    assembly: Assembly = field(default_factory=Assembly)
    id: str | None = None
    first_ms: int | None = None
    total_ms: int | None = None

    def add(self, event: Event) -> None:
        """Take in the next event."""
        self.assembly.add(event)
        if isinstance(event, MessageStart):
            self.id = event.message.get("id")
        elif isinstance(event, TextDelta | ThinkingDelta) and self.first_ms is None:
            self.first_ms = next((at for at, _length in marks(event.marks)), None)
        elif isinstance(event, MessageStop):
            self.total_ms = event.at

    def end(self, at_ms: int) -> None:
        """Say when it ended, if Claude did not."""
        if self.total_ms is None:
            self.total_ms = at_ms


def ended(assembly: Assembly) -> Outcome:
    """Say how a reply ended that Claude completed."""
    if assembly.stop_reason == "refusal":
        return Outcome(Exit.DECLINED, "Claude declined to answer.", "refusal")
    return Outcome(sentence=_NOTES.get(assembly.stop_reason or "", ""))


def failed(error: Upstream) -> Outcome:
    """Say what a failure means to who typed the command."""
    return Outcome(_EXITS[error.kind], failing.sentence(error, _SENTENCES), error.code)


def figures(reply: Reply, *, is_streamed: bool, is_paid: bool = True) -> str:
    """Write what a reply took as one line; empty where nothing came.

    Of one that broke off Claude does not say how much it wrote: that is estimated.
    """
    assembly, usage = reply.assembly, reply.assembly.usage
    if not assembly.model:
        return ""
    tokens = Tokens.of(usage)
    if not assembly.is_complete:
        tokens = replace(tokens, output=max(tokens.output, ceil(weight(assembly.text))))
    about = "" if assembly.is_complete else "about "
    parts = []
    if "input_tokens" in usage:
        thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
        given = _inside({"cached": tokens.read, "written to the cache": tokens.write_5m + tokens.write_1h})
        out = f"{about}{tokens.output:,} out{_inside({'thinking': thought})}"
        parts.append(f"{tokens.prompt:,} tokens in{given}, {out}")
        if is_paid:
            most = about if is_known(assembly.model) else "at most "
            parts.append(f"{most}{dollars(cost(assembly.model, tokens))}")
    end = "total" if assembly.is_complete else "ended after"
    times = {"first token": reply.first_ms if is_streamed else None, end: reply.total_ms}
    parts.append(", ".join(f"{name} {ms / 1000:.2f} s" for name, ms in times.items() if ms is not None))
    parts.append(", ".join(word for word in (assembly.model, assembly.stop_reason) if word))
    return "; ".join(part for part in parts if part)


def _inside(parts: dict[str, int]) -> str:
    words = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count)
    return f" ({words})" if words else ""


def as_json(reply: Reply, outcome: Outcome, **more: Any) -> dict[str, Any]:
    """Give what --json prints: the same keys however it ended."""
    assembly = reply.assembly
    error = {"code": outcome.code, "message": outcome.sentence, "exit": int(outcome.exit)} if outcome.code else None
    return {
        "text": assembly.text,
        "model": assembly.model,
        "stop_reason": assembly.stop_reason,
        "usage": assembly.usage,
        "id": reply.id,
        "request_id": assembly.request_id,
        "first_token_s": None if reply.first_ms is None else reply.first_ms / 1000,
        "total_s": None if reply.total_ms is None else reply.total_ms / 1000,
        "error": error,
        **more,
    }
