"""A server that speaks the Messages API and fails on request, for tests over a real socket.

A test in this process queues answers; a browser test starts the file itself and writes
``[[fault: NAME]]`` into a message, with a name of FAULTS, ``[[reply: NAME SPEED]]``, with the start
of a file's name in tests/corpus and characters a second, ``[[echo: SIZE]]`` and what is to be said, or
``[[load: KEY COUNT SPEED]]``, with how many words and how many a second; what is sent of those is written down.
"""

import json
import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

CORPUS = Path(__file__).parents[1] / "corpus"
TEXT = {"type": "text", "text": ""}
CUT, HANG = object(), object()
SSE = {"content-type": "text/event-stream; charset=utf-8", "request-id": "req_fake12345678"}


@dataclass
class Answer:
    """One answer: bytes are written, numbers and events waited for, CUT breaks off, HANG waits for the client to go."""

    body: list[Any] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(SSE))


def event(kind: str, **fields: Any) -> bytes:
    """Write one event of the wire."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def opening(block: dict[str, Any] | None = None) -> list[bytes]:
    """Give the events before the first delta."""
    usage = {"input_tokens": 12, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-fake", "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": usage}
    block = block or TEXT
    return [
        event("message_start", message=message),
        event("ping"),
        event("content_block_start", index=0, content_block=block),
    ]


def delta(text: str, index: int = 0) -> bytes:
    """Give a piece of text."""
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})


def thinking(text: str) -> bytes:
    """Give a piece of thinking."""
    return event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": text})


def closing(stop_reason: str = "end_turn", index: int = 0) -> list[bytes]:
    """Give the events after the last delta."""
    return [
        event("content_block_stop", index=index),
        event("message_delta", delta={"stop_reason": stop_reason, "stop_sequence": None}, usage={"output_tokens": 34}),
        event("message_stop"),
    ]


def saying(*texts: str, pause_s: float = 0.0, stop_reason: str = "end_turn") -> Answer:
    """Give a whole reply, a delta per text."""
    pieces: list[Any] = [piece for text in texts for piece in (delta(text), pause_s)]
    return Answer([*opening(), *pieces, *closing(stop_reason)])


def failing(status: int, kind: str, message: str = "no", *, code: str | None = None, **headers: str) -> Answer:
    """Give an error with the API's body; ``retry_after="2"`` sets the header."""
    details = {"details": {"error_code": code}} if code else {}
    body = {"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": "req_fail"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    plain = {"content-type": "application/json", "request-id": "req_fail"}
    return Answer([json.dumps(body).encode()], status, plain | named)


def erring(kind: str, *before: bytes) -> Answer:
    """Give an error inside the stream, after ``before``."""
    return Answer([*before, event("error", error={"type": kind, "message": "no"})])


WORDS = "Streams carry what has come, and let the rest come when it can.".split()
HOSTILE = (
    "<script>document.title='owned'</script> <img src=/owned onerror=\"document.title='owned'\">\n\n"
    "[x](javascript:document.title='owned') ![y](http://127.0.0.1:9/owned.png)\n\n"
    '<hx-partial hx-target="#log">owned</hx-partial> '
    "<div hx-get=/owned hx-trigger=load hx-sse:connect=/owned></div>\n\n"
    '[z](https://e.example "<hx-x hx-sse:connect=/owned>") <template shadowrootmode=open><b>owned</b></template>\n\n'
    "```<style>*{display:none}</style>\n</code></pre><script>document.title='owned'</script>\n```\n"
)
SLICED = b"".join(
    step for step in saying("Caf\u00e9 ", "\N{GRINNING FACE}\u2028", "the\n\nend").body if isinstance(step, bytes)
)
SLOW = [f"{word} " for _turn in range(30) for word in WORDS]

FAULTS: dict[str, list[Answer]] = {
    "slow": [saying(*SLOW, pause_s=0.05)],
    "sliced": [Answer([bytes([byte]) for byte in SLICED])],
    "overloaded-once": [failing(529, "overloaded_error"), saying("Here ", "after all.")],
    "overloaded": [failing(529, "overloaded_error")] * 3,
    "rate-limited": [failing(429, "rate_limit_error", retry_after="8"), saying("Here ", "after a wait.")],
    "cut": [Answer([*opening(), delta("This much "), 0.3, delta("arrived"), 0.3, CUT])],
    "error-mid": [erring("overloaded_error", *opening(), delta("This much arrived"))],
    "no-stop": [Answer([*opening(), delta("This much arrived")])],
    "refusal": [saying("I would rather ", "not.", stop_reason="refusal")],
    "max-tokens": [saying("And so ", "on", stop_reason="max_tokens")],
    "unknown-block": [Answer([*opening({"type": "hologram", "x": 1}), *closing()])],
    "html": [Answer([b"<h1>Sign in</h1>"], headers={"content-type": "text/html"})] * 2,
    "hang": [Answer([HANG])],
    "auth": [failing(401, "authentication_error")],
    "xss": [saying(*re.findall("(?s).{1,7}", HOSTILE), pause_s=0.01)],
}


def from_corpus(name: str, speed: float, *, is_thought: bool = False) -> Answer:
    """Give a reply of the corpus in pieces of about a token, perhaps after the thoughts of another."""
    index = int(is_thought)
    pieces = [piece for text in tokens(name) for piece in (delta(text, index), 4 / speed)]
    if not is_thought:
        return Answer([*opening(), *pieces, *closing()])
    thoughts = [piece for text in tokens("03") for piece in (thinking(text), 4 / speed)]
    change = [event("content_block_stop", index=0), event("content_block_start", index=1, content_block=TEXT)]
    return Answer([*opening({"type": "thinking", "thinking": ""}), *thoughts, *change, *pieces, *closing(index=1)])


def tokens(name: str) -> list[str]:
    """Cut a reply of the corpus into pieces of about a token."""
    [path] = CORPUS.glob(f"{name}*.md")
    return re.findall("(?s).{1,4}", path.read_text())


def echo(text: str, size: int) -> Answer:
    """Give a text back in pieces of that many characters."""
    return saying(*(text[start : start + size] for start in range(0, len(text), size)), pause_s=0.002)


def load(key: str, count: int, speed: float) -> Answer:
    """Give so many words that occur nowhere else, so many a second."""
    words = [f"{key}-{turn} " if turn % 10 else f"{key}-{turn}\n\n" for turn in range(1, count + 1)]
    pieces: list[Any] = [piece for word in words for piece in (delta(word), Sent(key, word), 1 / speed)]
    return Answer([*opening(), *pieces, *closing()])


def in_one_piece(answer: Answer) -> Answer:
    """Give what an answer says as a request gets it that is not streamed: all at once, at the end."""
    message: dict[str, Any] = {}
    waits: list[Any] = []
    for step in answer.body:
        if not isinstance(step, bytes):
            waits.append(step)
            continue
        sent = json.loads(step.partition(b"data: ")[2])
        match sent["type"]:
            case "message_start":
                message = sent["message"]
            case "content_block_start":
                message["content"].append(sent["content_block"])
            case "content_block_delta":
                block, piece = message["content"][sent["index"]], sent["delta"]
                kind = piece["type"].removesuffix("_delta")
                message["content"][sent["index"]] = {**block, kind: block.get(kind, "") + piece.get(kind, "")}
            case "message_delta":
                message |= sent["delta"]
                message["usage"] |= sent["usage"]
    headers = {**answer.headers, "content-type": "application/json"}
    return Answer([*waits, json.dumps(message).encode()], 200, headers)


@dataclass(frozen=True)
class Sent:
    """A step that writes down what was sent before it."""

    key: str
    text: str


class FakeClaude:
    """The server; ``answers`` are given first, then what the message's fault says, else a greeting.

    ``listing`` is what is said of models.
    """

    def __init__(self, port: int = 0) -> None:
        self.answers: deque[Answer] = deque()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.closed = 0
        self.listing: Answer | None = None
        self.sent: dict[str, list[str]] = {}
        self._given: dict[str, int] = {}
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler, bind_and_activate=False)
        self._server.request_queue_size = 200
        self._server.server_bind()
        self._server.server_activate()
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> "FakeClaude":
        """Serve in a thread of this process."""
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def serve(self) -> None:
        """Serve until killed."""
        self._server.serve_forever()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: dict[str, Any]) -> Answer:
        """Choose the answer to a request."""
        self.requests.append(request)
        if self.answers:
            return self.answers.popleft()
        content = request["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        if match := re.match(r"(?s)\[\[echo: (\d+)\]\]\s*(.*)", text):
            return echo(match[2], int(match[1]))
        if match := re.search(r"\[\[load: (\w+) (\d+) (\d+)", text):
            self.sent.setdefault(match[1], []).append("")
            return load(match[1], int(match[2]), float(match[3]))
        if match := re.search(r"\[\[(reply|thought): ([\w-]+) (\d+)", text):
            return from_corpus(match[2], float(match[3]), is_thought=match[1] == "thought")
        match = re.search(r"\[\[fault: ([a-z-]+)( [^\]]*)?\]\]", text)
        if match is None:
            return saying("Hello ", "from ", "the ", "fake.")
        turn = self._given[match[0]] = self._given.get(match[0], -1) + 1
        answers = FAULTS[match[1]]
        return answers[turn % len(answers)]


class _Handler(BaseHTTPRequestHandler):
    fake: FakeClaude
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        fake = self.fake
        body = json.dumps({"closed": fake.closed, "requests": len(fake.requests), "sent": fake.sent}).encode()
        listing = fake.listing if self.path.startswith("/v1/models") else None
        body = b"".join(listing.body) if listing else body
        self.send_response(listing.status if listing else 200)
        for name, value in (listing.headers if listing else {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.fake.headers.append({name.lower(): value for name, value in self.headers.items()})
        answer = self.fake.answer(request)
        if not request.get("stream") and answer.status == 200 and "event-stream" in answer.headers["content-type"]:
            answer = in_one_piece(answer)
        try:
            if HANG in answer.body[:1]:
                self._hang()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for chunk in self._paced(answer.body):
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        except (OSError, _Gone):
            self.fake.closed += 1
            self.close_connection = True

    def _paced(self, body: list[Any]) -> Iterator[bytes]:
        for step in body:
            if step is CUT:
                raise _Gone
            if step is HANG:
                self._hang()
            elif isinstance(step, Event):
                step.wait()
            elif isinstance(step, Sent):
                self.fake.sent[step.key][-1] += step.text
            elif isinstance(step, int | float):
                time.sleep(step)
            else:
                yield step

    def _hang(self) -> None:
        self.connection.settimeout(20)
        self.connection.recv(1)
        raise _Gone

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class _Gone(Exception):
    """The connection ends here."""


if __name__ == "__main__":
    FakeClaude(int(sys.argv[1])).serve()
