"""What the templates show of a message: its blocks as HTML, and the figures under a reply."""

from dataclasses import dataclass

from app.adapters.models import Message
from app.core.events import LIVE
from app.core.markdown import CURSOR
from app.web import rendered

__all__ = ["CURSOR", "ShownBlock", "announcement", "blocks", "figures", "is_live", "offers", "words"]

#: How a reply ended, in words; of one that ended as it should, nothing is said.
_STOP_REASONS = {
    "end_turn": "",
    "max_tokens": "length limit",
    "stop_sequence": "stop sequence",
    "tool_use": "tool use",
    "pause_turn": "paused",
    "refusal": "declined",
    "model_context_window_exceeded": "context full",
}


@dataclass(frozen=True, slots=True)
class ShownBlock:
    """A finished content block."""

    type: str
    label: str
    html: str


def blocks(message: Message) -> list[ShownBlock]:
    """Give the blocks of a stored message, rendered."""
    return [_shown(block) for block in message.content]


def is_live(message: Message) -> bool:
    """Say whether a reply is still being written."""
    return message.status in LIVE


def offers(reply: Message, *, is_last: bool = True) -> list[tuple[str, str]]:
    """Give what can be done about a reply that did not end as it should: labels and endpoints."""
    is_cut = reply.status in ("failed", "interrupted", "stopped")
    is_short = reply.status == "done" and reply.stop_reason in ("max_tokens", "pause_turn")
    has_text = bool(reply.text.strip())
    found = [("Continue", "replies.go_on")] if (is_cut or is_short) and has_text and is_last else []
    return found + ([("Retry", "replies.retry")] if is_cut or (reply.status == "done" and not has_text) else [])


def figures(reply: Message) -> list[tuple[str, str]]:
    """Give the small print under a finished reply, as (name, value) pairs.

    How long it was is not known of one that broke off: Claude counts at the end.
    """
    usage = reply.usage or {}
    kinds = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    tokens_in = sum(usage.get(kind) or 0 for kind in kinds)
    found = [
        ("Model", reply.model or ""),
        ("Input", _tokens(tokens_in)),
        ("Output", _tokens(usage.get("output_tokens") or 0) if reply.stop_reason else ""),
        ("First token", f"{reply.first_token_s:.2f} s" if reply.first_token_s is not None else ""),
        ("Total", f"{reply.total_s:.1f} s" if reply.total_s is not None else ""),
        ("Ended", _STOP_REASONS.get(reply.stop_reason or "", reply.stop_reason or reply.status or "")),
        ("Request", (reply.request_id or "")[-8:] if reply.status == "failed" else ""),
    ]
    return [(name, value) for name, value in found if value]


def _tokens(count: int) -> str:
    return f"{count:,} token{'s' * (count != 1)}" if count else ""


def words(reply: Message) -> int:
    """Count the words of a reply."""
    return len(reply.text.split())


def announcement(reply: Message) -> str:
    """Say to a screen reader how a reply ended."""
    if reply.status == "done":
        return f"Answer complete, {words(reply):,} words."
    return reply.note or "The answer ended."


def _shown(block: dict[str, object]) -> ShownBlock:
    kind = str(block.get("type", "unknown"))
    text = str(block.get(kind) or "") if kind in ("text", "thinking") else ""
    return ShownBlock(kind, str(block.get("name") or ""), rendered.html(text) if text else "")
