"""For programs: ask Claude and read the reply as it comes, see what is offered, and the description of all this."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

from flask import Blueprint, Response, jsonify, request, stream_with_context
from werkzeug.datastructures import MIMEAccept

from app.chat import conversations
from app.chat.asking import pseudonym
from app.chat.followed import Followed, say
from app.core.asked import Asked, read
from app.core.errors import (
    Forbidden,
    Invalid,
    Malformed,
    RillError,
    SignInNeeded,
    Unavailable,
    UnsupportedType,
    Upstream,
)
from app.core.events import Event, Json, MessageStart, Retrying, Void
from app.core.request import WHOLE_TOKENS, MessagesRequest
from app.core.schema import follow
from app.web import auth
from app.web.api_forms import Form, PlainText, ServerSentEvents, Source, figures
from app.web.backpressure import bounded, watched
from app.web.frames import PLAIN_LEAVE_S, Stay
from app.web.services import services

bp = Blueprint("api", __name__, url_prefix="/api")

#: Largest request, in bytes: a conversation with some images; Claude takes 32 MB.
MAX_BODY = 20_000_000
#: How long an answer's status waits for what comes first, in seconds: routers give up after 30 s without a byte.
FIRST_S = 10.0
#: How long a stream is silent at most, in seconds.
BEAT_S = 10.0

_SSE, _TEXT, _JSON = "text/event-stream", "text/plain", "application/json"
_DESCRIPTION = Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")


@bp.post("/chat")
def chat() -> Response:
    """Ask Claude, and give the reply as it comes: as server-sent events, as bare text, or at once as JSON."""
    if request.mimetype != _JSON:
        raise UnsupportedType("Send JSON, with the header Content-Type: application/json.")
    asked = read(request.get_data(cache=False))
    services().check(auth.owner())
    _refuse(asked)
    form = _form(asked)
    if form is None:
        return jsonify(_whole(asked))
    pieces = _pieces(asked, form)
    response = Response(stream_with_context(chain([next(pieces)], pieces)), headers=form.headers)
    response.call_on_close(pieces.close)
    return response


@bp.get("/models")
def models() -> Response:
    """Say which models are offered, and what is known of them."""
    offered = services().offer.get(services().options.get().models)
    return jsonify(data=[asdict(model) for model in offered.models], source=offered.source, as_of=offered.as_of)


@bp.get("/openapi.json")
def description() -> Response:
    """Describe the API, as OpenAPI has it, with the models that are offered."""
    described = json.loads(_DESCRIPTION)
    fields = described["components"]["schemas"]["ChatRequest"]["properties"]
    fields["model"]["enum"] = [*services().options.get().models, None]
    return jsonify(described)


def _form(asked: Asked) -> Form | None:
    """Choose how the reply is written; None is all at once, as JSON."""
    kinds = MIMEAccept([(kind.partition(";")[0].strip(), q) for kind, q in request.accept_mimetypes])
    wanted = kinds.best_match((_SSE, _JSON, _TEXT), default=_SSE)
    if asked.schema is not None or asked.stream is False or (wanted == _JSON and asked.stream is None):
        if asked.events:
            raise Malformed("events needs a stream: leave stream out, or accept text/event-stream.")
        return None
    if wanted == _TEXT and not asked.events:
        return PlainText()
    return ServerSentEvents(has_events=asked.events)


def _pieces(asked: Asked, form: Form) -> Generator[bytes, None, None]:
    """Write the reply piece by piece; what goes wrong before the first of them is raised."""
    stay = Stay(auth.watch(services().is_alive), most_s=inf, leave_s=PLAIN_LEAVE_S)
    with _source(asked, is_streamed=True) as source, bounded(request.environ):
        yield form.pieces(_first(source, has_events=asked.events)) or form.beat()
        beat_s = monotonic() + BEAT_S
        while not source.is_over and not stay.is_over():
            written = form.pieces(source.read(max(0.0, beat_s - monotonic())))
            if written or monotonic() >= beat_s:  # thoughts come, too, of which nothing is written
                beat_s = monotonic() + BEAT_S
                yield written or form.beat()
        yield form.pieces(source.read(0))
        if source.error is not None or not source.is_over:
            yield form.error(source.error or _broken_off())
        elif source.assembly.is_complete:
            yield form.last(source)


def _broken_off() -> RillError:
    """Say why nothing more is sent: the worker has to go, or who asked may not come in any more."""
    if services().is_alive():
        return SignInNeeded(auth.NOT_VALID)
    return Unavailable("Rill is restarting. Please ask again in a moment.")


def _whole(asked: Asked) -> dict[str, Any]:
    """Wait for the whole reply; raises what went wrong."""
    stay = Stay(auth.watch(services().is_alive), most_s=inf, leave_s=PLAIN_LEAVE_S)
    with _source(asked, is_streamed=False) as source:
        while not source.is_over and not stay.is_over():
            source.read(BEAT_S)
        if source.error is not None or not source.is_over:
            raise source.error or _broken_off()
        assembly = source.assembly
        text = "".join(block.get("text") or "" for block in assembly.content if block.get("type") == "text")
        found = {"text": text, **figures(source)}
        return found if asked.schema is None else {**found, "parsed": _parsed(text, assembly.stop_reason, asked.schema)}


def _first(source: Source, *, has_events: bool) -> list[Event]:
    """Wait for the first that is written or thought, so that an error before it still has a status of its own."""
    nothing = (Retrying, Void) if has_events else (Retrying, Void, MessageStart)
    until = monotonic() + FIRST_S
    came: list[Event] = []
    while (
        (is_empty := all(isinstance(event, nothing) for event in came)) and not source.is_over and monotonic() < until
    ):
        came += source.read(until - monotonic())
    if is_empty and source.error is not None:
        raise source.error
    return came


@contextmanager
def _source(asked: Asked, *, is_streamed: bool) -> Iterator[Source]:
    built = services()
    if asked.conversation is None:
        wanted = _request(asked, is_streamed=is_streamed)
        with built.directs.call(wanted, auth.owner()) as direct, watched(request.environ, direct.close):
            yield direct
        return
    model = _model(asked)
    sent = built.db.write(say, auth.owner(), asked.conversation, text=asked.message or "", nonce="", model=model)
    followed = Followed(built.db, built.feed, built.runner, sent.reply)
    try:
        with watched(request.environ, followed.close):
            yield followed
    finally:
        followed.leave()


def _refuse(asked: Asked) -> None:
    """Refuse what is not offered to programs."""
    options = services().options.get()
    if not options.has_api:
        raise Forbidden("Programs may not ask here: an administrator has turned /api/chat off.")
    if asked.system is not None and not options.has_api_system:
        why = "an administrator has turned that off" if services().settings.api_system else "RILL_API_SYSTEM"
        raise Forbidden(f"system is not allowed here: the operator's own prompt is used ({why}).")
    if asked.thinking == "adaptive" and not options.has_thinking:
        raise Forbidden("thinking is not allowed here: an administrator has turned it off.")


def _request(asked: Asked, *, is_streamed: bool) -> MessagesRequest:
    options = services().options.get()
    message = None if asked.message is None else conversations.checked(asked.message)
    max_tokens = min(asked.max_tokens or options.max_tokens, options.max_tokens)
    return MessagesRequest(
        model=_model(asked),
        max_tokens=max_tokens,
        messages=asked.messages or [{"role": "user", "content": message}],
        system=options.system_prompt if asked.system is None else asked.system,
        thinking=asked.thinking or options.thinking,
        display=asked.display or "summarized",
        effort=asked.effort,
        schema=asked.schema,
        is_streamed=is_streamed or max_tokens > WHOLE_TOKENS,
        user_id=pseudonym(services().settings.secret_key, auth.owner()),
    )


def _model(asked: Asked) -> str:
    options = services().options.get()
    model = options.model if asked.model is None else asked.model
    if model not in options.models:
        raise Malformed(f"model must be one of: {', '.join(options.models)}.")
    return model


def _parsed(text: str, stop_reason: str | None, schema: Json) -> Any:
    if stop_reason == "refusal":
        raise Invalid("Claude declined to answer this.")
    try:
        return follow(text, schema)
    except ValueError:
        pass
    if stop_reason == "max_tokens":
        raise Invalid("The reply reached max_tokens before the object was complete. Ask for more tokens.")
    raise Upstream("bad_upstream", "What came back does not follow the schema. Please ask again.")
